package distcp

import (
	"strings"

	"drover/internal/fault"
)

// Cause is what a text of distcp means. Its kind says whether doing the same
// again can help.
type Cause struct {
	// ID is stable: documentation and scripts refer to it.
	ID   string
	Kind fault.Kind
	// Means says what happened, Do what to do about it.
	Means, Do string
	// Early says that it happens before anything is changed at the target.
	Early bool
}

// rule recognises a cause by any of its texts in a line of output.
type rule struct {
	texts []string
	cause Cause
}

func (r rule) matches(line string) bool {
	for _, text := range r.texts {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// rules is the table of what distcp and what it calls say, the more telling
// first: when several are in one output the first one is the cause. Texts marked
// "source" were read there, the others provoked with distcp 3.4.2.
func rules() []rule {
	var all []rule
	for _, part := range [][]rule{snapshotRules(), argumentRules(), refusalRules(), dataRules(), reachRules(), otherRules()} {
		all = append(all, part...)
	}
	return all
}

func snapshotRules() []rule {
	return []rule{
		{[]string{"The target has been modified since snapshot"}, Cause{
			"target-modified", fault.Mismatch, "the target was changed since the last common snapshot",
			"list what changed (hdfs snapshotDiff TARGET FROM .), restore the target from its own snapshot, then repeat the round", true,
		}},
		{[]string{"Cannot find the snapshot of directory"}, Cause{
			"snapshot-missing", fault.Mismatch, "one side has no snapshot of that name",
			"give the snapshots the same names on both sides (hdfs dfs -renameSnapshot), or name the last common one as FROM", true,
		}},
		{[]string{"is neither snapshottable nor under a snapshot root", "Directory is not a snapshottable directory"}, Cause{
			"not-snapshottable", fault.InvalidInput, "the NameNode that was asked allows no snapshots on that directory",
			"check that it is the right NameNode (full URIs for distcp, -fs for snapshotDiff), then hdfs dfsadmin -allowSnapshot", true,
		}},
		{[]string{"Input snapshot is not found"}, Cause{
			"input-snapshot-missing", fault.InvalidInput, "the source has no such snapshot",
			"list them (hdfs lsSnapshot SOURCE); beside another cluster name the source by its full URI", true,
		}},
		{[]string{"should be newer than"}, Cause{
			"snapshot-order", fault.InvalidInput, "TO is older than FROM",
			"swap them; to go back use a restore", true,
		}},
		{[]string{"does not support snapshot", "Unsupported source file system", "Unsupported target file system" /* source, before 3.3 */}, Cause{
			"not-hdfs", fault.InvalidInput, "-diff works between hdfs, webhdfs and swebhdfs only",
			"mirror to other storage with drover's own engine", true,
		}},
	}
}

func argumentRules() []rule {
	return []rule{
		{[]string{"is valid only with -update option"}, Cause{
			"diff-without-update", fault.InvalidInput, "-diff needs -update", "add -update", true,
		}},
		{[]string{"-delete and -diff/-rdiff are mutually exclusive"}, Cause{
			"diff-with-delete", fault.InvalidInput, "-diff deletes by itself and refuses -delete", "leave -delete out", true,
		}},
		{[]string{"source paths are provided"}, Cause{
			"several-sources", fault.InvalidInput, "-diff takes one source directory", "run it once for each directory", true,
		}},
		{[]string{"would cause duplicates"}, Cause{
			"duplicate-input", fault.InvalidInput, "two sources hold files of one name", "name one source directory", true,
		}},
		{[]string{"ACLs not supported"}, Cause{
			"acls-unsupported", fault.Unsupported, "one side keeps no ACLs (dfs.namenode.acls.enabled)", "mirror without acl (the a of -p), or enable ACLs there", true,
		}},
		{[]string{"XAttrs not supported"}, Cause{
			"xattrs-unsupported", fault.Unsupported, "one side keeps no extended attributes (dfs.namenode.xattrs.enabled)", "mirror without xattr (the x of -p), or enable them there", true,
		}},
		{[]string{"InvalidInputException: "}, Cause{
			"source-missing", fault.InvalidInput, "a source path does not exist, or an option is misspelled and was taken for one",
			"check the path from the machine distcp runs on (hdfs dfs -ls -d SOURCE)", true,
		}},
		{[]string{"to unknown queue", "Failed to submit application" /* source */}, Cause{
			"yarn-refused", fault.Denied, "YARN did not take the job", "check the queue's name and whether this account may submit to it", false,
		}},
	}
}

func refusalRules() []rule {
	return []rule{
		{[]string{"Superuser privilege is required"}, Cause{
			"superuser", fault.Denied, "the operation is the superuser's", "have the HDFS superuser do it, or run as that account", false,
		}},
		{[]string{"AccessControlException", "Permission denied: user="}, Cause{
			"permission", fault.Denied, "the account distcp runs as may not do that", "grant it access to the inode the message names, or run as an account that has it", false,
		}},
		{
			[]string{
				"Client cannot authenticate via", "GSS initiate failed", "SIMPLE authentication is not enabled", // kerberos.md
				"can't be found in cache", "InvalidToken", // source
			}, Cause{
				"authentication", fault.Denied, "a cluster wants a login this process does not have",
				"get a ticket (kinit) for the account on the machine distcp runs on; for two secure clusters check mapreduce.job.hdfs-servers", false,
			},
		},
		{[]string{"The NameSpace quota"}, Cause{
			"namespace-quota", fault.Denied, "the quota of names at the target is used up", "raise it (hdfs dfsadmin -setQuota) or make room", false,
		}},
		{[]string{"The DiskSpace quota", "Quota by storage type" /* source */, "QuotaExceededException"}, Cause{
			"space-quota", fault.Denied, "the space quota at the target is used up; an open file counts a whole block per replica",
			"raise it (hdfs dfsadmin -setSpaceQuota) or make room", false,
		}},
	}
}

func dataRules() []rule {
	return []rule{
		{[]string{"could only be written to 0 of", "could only be replicated to 0 nodes" /* source, 2.x */, "No space left on device" /* source */}, Cause{
			"no-space", fault.Unavailable, "no DataNode of the target takes a block: full, down, or out of reach of the copying machines",
			"look at hdfs dfsadmin -report of the target, make room or open the DataNodes' ports", false,
		}},
		{[]string{"Source and target differ in block-size"}, Cause{
			"block-size", fault.InvalidInput, "checksums cannot be compared because block sizes differ",
			"preserve the block size (b of -p), or set dfs.checksum.combine.mode=COMPOSITE_CRC", false,
		}},
		{[]string{"Checksum mismatch between", "Check-sum mismatch between" /* source, before 3.3 */}, Cause{
			"checksum", fault.Mismatch, "a copied file differs from its source",
			"check for encryption zones, differing checksum types, and files with short blocks in their middle (set dfs.checksum.combine.mode=COMPOSITE_CRC), then repeat", false,
		}},
		{[]string{"Mismatch in length of source" /* source */}, Cause{
			"length", fault.Mismatch, "a source file changed while it was copied",
			"copy from a snapshot; a file open at the snapshot wants dfs.namenode.snapshot.capture.openfiles", false,
		}},
		{[]string{"Could not obtain block" /* source */, "BlockMissingException" /* source */}, Cause{
			"block-missing", fault.Unavailable, "a block of the source cannot be read", "look at hdfs fsck of the source, and whether its DataNodes can be reached", false,
		}},
	}
}

func reachRules() []rule {
	return []rule{
		{[]string{"is not supported in state standby"}, Cause{
			"standby", fault.Unavailable, "the NameNode named is the standby", "name the nameservice instead of one NameNode", false,
		}},
		{[]string{"is in safe mode"}, Cause{
			"safe-mode", fault.Unavailable, "the NameNode is in safe mode", "wait until it leaves (hdfs dfsadmin -safemode get)", false,
		}},
		{[]string{"UnknownHostException"}, Cause{
			"unknown-host", fault.InvalidInput, "the machine distcp runs on knows no host or nameservice of that name",
			"put both nameservices into its hdfs-site.xml (dfs.nameservices, dfs.ha.namenodes.…, dfs.client.failover.proxy.provider.…)", false,
		}},
		{
			[]string{"ConnectException", "NoRouteToHostException" /* source */, "ConnectTimeoutException" /* source */, "SocketTimeoutException" /* source */}, Cause{
				"unreachable", fault.Unavailable, "a NameNode or DataNode cannot be reached from there", "check host, port and firewall from the machine distcp runs on", false,
			},
		},
	}
}

func otherRules() []rule {
	return []rule{
		{[]string{"failed with state KILLED" /* source */}, Cause{
			"job-killed", fault.Aborted, "somebody killed the MapReduce job", "ask who; then treat the target as half done", false,
		}},
		{[]string{"java.lang.OutOfMemoryError" /* source */}, Cause{
			"out-of-memory", fault.InvalidInput, "the listing did not fit into the client's heap", "raise it (HADOOP_CLIENT_OPTS=-Xmx…), or copy smaller directories", false,
		}},
		{[]string{"JAVA_HOME is not set" /* source */}, Cause{
			"no-java", fault.InvalidInput, "the hadoop command finds no java", "set JAVA_HOME in the job's environment or in hadoop-env.sh", true,
		}},
		{[]string{"Failed to use snapshot diff for distcp" /* source */}, Cause{
			"sync-broke-off", fault.Mismatch, "renames and deletes at the target broke off half way", "restore the target from its own snapshot, then repeat the round", false,
		}},
		{[]string{"DistCp sync failed"}, Cause{
			"sync-failed", fault.Mismatch, "distcp would not apply the difference; the warning above it says why", "read the job's stderr", false,
		}},
	}
}

// ExitMeaning names what distcp ended with. A shell sees the low byte of the
// codes in org.apache.hadoop.tools.DistCpConstants: -1, -2, -3, -4 and -999.
func ExitMeaning(code int) string {
	switch code {
	case 0:
		return "success"
	case 255:
		return "invalid argument"
	case 254:
		return "duplicate input"
	case 253:
		return "ACLs not supported"
	case 252:
		return "XAttrs not supported"
	case 25:
		return "copy failed"
	case 126, 127:
		return "command not found or not executable"
	case 1:
		return "the hadoop command itself failed"
	}
	if code > 128 && code < 165 {
		return "ended by a signal"
	}
	return "unknown"
}

// Package check is the preflight of an HBase migration: Gather looks at both
// clusters without changing anything, Judge turns what was seen into findings.
// Judge is pure, so every rule is tested without a cluster.
package check

import (
	"drover/internal/hadoop/namenode"
	"drover/internal/hbase"
	"drover/internal/reach"
)

// Facts is all that preflight saw.
type Facts struct {
	Source ClusterFacts
	Target ClusterFacts
	Tables []TableFacts
	PeerID string
	RunKey string
	// PeerTaken describes the source's peer of that id, "" when there is none.
	PeerTaken string
	// PeerModification is false when the source's switch forbids peer changes.
	PeerModification bool
	// BulkLoadReplication is whether hfile-refs shows that the source
	// replicates bulk loads.
	BulkLoadReplication bool
	// WALCompression is whether the newest WAL of the source says so;
	// WALUnread tells why no WAL could be read, "" when one was.
	WALCompression bool
	WALUnread      string
}

// ClusterFacts is one cluster.
type ClusterFacts struct {
	Site       string
	ClusterKey string
	// Unreachable says what could not be reached and why, by part: "hbase" or
	// "hdfs". Nothing else of an unreachable part is judged.
	Unreachable map[string]string
	ClusterID   string
	Version     string
	// Ports are the servers of HBase and ZooKeeper and what dialling them from
	// the worker gave.
	Ports []reach.Port
	// DataNodes are those of the HDFS, as far as they could be named.
	DataNodes namenode.Reached
	// Leftovers lists snapshots, peers and tables that an earlier run of
	// Drover left.
	Leftovers []string
	Capacity  int64 // bytes of the HDFS, or of the quota if that leaves less
	Free      int64 // bytes, replicas counted
	// Quota names the directory whose quota leaves less than the HDFS has, ""
	// when none does.
	Quota string
	// NameQuota is how many files and directories there may be in hbase.rootdir,
	// 0 for any number; Names is how many there are.
	NameQuota, Names int64
	// QuotaUnread says why the quotas are not known, "" when they are.
	QuotaUnread string
	// Denied lists directories that the worker's user may not use as a run must:
	// read at the source, write at the target.
	Denied []string
	// Replication is what new files of the HDFS get; 0 if not known.
	Replication int
}

// TableFacts is one table on both sides.
type TableFacts struct {
	Name         hbase.TableName
	Exists       bool
	Enabled      bool
	ReadOnly     bool
	Families     []FamilyFacts
	Regions      int
	Splitting    []string // regions in a split or merge, and procedures
	StoreBytes   int64    // bytes in store files, before replication
	StoreFiles   int
	SchemaErrors []string // what the target's own sanity check refused
	SchemaUnseen string   // why that check could not be asked
	// MOBLinks is whether MOB files of the table are links (the table is
	// itself a clone), which HBase cannot snapshot.
	MOBLinks        bool
	TargetExists    bool
	TargetNamespace bool
}

// FamilyFacts is what preflight says about a column family.
type FamilyFacts struct {
	Name  string
	Scope int
	MOB   bool
	TTL   string
}

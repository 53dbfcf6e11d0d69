package check

import (
	"fmt"
	"sort"
	"strings"

	"github.com/dustin/go-humanize"

	"drover/internal/hbase"
	"drover/internal/preflight"
	"drover/internal/reach"
)

// Judge turns facts into findings, the blocking ones first. It reports all of
// them at once: an operator mends them in one go.
func Judge(f Facts) []preflight.Finding {
	j := &judge{}
	j.reachable(f.Source)
	j.reachable(f.Target)
	if j.up(f.Source) && j.up(f.Target) {
		j.clusters(f)
		j.peers(f)
	}
	if j.up(f.Source) {
		j.replication(f)
	}
	for _, t := range f.Tables {
		j.table(f, t)
	}
	j.access(f)
	j.space(f)
	sort.SliceStable(j.findings, func(a, b int) bool {
		return rank[j.findings[a].Severity] < rank[j.findings[b].Severity]
	})
	return j.findings
}

var rank = map[preflight.Severity]int{preflight.Block: 0, preflight.Warn: 1, preflight.Info: 2}

type judge struct{ findings []preflight.Finding }

func (j *judge) add(id string, sev preflight.Severity, subject, seen, do string) {
	j.findings = append(j.findings, preflight.Finding{ID: id, Severity: sev, Subject: subject, Seen: seen, Do: do})
}

func (j *judge) up(c ClusterFacts) bool { return c.Unreachable["hbase"] == "" }

func (j *judge) reachable(c ClusterFacts) {
	for _, part := range []string{"hbase", "hdfs"} {
		if why := c.Unreachable[part]; why != "" {
			j.add("cluster-unreachable", preflight.Block, c.Site+" "+part, why,
				"check the site's addresses in the configuration, and that the worker's host reaches them")
		}
	}
	for _, p := range reach.Closed(c.Ports) {
		j.add("port-closed", preflight.Block, c.Site, p.String(),
			"open the port from the source's masters and region servers and from the worker to this host")
	}
	j.findings = append(j.findings, c.DataNodes.Findings(c.Site)...)
	if why := c.DataNodes.Unlisted; why != "" {
		j.add("datanodes-unlisted", preflight.Info, c.Site, fmt.Sprintf("only %d DataNodes could be probed: %s", len(c.DataNodes.DataNodes), why),
			"see that the worker's host reaches the data transfer port of every DataNode: hdfs dfsadmin -report lists them")
	}
}

// peers says which connections nobody can try from here: those that the
// clusters make to each other.
func (j *judge) peers(f Facts) {
	var wanted []reach.Port
	for _, p := range f.Target.Ports {
		if p.Role != hbase.RoleMaster {
			wanted = append(wanted, reach.Port{Role: p.Role, Addr: p.Addr})
		}
	}
	if len(wanted) == 0 {
		return
	}
	seen := fmt.Sprintf("the region servers of %s must reach %s: from the worker it cannot be seen whether they do", f.Source.Site, reach.List(wanted))
	if f.BulkLoadReplication {
		seen += fmt.Sprintf("; nor whether the region servers of %s reach the HDFS of %s, from where they fetch bulk-loaded files", f.Target.Site, f.Source.Site)
	}
	j.add("peer-unprobed", preflight.Info, f.Source.Site, seen,
		"try it from there; what is closed shows when the peer is enabled, as a catch-up that does not end")
}

func (j *judge) clusters(f Facts) {
	if f.Source.ClusterID == f.Target.ClusterID {
		j.add("same-cluster", preflight.Block, f.Source.Site+", "+f.Target.Site,
			"both sites are the cluster "+f.Source.ClusterID, "name two different clusters")
	}
	for _, c := range []ClusterFacts{f.Source, f.Target} {
		j.version(c)
		for _, l := range c.Leftovers {
			j.add("leftover", preflight.Warn, c.Site, l+" of an earlier run is still there",
				"abort or finish that run, or delete it by hand when the run is gone")
		}
	}
	if older(f.Target.Version, "2.5.11") || strings.HasPrefix(f.Target.Version, "2.6.") && older(f.Target.Version, "2.6.2") {
		j.add("target-version-bugs", preflight.Warn, f.Target.Site,
			"HBase "+f.Target.Version+" has HBASE-29111 (a clone of a split table can lose files when its snapshot is deleted) and HBASE-28850 (replication sink)",
			"upgrade the target to 2.5.11 or 2.6.2, or keep the snapshots until the table was major-compacted")
	}
}

func (j *judge) version(c ClusterFacts) {
	switch {
	case strings.HasPrefix(c.Version, "2.5."):
	case older(c.Version, "2.1.0"):
		j.add("version-unsupported", preflight.Block, c.Site, "HBase "+c.Version+" has no peer procedures",
			"upgrade to 2.5 or 2.6; 1.x also needs hbase.replication=true and a restart of both clusters")
	case !older(c.Version, "3.0.0"):
		// Its queues are rows of hbase:replication: read from ZooKeeper, as the
		// drain proof does, they would always look empty.
		j.add("version-unsupported", preflight.Block, c.Site, "HBase "+c.Version+" keeps its replication queues in a table, where the drain proof does not look",
			"migrate from and to 2.5 or 2.6")
	default:
		j.add("version-untested", preflight.Warn, c.Site, "HBase "+c.Version+" was not run with Drover (2.5.13 was)",
			"rehearse on copies of the clusters first")
	}
}

func (j *judge) replication(f Facts) {
	s := f.Source.Site
	if f.PeerTaken != "" {
		j.add("peer-taken", preflight.Block, s, "peer "+f.PeerID+" exists: "+f.PeerTaken, "remove it, or start under another workflow id")
	}
	if !f.PeerModification {
		j.add("peer-modification-off", preflight.Block, s, "replication peer modification is switched off", "switch it on: peer_modification_switch true")
	}
	if f.WALCompression {
		j.add("wal-compression", preflight.Block, s, "WALs are compressed (hbase.regionserver.wal.enablecompression): replication of compressed WALs is documented as unsafe (HBASE-26849)",
			"switch WAL compression off and restart the region servers")
	}
	if f.WALUnread != "" {
		j.add("wal-compression-unknown", preflight.Warn, s, "no WAL could be read to see whether it is compressed: "+f.WALUnread, "check hbase.regionserver.wal.enablecompression yourself")
	}
	if !f.BulkLoadReplication {
		j.add("bulkload-replication-off", preflight.Warn, s, "nothing shows that bulk loads are replicated (hbase.replication.bulkload.enabled, which is seen once a peer was added)",
			"stop bulk loads into these tables for the migration; one that happens is found by the delta proof and stops the cutover")
	}
}

func (j *judge) table(f Facts, t TableFacts) {
	name := t.Name.String()
	if j.up(f.Source) {
		j.sourceTable(f, t, name)
	}
	if !j.up(f.Target) {
		return
	}
	if t.TargetExists {
		j.add("target-table-exists", preflight.Block, name, "the table is already there on "+f.Target.Site, "drop or rename it: Drover never overwrites a table")
	}
	if !t.TargetNamespace {
		j.add("namespace-absent", preflight.Info, name, "namespace "+t.Name.Namespace+" is absent on "+f.Target.Site, "nothing: it is created, and removed again on abort")
	}
	for _, e := range t.SchemaErrors {
		j.add("schema-refused", preflight.Block, name, "the target's own check of the schema says: "+e, "install the codec, coprocessor or policy there, or take it off the table")
	}
	if t.SchemaUnseen != "" {
		j.add("schema-unchecked", preflight.Warn, name, "the target was not asked whether it can open this schema: "+t.SchemaUnseen, "compare codecs and coprocessors yourself")
	}
}

func (j *judge) sourceTable(f Facts, t TableFacts, name string) {
	if !t.Exists {
		j.add("table-missing", preflight.Block, name, "no such table on "+f.Source.Site, "check the name; a namespaced table is written ns:table")
		return
	}
	if !t.Enabled {
		j.add("table-disabled", preflight.Block, name, "the table is not enabled on "+f.Source.Site, "enable it: a disabled table needs no online migration")
	}
	if t.ReadOnly {
		j.add("table-readonly", preflight.Block, name, "READONLY is already set on "+f.Source.Site, "find out who set it and lift it: the scope change and the flush need a writable table")
	}
	for _, s := range t.Splitting {
		j.add("split-running", preflight.Warn, name, s, "nothing if it is short: the snapshot waits for it")
	}
	if t.MOBLinks {
		j.add("mob-links", preflight.Block, name, "MOB files of this table are links: it is a clone, and HBase cannot snapshot it", "copy the table into a fresh one first")
	}
	for _, fam := range t.Families {
		if fam.MOB {
			j.add("mob-target", preflight.Warn, name, "family "+fam.Name+" is MOB: HBase cannot snapshot the table at the target until its MOB links are compacted away",
				"plan backups at the target accordingly; the delta proof compares this table in full")
		}
		if fam.TTL != "" {
			j.add("ttl", preflight.Info, name, "family "+fam.Name+" has a TTL of "+fam.TTL+" s", "keep the clusters' clocks together: cells expire on both sides by their own clock")
		}
	}
}

// space asks for room for one copy at the target, and for the WALs that a
// disabled peer pins at the source: as much as the tables' own size is taken
// as the sign of a source that is about to run full.
func (j *judge) space(f Facts) {
	var need, names int64
	for _, t := range f.Tables {
		need += t.StoreBytes
		names += int64(t.StoreFiles + t.Regions*(1+len(t.Families)))
	}
	replicas := int64(max(1, f.Target.Replication))
	if f.Target.Unreachable["hdfs"] == "" && f.Target.Free < replicas*(need+need/10) {
		j.add("target-space", preflight.Block, f.Target.Site, fmt.Sprintf("the copy needs %s (%s, %d times replicated), %s are free %s", size(replicas*need), size(need), replicas, size(f.Target.Free), f.Target.where()), "free or add space at the target")
	}
	if left := f.Target.NameQuota - f.Target.Names; f.Target.NameQuota > 0 && left < names {
		j.add("target-names", preflight.Block, f.Target.Site, fmt.Sprintf("the copy needs about %d names, the quota of hbase.rootdir leaves %d", names, left), "raise its quota: hdfs dfsadmin -setQuota")
	}
	for _, c := range []ClusterFacts{f.Source, f.Target} {
		if c.QuotaUnread != "" {
			j.add("quota-unread", preflight.Info, c.Site, "whether a quota of hbase.rootdir leaves less room is not known: "+c.QuotaUnread, "look yourself: hdfs dfs -count -q")
		}
	}
	if f.Source.Unreachable["hdfs"] == "" && f.Source.Free <= f.Source.Capacity/10 {
		j.add("source-space", preflight.Block, f.Source.Site, fmt.Sprintf("%s of %s are free %s, a tenth or less: the disabled peer keeps every WAL of the cluster until it is enabled", size(f.Source.Free), size(f.Source.Capacity), f.Source.where()), "free space at the source first")
	}
}

func size(n int64) string { return humanize.IBytes(uint64(max(0, n))) }

// where says what the room is measured in.
func (c ClusterFacts) where() string {
	if c.Quota == "" {
		return "on HDFS"
	}
	return "in the space quota of " + c.Quota
}

// access tells what the user may not do, before the first file shows it.
func (j *judge) access(f Facts) {
	if dirs := f.Source.Denied; len(dirs) > 0 {
		j.add("source-unreadable", preflight.Block, f.Source.Site, "the worker's user may not list "+strings.Join(dirs, ", "),
			"configure hdfs.user as the user that HBase runs as there, or one who may read all of hbase.rootdir")
	}
	if dirs := f.Target.Denied; len(dirs) > 0 {
		j.add("target-unwritable", preflight.Block, f.Target.Site, "the worker's user may not write to "+strings.Join(dirs, ", "),
			"configure hdfs.user as the user that HBase runs as there: its master must be able to link, move and delete what is written")
	}
}

// older compares dotted versions by number; suffixes such as -hadoop3 and
// parts that are no numbers count as 0.
func older(v, than string) bool {
	a, b := parts(v), parts(than)
	for i := range b {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

func parts(v string) [3]int {
	var out [3]int
	v, _, _ = strings.Cut(v, "-")
	for i, p := range strings.SplitN(v, ".", 3) {
		_, _ = fmt.Sscanf(p, "%d", &out[i]) // not a number: 0
	}
	return out
}

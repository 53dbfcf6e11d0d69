package check_test

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"testing"

	"drover/internal/hbase"
	"drover/internal/hbase/check"
	"drover/internal/preflight"
	"drover/internal/reach"
)

const gib = 1 << 30

// sound are facts of two clusters and a table with nothing to complain about.
func sound() check.Facts {
	cluster := func(site string) check.ClusterFacts {
		return check.ClusterFacts{Site: site, ClusterID: "id-" + site, Version: "2.5.13-hadoop3", Capacity: 100 * gib, Free: 50 * gib}
	}
	return check.Facts{
		Source: cluster("a"), Target: cluster("b"), PeerID: "p", PeerModification: true, BulkLoadReplication: true,
		Tables: []check.TableFacts{{
			Name: hbase.TableName{Namespace: "default", Qualifier: "t"}, Exists: true, Enabled: true,
			TargetNamespace: true, StoreBytes: gib, Families: []check.FamilyFacts{{Name: "f"}},
		}},
	}
}

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name, id, subject string
		severity          preflight.Severity
		spoil             func(*check.Facts)
	}{
		{"HBase away", "cluster-unreachable", "b hbase", preflight.Block, func(f *check.Facts) { f.Target.Unreachable = map[string]string{"hbase": "refused"} }},
		{"HDFS away", "cluster-unreachable", "a hdfs", preflight.Block, func(f *check.Facts) { f.Source.Unreachable = map[string]string{"hdfs": "refused"} }},
		{"a DataNode of two", "datanode-closed", "b", preflight.Warn, func(f *check.Facts) { f.Target.DataNodes.DataNodes = append(closed("h1:9866"), reach.Port{}) }},
		{"the only DataNode", "datanode-closed", "a", preflight.Block, func(f *check.Facts) { f.Source.DataNodes.DataNodes = closed("h1:9866") }},
		{"DataNodes that only superusers may list", "datanodes-unlisted", "a", preflight.Info, func(f *check.Facts) { f.Source.DataNodes.Unlisted = "denied" }},
		{"one cluster twice", "same-cluster", "a, b", preflight.Block, func(f *check.Facts) { f.Target.ClusterID = f.Source.ClusterID }},
		{"HBase 1", "version-unsupported", "a", preflight.Block, func(f *check.Facts) { f.Source.Version = "1.4.9" }},
		{"HBase 2.0", "version-unsupported", "a", preflight.Block, func(f *check.Facts) { f.Source.Version = "2.0.6" }},
		{"HBase 3, beta included", "version-unsupported", "a", preflight.Block, func(f *check.Facts) { f.Source.Version = "3.0.0-beta-1" }},
		{"no version", "version-unsupported", "a", preflight.Block, func(f *check.Facts) { f.Source.Version = "" }},
		{"HBase 2.4", "version-untested", "a", preflight.Warn, func(f *check.Facts) { f.Source.Version = "2.4.18" }},
		{"an old 2.5 at the target", "target-version-bugs", "b", preflight.Warn, func(f *check.Facts) { f.Target.Version = "2.5.9-hadoop3" }},
		{"HBase 2.6", "version-untested", "b", preflight.Warn, func(f *check.Facts) { f.Target.Version = "2.6.2" }},
		{"a leftover", "leftover", "b", preflight.Warn, func(f *check.Facts) { f.Target.Leftovers = []string{"snapshot s"} }},
		{"the peer id taken", "peer-taken", "a", preflight.Block, func(f *check.Facts) { f.PeerTaken = "another target" }},
		{"peers frozen", "peer-modification-off", "a", preflight.Block, func(f *check.Facts) { f.PeerModification = false }},
		{"compressed logs", "wal-compression", "a", preflight.Block, func(f *check.Facts) { f.WALCompression = true }},
		{"unread logs", "wal-compression-unknown", "a", preflight.Warn, func(f *check.Facts) { f.WALUnread = "no log" }},
		{"bulk loads not replicated", "bulkload-replication-off", "a", preflight.Warn, func(f *check.Facts) { f.BulkLoadReplication = false }},
		{"no table", "table-missing", "t", preflight.Block, func(f *check.Facts) { f.Tables[0].Exists = false }},
		{"a disabled table", "table-disabled", "t", preflight.Block, func(f *check.Facts) { f.Tables[0].Enabled = false }},
		{"a read-only table", "table-readonly", "t", preflight.Block, func(f *check.Facts) { f.Tables[0].ReadOnly = true }},
		{"a running split", "split-running", "t", preflight.Warn, func(f *check.Facts) { f.Tables[0].Splitting = []string{"r1"} }},
		{"a cloned MOB table", "mob-links", "t", preflight.Block, func(f *check.Facts) { f.Tables[0].MOBLinks = true }},
		{"a MOB family", "mob-target", "t", preflight.Warn, func(f *check.Facts) { f.Tables[0].Families[0].MOB = true }},
		{"a family with TTL", "ttl", "t", preflight.Info, func(f *check.Facts) { f.Tables[0].Families[0].TTL = "60" }},
		{"the table at the target", "target-table-exists", "t", preflight.Block, func(f *check.Facts) { f.Tables[0].TargetExists = true }},
		{"no namespace at the target", "namespace-absent", "t", preflight.Info, func(f *check.Facts) { f.Tables[0].TargetNamespace = false }},
		{"a codec the target lacks", "schema-refused", "t", preflight.Block, func(f *check.Facts) { f.Tables[0].SchemaErrors = []string{"no codec"} }},
		{"a schema nobody asked about", "schema-unchecked", "t", preflight.Warn, func(f *check.Facts) { f.Tables[0].SchemaUnseen = "no answer" }},
		{"no room at the target", "target-space", "b", preflight.Block, func(f *check.Facts) { f.Target.Free = gib }},
		{"room for one replica of three", "target-space", "b", preflight.Block, func(f *check.Facts) { f.Target.Free, f.Target.Replication = 2*gib, 3 }},
		{"a quota that leaves no room", "target-space", "b", preflight.Block, func(f *check.Facts) { f.Target.Free, f.Target.Quota = 0, "/hbase" }},
		{"quotas that could not be read", "quota-unread", "b", preflight.Info, func(f *check.Facts) { f.Target.QuotaUnread = "too long" }},
		{"a quota of names", "target-names", "b", preflight.Block, func(f *check.Facts) { f.Tables[0].StoreFiles, f.Target.NameQuota, f.Target.Names = 5, 100, 96 }},
		{"a source that may not be read", "source-unreadable", "a", preflight.Block, func(f *check.Facts) { f.Source.Denied = []string{"/hbase/data"} }},
		{"a target that may not be written", "target-unwritable", "b", preflight.Block, func(f *check.Facts) { f.Target.Denied = []string{"/hbase/archive"} }},
		{"no disk at all", "source-space", "a", preflight.Block, func(f *check.Facts) { f.Source.Capacity, f.Source.Free = 0, 0 }},
		{"no room for logs", "source-space", "a", preflight.Block, func(f *check.Facts) { f.Source.Free = gib }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			facts := sound()
			tc.spoil(&facts)
			found := check.Judge(facts)
			if len(found) != 1 {
				t.Fatalf("findings %+v, want %s alone", found, tc.id)
			}
			f := found[0]
			if f.ID != tc.id || f.Severity != tc.severity || f.Subject != tc.subject || f.Seen == "" || f.Do == "" {
				t.Errorf("finding %+v, want %s %s about %s, with what was seen and what to do", f, tc.severity, tc.id, tc.subject)
			}
		})
	}
}

func TestAnOldHBase26IsUntestedAndHasBugs(t *testing.T) {
	facts := sound()
	facts.Target.Version = "2.6.1"
	var ids []string
	for _, f := range check.Judge(facts) {
		ids = append(ids, f.ID)
	}
	slices.Sort(ids)
	if want := []string{"target-version-bugs", "version-untested"}; !slices.Equal(ids, want) {
		t.Errorf("findings %v, want %v", ids, want)
	}
}

func TestJudgeIsSilentAboutSoundClusters(t *testing.T) {
	if found := check.Judge(sound()); len(found) != 0 {
		t.Errorf("findings %+v, want none", found)
	}
}

func TestJudgeReportsAllAtOnceTheBlockingFirst(t *testing.T) {
	facts := sound()
	facts.BulkLoadReplication = false
	facts.Tables[0].Families[0].TTL = "60"
	facts.PeerTaken = "x"
	facts.Tables[0].TargetExists = true
	var ids []string
	for _, f := range check.Judge(facts) {
		ids = append(ids, f.ID)
	}
	if want := []string{"peer-taken", "target-table-exists", "bulkload-replication-off", "ttl"}; !slices.Equal(ids, want) {
		t.Errorf("findings %v, want %v", ids, want)
	}
}

// TestEveryFindingIsInTheRunbook: an id is what an operator looks up.
func TestEveryFindingIsInTheRunbook(t *testing.T) {
	page, err := os.ReadFile("../../../docs/runbooks/hbase-migration.md")
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{"datanode-closed"} // made by package namenode
	code, err := os.ReadFile("judge.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`j\.add\("([a-z-]+)"`).FindAllSubmatch(code, -1) {
		ids = append(ids, string(m[1]))
	}
	if len(ids) < 30 {
		t.Errorf("found %d ids in judge.go, where there are more", len(ids))
	}
	for _, id := range ids {
		if !bytes.Contains(page, []byte("`"+id+"`")) {
			t.Errorf("finding %s is not in docs/runbooks/hbase-migration.md", id)
		}
	}
}

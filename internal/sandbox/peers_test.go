//go:build cluster

package sandbox_test

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"

	"drover/internal/hbase"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
)

// TestPeersRun runs each Java tool that benchmarks hold drover against, on a
// small table: that they start, find both clusters and end well.
func TestPeersRun(t *testing.T) {
	s := sandboxtest.Shared(t)
	name := "peers_" + strings.ToLower(rand.Text()[:8])
	a, b := s.Sites()["a"], s.Sites()["b"]
	source, target := openSite(t, a), openSite(t, b)
	table := hbase.TableName{Namespace: "default", Qualifier: name}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, c := range []*hbase.Cluster{source, target} {
			if err := c.DeleteSnapshot(ctx, name); err != nil {
				t.Errorf("clean up snapshot %s: %v", name, err)
			}
			if err := c.DropTable(ctx, table, hbase.NonceFor(rand.Text())); err != nil {
				t.Errorf("clean up table %s: %v", name, err)
			}
		}
	})
	run := func(tool sandbox.JavaOptions, class string, args ...string) sandbox.JavaResult {
		t.Helper()
		got, err := s.RunJava(t.Context(), "a", tool, class, args...)
		if err != nil || got.ExitCode != 0 {
			t.Fatalf("%s: %v, exit %d\n%s\n%s", class, err, got.ExitCode, got.Stdout, got.Stderr)
		}
		t.Logf("%s: %v wall, %v CPU, %d MB", class, got.Wall, got.CPU(), got.MaxRSS>>20)
		return got
	}

	run(sandbox.JavaOptions{LoadTools: true}, "org.apache.hadoop.hbase.PerformanceEvaluation", "--nomapred", "--table="+name,
		"--presplit=2", "--rows=1000", "--valueSize=100", "--autoFlush=false", "sequentialWrite", "1")
	if err := source.Snapshot(t.Context(), hbase.SnapshotSpec{Name: name, Table: table, Nonce: hbase.NonceFor(name)}); err != nil {
		t.Fatal(err)
	}
	run(sandbox.JavaOptions{}, "org.apache.hadoop.hbase.snapshot.ExportSnapshot", "--snapshot", name,
		"--copy-from", a.RootDir, "--copy-to", b.RootDir, "--mappers", "2")
	if err := target.RestoreSnapshot(t.Context(), name, table, hbase.NonceFor(name)); err != nil {
		t.Fatal(err)
	}
	hashes := "file://" + filepath.Join(t.TempDir(), "hashes")
	run(sandbox.JavaOptions{}, "org.apache.hadoop.hbase.mapreduce.HashTable", "--batchsize=32000", name, hashes)
	got := run(sandbox.JavaOptions{}, "org.apache.hadoop.hbase.mapreduce.SyncTable", "--dryrun=true",
		"--targetzkcluster="+clusterKey(b), hashes, name, name)
	wantCounter(t, got, "MATCHINGROWS=", "HASHES_MATCHED=")
	got = run(sandbox.JavaOptions{}, "org.apache.hadoop.hbase.mapreduce.replication.VerifyReplication",
		"-Dhbase.mapreduce.scan.cachedrows=1000", "--versions=10", clusterKey(b), name)
	wantCounter(t, got, "GOODROWS=1000")
}

// wantCounter wants one of the counters in what a MapReduce tool said.
func wantCounter(t *testing.T, got sandbox.JavaResult, counters ...string) {
	t.Helper()
	for _, counter := range counters {
		if strings.Contains(string(got.Stderr), counter) {
			return
		}
	}
	t.Errorf("output lacks %v:\n%s", counters, got.Stderr)
}

func openSite(t *testing.T, site sandbox.Site) *hbase.Cluster {
	t.Helper()
	c, err := hbase.Open(hbase.Config{Quorum: site.Quorum, ZNodeParent: site.ZNodeParent, RootDir: site.RootDir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close cluster %s: %v", site.Name, err)
		}
	})
	return c
}

// clusterKey is how the Java tools name a cluster: host:port:parent.
func clusterKey(site sandbox.Site) string { return site.Quorum + ":" + site.ZNodeParent }

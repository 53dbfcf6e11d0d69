//go:build cluster

package hbase_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover/internal/hbase"
	"drover/internal/sandbox"
)

// bulkLoadsShowWithTheFirstPeer is about what cannot be known before: it wants a
// cluster that never had a peer.
func bulkLoadsShowWithTheFirstPeer(t *testing.T, s *sandbox.Sandbox) {
	ctx, f := fixtureOn(t, s)
	if enabled, peers, err := f.a.HFileRefs(ctx, ""); err != nil || enabled {
		t.Errorf("without a peer: enabled %t, %v, %v: the finding bulkload-replication-off says less than it could", enabled, peers, err)
	}
}

// bulkLoadIsShipped bulk loads into a table whose peer cannot take it: the proof
// must see the references and wait, and what it proves is that the files have
// arrived.
func bulkLoadIsShipped(t *testing.T, s *sandbox.Sandbox) {
	ctx, f := fixtureOn(t, s)
	n, p := f.pair(ctx, t, "bulk")
	if enabled, refs, err := f.a.HFileRefs(ctx, p.ID); err != nil || !enabled || len(refs) != 0 {
		t.Fatalf("before any bulk load: enabled %t, references %v, %v", enabled, refs, err)
	}
	if enabled, peers, err := f.a.HFileRefs(ctx, ""); err != nil || !enabled {
		t.Errorf("of all peers: enabled %t, %v, %v", enabled, peers, err)
	}
	check(t, f.b.DisableTable(ctx, n, f.nonce("close the sink")))
	check(t, f.a.EnablePeer(ctx, p.ID))
	keys := []string{"b1", "j2", "x3"}
	bulkLoad(ctx, t, s, n, keys)
	if _, refs, err := f.a.HFileRefs(ctx, p.ID); err != nil || len(refs) != len(keys) {
		t.Errorf("references %v, %v, want one for each of the %d regions' files", refs, err, len(keys))
	}

	waiting := make(chan hbase.DrainProgress, 1000)
	proved := make(chan error, 1)
	var proof hbase.DrainProof
	go func() {
		var err error
		proof, err = f.a.ProveDrain(ctx, p.ID, func(d hbase.DrainProgress) { waiting <- d })
		proved <- err
	}()
	select {
	case d := <-waiting:
		if d.HFileRefs != len(keys) {
			t.Errorf("the proof waits for %s, want %d references", d, len(keys))
		}
	case err := <-proved:
		t.Fatalf("proof ended with bulk-loaded files not shipped: %+v, %v", proof, err)
	}
	check(t, f.b.EnableTable(ctx, n, f.nonce("open the sink")))
	check(t, <-proved)
	if !proof.BulkLoadReplication {
		t.Errorf("proof %+v says nothing about bulk loads", proof)
	}
	for _, k := range keys {
		if got := must(f.rowsB.Get(ctx, n.String(), k))(t); len(got) != 1 || string(got[0].Value) != "bulk loaded" {
			t.Errorf("drain proved, but row %s is %v at the target", k, got)
		}
	}
}

// bulkLoad makes a store file of HBase's own for each region that the keys lie
// in, and loads them, with HBase's tools at site a.
func bulkLoad(ctx context.Context, t *testing.T, s *sandbox.Sandbox, table hbase.TableName, keys []string) {
	t.Helper()
	site, err := s.Site("a")
	check(t, err)
	in := filepath.Join(t.TempDir(), "in.tsv")
	check(t, os.WriteFile(in, []byte(strings.Join(keys, "\tbulk loaded\n")+"\tbulk loaded\n"), 0o644))
	out := fmt.Sprintf("%s/bulk-%s", strings.TrimSuffix(site.RootDir, "/hbase"), table.Qualifier)
	for _, tool := range [][]string{
		{"org.apache.hadoop.hbase.mapreduce.ImportTsv", "-Dimporttsv.columns=HBASE_ROW_KEY,f:q", "-Dimporttsv.bulk.output=" + out, table.String(), "file://" + in},
		{"org.apache.hadoop.hbase.tool.LoadIncrementalHFiles", out, table.String()},
	} {
		res, err := s.RunJava(ctx, "a", sandbox.JavaOptions{}, tool[0], tool[1:]...)
		check(t, err)
		if res.ExitCode != 0 {
			t.Fatalf("%s ended with %d:\n%s", tool[0], res.ExitCode, res.Stderr[max(0, len(res.Stderr)-4000):])
		}
	}
}

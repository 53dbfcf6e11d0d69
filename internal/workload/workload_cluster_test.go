//go:build cluster

package workload_test

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover/internal/hbase"
	"drover/internal/hbase/rows"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/workload"
)

type site struct {
	cluster *hbase.Cluster
	rows    *rows.Client
}

func open(t *testing.T, name string) site {
	t.Helper()
	s, err := sandboxtest.Shared(t).Site(name)
	if err != nil {
		t.Fatal(err)
	}
	cfg := hbase.Config{Quorum: s.Quorum, ZNodeParent: s.ZNodeParent, RootDir: s.RootDir}
	c, err := hbase.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rows.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		if err := c.Close(); err != nil {
			t.Errorf("close cluster %s: %v", name, err)
		}
	})
	return site{c, r}
}

func tableFor(t *testing.T, s site, name string) hbase.TableName {
	n := hbase.TableName{Namespace: "default", Qualifier: "w_" + name + "_" + strings.ToLower(rand.Text()[:8])}
	dropLater(t, s, n)
	return n
}

func dropLater(t *testing.T, s site, n hbase.TableName) {
	sandboxtest.Afterwards(t, "drop "+n.String(), func(ctx context.Context) error {
		return s.cluster.DropTable(ctx, n, hbase.NonceFor(rand.Text()))
	})
}

func TestSeedLeavesVersionsDeletesAndReferences(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	a := open(t, "a")
	spec := workload.Spec{Table: tableFor(t, a, "seed"), Rows: 2000, Deletes: 40, SplitAfterLoad: true, Seed: 7}
	began := time.Now()
	stats, err := workload.Seed(ctx, a.cluster, a.rows, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %+v", time.Since(began), stats)
	if stats.Regions != 5 || stats.Parents != 1 || stats.Cells != 2000*3*3+667*3 {
		t.Errorf("stats %+v, want 5 regions, 1 parent, 20001 cells", stats)
	}
	regions, err := a.cluster.ServingRegions(ctx, spec.Table)
	if err != nil {
		t.Fatal(err)
	}
	files, err := a.cluster.StoreFiles(ctx, regions[0], []string{"f", "g", "h"})
	if err != nil {
		t.Fatal(err)
	}
	references := 0
	for _, f := range files {
		if strings.Contains(f[strings.LastIndexByte(f, '/')+1:], ".") {
			references++
		}
	}
	if references == 0 {
		t.Errorf("first daughter holds no references: %v", files)
	}
}

// await waits until ok of the writer's statistics.
func await(ctx context.Context, t *testing.T, w *workload.Writer, what string, ok func(workload.WriterStats) bool) {
	t.Helper()
	for !ok(w.Stats()) {
		select {
		case <-ctx.Done():
			t.Fatalf("no %s: %+v", what, w.Stats())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWriterLosesNothingOverAFenceAndASwitch(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	a, b := open(t, "a"), open(t, "b")
	n := tableFor(t, a, "writer")
	dropLater(t, b, n)
	families := []string{"f", "g", "h"}
	for _, s := range []site{a, b} {
		check(t, s.cluster.CreateTable(ctx, hbase.NewTable(n, families, nil), [][]byte{[]byte("5"), []byte("a")}, hbase.NonceFor(n.String())))
	}
	peer := hbase.Peer{ID: n.Qualifier, ClusterKey: b.cluster.Config().ClusterKey(), Tables: []hbase.TableName{n}, Enabled: true}
	check(t, a.cluster.AddPeer(ctx, peer))
	sandboxtest.Afterwards(t, "remove peer "+peer.ID, func(ctx context.Context) error { return a.cluster.RemovePeer(ctx, peer.ID) })
	fence := func(on bool, step string) {
		t.Helper()
		_, err := a.cluster.EnsureReadOnly(ctx, n, on, hbase.NonceFor(n.String()+step))
		check(t, err)
	}
	_, err := a.cluster.EnsureScopes(ctx, n, hbase.AllScopes(1), hbase.NonceFor(n.String()+"scope"))
	check(t, err)

	ledger := filepath.Join(t.TempDir(), "ledger")
	w, err := workload.StartWriter(a.rows, workload.WriterConfig{Table: n, Rate: 5000, LedgerPath: ledger})
	check(t, err)
	await(ctx, t, w, "20000 writes", func(s workload.WriterStats) bool { return s.Acked >= 20000 })
	fence(true, "1")
	await(ctx, t, w, "freeze", func(s workload.WriterStats) bool { return s.Frozen })
	fenced := w.Stats().Acked
	fence(false, "2") // lifted, the writer goes on by itself
	await(ctx, t, w, "writes after the fence was lifted", func(s workload.WriterStats) bool { return s.Acked > fenced+1000 && !s.Frozen })

	began := time.Now()
	fence(true, "3")
	atFence := time.Since(began)
	_, err = a.cluster.ProveDrain(ctx, peer.ID, nil)
	check(t, err)
	drained := time.Since(began)
	before := w.Stats()
	w.Switch(b.rows)
	await(ctx, t, w, "writes at the target", func(s workload.WriterStats) bool { return s.Target > 2000 })
	stats, err := w.Stop(ctx)
	check(t, err)
	t.Logf("fence %s, drained %s; %+v", atFence, drained, stats)
	if got := w.Stats().Acked - stats.Target; got != before.Acked {
		t.Errorf("%d writes were acknowledged by the fenced source", got-before.Acked)
	}
	if stats.FreezeMillis < drained.Milliseconds()/4 {
		t.Errorf("freeze of %d ms; the fence alone took %s", stats.FreezeMillis, drained)
	}
	began = time.Now()
	got, err := workload.CheckLedger(ctx, b.rows, n, ledger)
	check(t, err)
	t.Logf("checked %d in %s", got.Checked, time.Since(began))
	if got.Checked != stats.Acked || got.Lost != 0 {
		t.Errorf("check %+v, want %d writes and none lost", got, stats.Acked)
	}
	// The source lacks what went to the target: the check has to notice.
	got, err = workload.CheckLedger(ctx, a.rows, n, ledger)
	check(t, err)
	if got.Lost != stats.Target || len(got.Named) != 20 {
		t.Errorf("check against the source %+v, want %d lost and 20 named", got, stats.Target)
	}
}

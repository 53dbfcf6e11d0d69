//go:build cluster

package hbase_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"drover/internal/hbase"
	"drover/internal/hbase/rows"
	"drover/internal/sandbox/sandboxtest"
)

func TestSnapshotAndRestore(t *testing.T) {
	ctx, f := newFixture(t)
	n := f.table(ctx, t, f.a, "snap")
	fill(ctx, t, f.rowsA, n, 300)
	name := "c_snap_" + f.suffix
	sandboxtest.Afterwards(t, "delete snapshot", func(ctx context.Context) error { return f.a.DeleteSnapshot(ctx, name) })
	spec := hbase.SnapshotSpec{Name: name, Table: n, Nonce: f.nonce("snap")}
	began := time.Now()
	check(t, f.a.Snapshot(ctx, spec))
	t.Logf("snapshot took %s", time.Since(began))
	check(t, f.a.Snapshot(ctx, spec)) // adopted
	s := must(f.a.FindSnapshot(ctx, name))(t)
	if s.Table != n || s.Type != "FLUSH" || s.TTL != -2*time.Second {
		t.Errorf("snapshot %+v", s)
	}
	other := f.table(ctx, t, f.a, "snap2")
	if err := f.a.Snapshot(ctx, hbase.SnapshotSpec{Name: name, Table: other, Nonce: f.nonce("s2")}); !errors.Is(err, hbase.ErrSnapshotConflict) {
		t.Errorf("same name, other table: %v, want ErrSnapshotConflict", err)
	}
	none := hbase.TableName{Namespace: "default", Qualifier: "none_" + f.suffix}
	if err := f.a.Snapshot(ctx, hbase.SnapshotSpec{Name: name + "x", Table: none, Nonce: f.nonce("s3")}); err == nil {
		t.Error("snapshot of an absent table succeeded")
	} else {
		t.Logf("snapshot of an absent table: %v", err)
	}

	ns := "c_ns_" + f.suffix
	if ok := must(f.a.NamespaceExists(ctx, ns))(t); ok {
		t.Error("namespace exists before it is made")
	}
	if made := must(f.a.CreateNamespace(ctx, ns, f.nonce("ns")))(t); !made {
		t.Error("namespace was not made")
	}
	if made := must(f.a.CreateNamespace(ctx, ns, f.nonce("ns")))(t); made {
		t.Error("namespace made twice")
	}
	sandboxtest.Afterwards(t, "delete namespace", func(ctx context.Context) error { return f.a.DeleteNamespace(ctx, ns, f.nonce("nsdel")) })

	into := hbase.TableName{Namespace: ns, Qualifier: "clone"}
	f.dropLater(t, f.a, into)
	if err := f.a.RestoreSnapshot(ctx, name+"none", into, f.nonce("r0")); !errors.Is(err, hbase.ErrSnapshotNotFound) {
		t.Errorf("restore of an absent snapshot: %v, want ErrSnapshotNotFound", err)
	}
	check(t, f.a.RestoreSnapshot(ctx, name, into, f.nonce("restore")))
	check(t, f.a.RestoreSnapshot(ctx, name, into, f.nonce("restore"))) // ours: adopted
	if err := f.a.RestoreSnapshot(ctx, name, into, f.nonce("other")); !errors.Is(err, hbase.ErrTableExists) {
		t.Errorf("restore over a table: %v, want ErrTableExists", err)
	}
	cells := must(f.rowsA.Get(ctx, into.String(), "a000000"))(t)
	if len(cells) != 1 || string(cells[0].Value) != "v" {
		t.Errorf("row of the clone: %v", cells)
	}
	// The clone's regions have the snapshot's start keys and ids.
	src, dst := must(f.a.ServingRegions(ctx, n))(t), must(f.a.ServingRegions(ctx, into))(t)
	for i := range src {
		if src[i].RegionID != dst[i].RegionID || !slices.Equal(src[i].Start, dst[i].Start) {
			t.Errorf("clone's region %s, source's %s", dst[i], src[i])
		}
	}
	check(t, f.a.DeleteSnapshot(ctx, name))
	check(t, f.a.DeleteSnapshot(ctx, name))
}

func TestSnapshotUnderTheFence(t *testing.T) {
	ctx, f := newFixture(t)
	n := f.table(ctx, t, f.a, "fenced")
	fill(ctx, t, f.rowsA, n, 300)
	must(f.a.EnsureReadOnly(ctx, n, true, f.nonce("ro")))(t)
	name := "c_fenced_" + f.suffix
	sandboxtest.Afterwards(t, "delete snapshot", func(ctx context.Context) error { return f.a.DeleteSnapshot(ctx, name) })
	check(t, f.a.Snapshot(ctx, hbase.SnapshotSpec{Name: name, Table: n, SkipFlush: true, Nonce: f.nonce("snap")}))
	into := hbase.TableName{Namespace: "default", Qualifier: "c_fencedclone_" + f.suffix}
	f.dropLater(t, f.a, into)
	check(t, f.a.RestoreSnapshot(ctx, name, into, f.nonce("restore")))
	for i := range 300 {
		row := fmt.Sprintf("%c%06d", 'a'+rune(i%26), i)
		if len(must(f.rowsA.Get(ctx, into.String(), row))(t)) != 1 {
			t.Fatalf("row %s is not in a SKIPFLUSH snapshot taken under the fence", row)
		}
	}
}

func TestSplitMergeSwitches(t *testing.T) {
	ctx, f := newFixture(t)
	split, merge, err := f.b.SplitMergeEnabled(ctx)
	check(t, err)
	sandboxtest.Afterwards(t, "switches", func(ctx context.Context) error { return f.b.SetSplitMerge(ctx, split, merge) })
	check(t, f.b.SetSplitMerge(ctx, false, true))
	s, m, err := f.b.SplitMergeEnabled(ctx)
	check(t, err)
	if s || !m {
		t.Errorf("switches split=%t merge=%t, want false true", s, m)
	}
	must(f.b.BalancerEnabled(ctx))(t)
	if on := must(f.a.PeerModificationEnabled(ctx))(t); !on {
		t.Error("peer modification is off")
	}
}

// pair makes the same table on both clusters, replicated from a to b.
func (f *fixture) pair(ctx context.Context, t *testing.T, name string) (hbase.TableName, hbase.Peer) {
	t.Helper()
	n := f.table(ctx, t, f.a, name)
	f.dropLater(t, f.b, n)
	table := hbase.NewTable(n, []string{"f", "g"}, map[string]string{"VERSIONS": "5"})
	check(t, f.b.CreateTable(ctx, table, nil, f.nonce("create b "+name)))
	p := hbase.Peer{ID: "c_" + name + "_" + f.suffix, ClusterKey: f.b.Config().ClusterKey(), Tables: []hbase.TableName{n}}
	sandboxtest.Afterwards(t, "remove peer", func(ctx context.Context) error { return f.a.RemovePeer(ctx, p.ID) })
	check(t, f.a.AddPeer(ctx, p))
	must(f.a.EnsureScopes(ctx, n, hbase.AllScopes(1), f.nonce("scope "+name)))(t)
	return n, p
}

func TestPeers(t *testing.T) {
	ctx, f := newFixture(t)
	n, p := f.pair(ctx, t, "peers")
	check(t, f.a.AddPeer(ctx, p)) // adopted
	have := must(f.a.FindPeer(ctx, p.ID))(t)
	if have.Enabled || have.ReplicateAll || len(have.Tables) != 1 || have.Tables[0] != n || have.ClusterKey != p.ClusterKey {
		t.Errorf("peer %+v, want %+v", have, p)
	}
	other := p
	other.Tables = []hbase.TableName{{Namespace: "default", Qualifier: "other"}}
	if err := f.a.AddPeer(ctx, other); !errors.Is(err, hbase.ErrPeerConflict) {
		t.Errorf("add with other tables: %v, want ErrPeerConflict", err)
	}
	if _, err := f.a.ProveDrain(ctx, p.ID, nil); err == nil {
		t.Error("drain of a disabled peer was proved")
	}
	enabled, refs, err := f.a.HFileRefs(ctx, p.ID)
	check(t, err)
	t.Logf("bulk-load replication %t, refs %v", enabled, refs)
	check(t, f.a.EnablePeer(ctx, p.ID))
	check(t, f.a.EnablePeer(ctx, p.ID))
	check(t, f.a.DisablePeer(ctx, p.ID))
	check(t, f.a.DisablePeer(ctx, p.ID))
	check(t, f.a.RemovePeer(ctx, p.ID))
	check(t, f.a.RemovePeer(ctx, p.ID))
	if err := f.a.EnablePeer(ctx, p.ID); !errors.Is(err, hbase.ErrPeerNotFound) {
		t.Errorf("enable an absent peer: %v, want ErrPeerNotFound", err)
	}
	self := p
	self.ClusterKey = f.a.Config().ClusterKey()
	t.Logf("peer to itself: %v", f.a.AddPeer(ctx, self))
}

func TestDrainIsProvedAfterEverythingArrived(t *testing.T) {
	ctx, f := newFixture(t)
	n, p := f.pair(ctx, t, "drain")
	fill(ctx, t, f.rowsA, n, 3000)
	check(t, f.a.EnablePeer(ctx, p.ID))
	began := time.Now()
	must(f.a.EnsureReadOnly(ctx, n, true, f.nonce("ro")))(t)
	fenced := time.Now()
	proof := must(f.a.ProveDrain(ctx, p.ID, func(d hbase.DrainProgress) { t.Logf("%6s %s", time.Since(fenced).Round(time.Millisecond), d) }))(t)
	t.Logf("fence %s, drain %s, %d old WALs", fenced.Sub(began), time.Since(fenced), len(proof.WALs))
	if len(proof.WALs) == 0 || len(proof.Servers) == 0 {
		t.Errorf("proof names nothing: %+v", proof)
	}
	for i := 0; i < 3000; i += 100 {
		row := fmt.Sprintf("%c%06d", 'a'+rune(i%26), i)
		if len(must(f.rowsB.Get(ctx, n.String(), row))(t)) != 1 {
			t.Fatalf("drain proved, but row %s is not at the target", row)
		}
	}
	queues := must(f.a.ReplicationQueues(ctx, p.ID))(t)
	for _, q := range queues {
		t.Logf("queue %+v", q)
		for _, w := range q.WALs {
			if slices.Contains(proof.WALs, w) {
				t.Errorf("WAL %s is still queued", w)
			}
		}
	}
	status := must(f.a.Status(ctx))(t)
	if !slices.ContainsFunc(status.Live[0].ReplSources, func(s hbase.ReplSource) bool { return s.Peer == p.ID && s.Running && s.QueueID != "" }) {
		t.Errorf("status lacks the peer's source: %+v", status.Live[0].ReplSources)
	}
}

// TestAPeerRemovedDuringADrainProvesNothing: its queues go with it, and nothing is
// left to wait for.
func TestAPeerRemovedDuringADrainProvesNothing(t *testing.T) {
	ctx, f := newFixture(t)
	n, p := f.pair(ctx, t, "drain_gone")
	check(t, f.b.DisableTable(ctx, n, f.nonce("stuck")))
	fill(ctx, t, f.rowsA, n, 100)
	check(t, f.a.EnablePeer(ctx, p.ID))
	removed := false
	_, err := f.a.ProveDrain(ctx, p.ID, func(d hbase.DrainProgress) {
		if d.OldWALs > 0 && !removed {
			removed = true
			check(t, f.a.RemovePeer(ctx, p.ID))
		}
	})
	if !removed {
		t.Fatal("the drain ended before the peer was removed: nothing was seen")
	}
	if !errors.Is(err, hbase.ErrPeerNotFound) {
		t.Errorf("got %v, want ErrPeerNotFound", err)
	}
}

func TestRows(t *testing.T) {
	ctx, f := newFixture(t)
	n := f.table(ctx, t, f.a, "rows").String()
	put := func(row string, cells ...rows.Cell) {
		t.Helper()
		check(t, f.rowsA.Put(ctx, n, []rows.Mutation{{Row: row, Cells: cells}}))
	}
	cell := func(fam, q string, ts uint64, v string) rows.Cell {
		return rows.Cell{Family: fam, Qualifier: q, Timestamp: ts, Value: []byte(v)}
	}
	put("r", cell("f", "a", 1, "1"), cell("f", "a", 2, "2"), cell("f", "a", 3, "3"), cell("g", "b", 2, "x"), cell("f", "c", 2, "y"))
	if got := must(f.rowsA.Get(ctx, n, "r"))(t); len(got) != 5 || got[0].Timestamp != 3 || string(got[2].Value) != "1" {
		t.Errorf("every version of row r: %v", got)
	}
	put("r", rows.Cell{Family: "f", Qualifier: "a", Timestamp: 2, Delete: rows.DeleteVersion})
	put("r", rows.Cell{Family: "g", Timestamp: 2, Delete: rows.DeleteFamily})
	put("r", rows.Cell{Family: "f", Timestamp: 1, Delete: rows.DeleteFamilyVersion})
	if got := must(f.rowsA.Get(ctx, n, "r"))(t); len(got) != 2 || got[0].Timestamp != 3 || got[1].Qualifier != "c" {
		t.Errorf("row r after deletes: %v", got)
	}
	put("r", rows.Cell{Family: "f", Qualifier: "a", Timestamp: 9, Delete: rows.DeleteColumn})
	if got := must(f.rowsA.Get(ctx, n, "r"))(t); len(got) != 1 {
		t.Errorf("row r after the column's delete: %v", got)
	}
	if got := must(f.rowsA.Get(ctx, n, "absent"))(t); len(got) != 0 {
		t.Errorf("absent row: %v", got)
	}
	err := f.rowsA.Put(ctx, "none_"+f.suffix, []rows.Mutation{{Row: "r", Cells: []rows.Cell{cell("f", "a", 1, "1")}}})
	if !errors.Is(err, hbase.ErrTableNotFound) {
		t.Errorf("put into an absent table: %v, want ErrTableNotFound", err)
	}
}

//go:build cluster

package hbase_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"drover/internal/hbase"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
)

// TestFailover breaks daemons of a sandbox of its own.
func TestFailover(t *testing.T) {
	s := sandboxtest.Own(t, sandbox.Options{})
	t.Run("a killed master delays calls and repeats none", func(t *testing.T) { masterDies(t, s) })
	t.Run("a dead region server's queue is waited for", func(t *testing.T) { regionServerDies(t, s) })
}

// masterDies starts changes, kills the master under them and brings it back.
func masterDies(t *testing.T, s *sandbox.Sandbox) {
	ctx, f := fixtureOn(t, s)
	n, p := f.pair(ctx, t, "master")
	fill(ctx, t, f.rowsA, n, 200)
	snap := "c_master_" + f.suffix
	made := hbase.TableName{Namespace: "default", Qualifier: "c_made_" + f.suffix}
	f.dropLater(t, f.a, made)
	afterwards(t, "delete snapshot", func(ctx context.Context) error { return f.a.DeleteSnapshot(ctx, snap) })
	calls := map[string]func() error{
		"snapshot": func() error {
			return f.a.Snapshot(ctx, hbase.SnapshotSpec{Name: snap, Table: n, Nonce: f.nonce("snap")})
		},
		"enable peer": func() error { return f.a.EnablePeer(ctx, p.ID) },
		"read only": func() error {
			_, err := f.a.EnsureReadOnly(ctx, n, true, f.nonce("ro"))
			return err
		},
		"create": func() error {
			return f.a.CreateTable(ctx, hbase.NewTable(made, []string{"f"}, nil), nil, f.nonce("made"))
		},
	}
	for _, what := range []string{"snapshot", "enable peer", "create", "read only"} {
		done := make(chan error, 1)
		began := time.Now()
		go func() { done <- calls[what]() }()
		// Somewhere inside the call, not always at its beginning.
		select {
		case err := <-done:
			done <- err
		case <-time.After(time.Duration(began.UnixNano()%300) * time.Millisecond):
		}
		check(t, s.Kill(ctx, "a/master"))
		check(t, s.Start(ctx, "a/master"))
		if err := <-done; err != nil {
			t.Errorf("%s over a killed master: %v", what, err)
		}
		t.Logf("%s took %s", what, time.Since(began).Round(time.Millisecond))
	}
	if got := must(f.a.FindSnapshot(ctx, snap))(t); got.Table != n {
		t.Errorf("snapshot %+v", got)
	}
	if got := must(f.a.FindPeer(ctx, p.ID))(t); !got.Enabled {
		t.Error("peer is not enabled")
	}
	if !must(f.a.Table(ctx, n))(t).ReadOnly() {
		t.Error("table is not read only")
	}
}

// regionServerDies kills the source's region server while its queue holds a
// backlog: the proof must wait until the queue has moved and been shipped.
func regionServerDies(t *testing.T, s *sandbox.Sandbox) {
	ctx, f := fixtureOn(t, s)
	n, p := f.pair(ctx, t, "rs")
	fill(ctx, t, f.rowsA, n, 2000)
	dead := must(f.a.LiveServers(ctx))(t)[0]
	check(t, s.Kill(ctx, "a/regionserver"))
	check(t, f.a.EnablePeer(ctx, p.ID))
	check(t, s.Start(ctx, "a/regionserver"))
	began := time.Now()
	waited := hbase.DrainProgress{}
	proof, err := f.a.ProveDrain(ctx, p.ID, func(d hbase.DrainProgress) {
		t.Logf("%7s %s, %d restarts", time.Since(began).Round(10*time.Millisecond), d, d.Restarts)
		waited.Recovered = max(waited.Recovered, d.Recovered)
		waited.Orphaned = max(waited.Orphaned, d.Orphaned)
	})
	check(t, err)
	if waited.Recovered+waited.Orphaned == 0 {
		t.Errorf("the proof never saw the dead server's queue: %+v", proof)
	}
	for _, q := range must(f.a.ReplicationQueues(ctx, p.ID))(t) {
		if q.Server == dead || q.Recovered || !q.Live {
			t.Errorf("queue left after the proof: %+v", q)
		}
	}
	if slices.Contains(proof.Servers, dead.String()) {
		t.Errorf("proof rests on the dead server: %v", proof.Servers)
	}
	for i := range 2000 {
		row := fmt.Sprintf("%c%06d", 'a'+rune(i%26), i)
		if len(must(f.rowsB.Get(ctx, n.String(), row))(t)) != 1 {
			t.Fatalf("drain proved, but row %s is not at the target", row)
		}
	}
}

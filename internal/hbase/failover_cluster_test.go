//go:build cluster

package hbase_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"drover/internal/hbase"
	"drover/internal/reach"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
)

// TestFailover breaks daemons of a sandbox of its own.
func TestFailover(t *testing.T) {
	s := sandboxtest.Own(t, sandbox.Options{BulkLoadReplication: true})
	bulkLoadsShowWithTheFirstPeer(t, s)
	t.Run("a killed master delays calls and repeats none", func(t *testing.T) { masterDies(t, s) })
	t.Run("bulk-loaded files are waited for", func(t *testing.T) { bulkLoadIsShipped(t, s) })
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
	sandboxtest.Afterwards(t, "delete snapshot", func(ctx context.Context) error { return f.a.DeleteSnapshot(ctx, snap) })
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
	// A FLUSH snapshot of a read-only table fails, so that comes second.
	for _, together := range [][]string{{"snapshot", "enable peer", "create"}, {"read only"}} {
		var g errgroup.Group
		began := time.Now()
		for _, what := range together {
			g.Go(func() error {
				if err := calls[what](); err != nil {
					return fmt.Errorf("%s: %w", what, err)
				}
				t.Logf("%s took %s", what, time.Since(began).Round(time.Millisecond))
				return nil
			})
		}
		// Somewhere inside the calls, not always at their beginning.
		<-time.After(time.Duration(began.UnixNano()%400) * time.Millisecond)
		check(t, s.Kill(ctx, "a/master"))
		check(t, s.Start(ctx, "a/master"))
		if err := g.Wait(); err != nil {
			t.Errorf("over a killed master: %v", err)
		}
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

// regionServerDies kills the source's region server while a proof waits for
// its backlog, which cannot be shipped: the proof must begin anew and wait
// until the queue has moved to the next server and been shipped from there.
func regionServerDies(t *testing.T, s *sandbox.Sandbox) {
	ctx, f := fixtureOn(t, s)
	n, p := f.pair(ctx, t, "rs")
	check(t, f.b.DisableTable(ctx, n, f.nonce("block the sink")))
	check(t, f.a.EnablePeer(ctx, p.ID))
	fill(ctx, t, f.rowsA, n, 2000)
	dead := must(f.a.LiveServers(ctx))(t)[0]

	began := time.Now()
	var seen hbase.DrainProgress
	waiting := make(chan struct{}, 1000)
	proved := make(chan error, 1)
	var proof hbase.DrainProof
	go func() {
		var err error
		proof, err = f.a.ProveDrain(ctx, p.ID, func(d hbase.DrainProgress) {
			t.Logf("%7s %s, %d restarts", time.Since(began).Round(10*time.Millisecond), d, d.Restarts)
			seen.Recovered, seen.Orphaned = max(seen.Recovered, d.Recovered), max(seen.Orphaned, d.Orphaned)
			waiting <- struct{}{}
		})
		proved <- err
	}()
	select {
	case <-waiting:
	case err := <-proved:
		t.Fatalf("proof ended with a backlog: %+v, %v", proof, err)
	}
	check(t, s.Kill(ctx, "a/regionserver"))
	// ZooKeeper names it until its session ends.
	if closed := reach.Closed(must(f.a.ServerPorts(ctx))(t)); len(closed) != 1 || closed[0].Role != hbase.RoleRegionServer || closed[0].Addr != dead.Addr() {
		t.Errorf("closed ports %v, want %s's", closed, dead)
	}
	check(t, s.Start(ctx, "a/regionserver"))
	select {
	case err := <-proved:
		t.Fatalf("proof ended with a dead server's backlog: %+v, %v", proof, err)
	default:
	}
	check(t, f.b.EnableTable(ctx, n, f.nonce("open the sink")))
	check(t, <-proved)
	if seen.Recovered+seen.Orphaned == 0 || proof.Restarts == 0 {
		t.Errorf("saw %+v and %d restarts: want the dead server's queue and a restart", seen, proof.Restarts)
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

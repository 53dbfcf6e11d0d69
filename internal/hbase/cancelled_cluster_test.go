//go:build cluster

package hbase_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"drover/internal/hbase"
)

// moments at which a request is given up: before the master has taken it in,
// while it works on it, and near its end.
var moments = []time.Duration{2 * time.Millisecond, 10 * time.Millisecond, 40 * time.Millisecond, 150 * time.Millisecond, 600 * time.Millisecond}

// givenUp runs do with a context that ends after d. What the master was asked
// for goes on there.
func givenUp(ctx context.Context, t *testing.T, d time.Duration, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if err := do(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

// TestAFenceGivenUpHalfWayIsLifted: the descriptor changes some time after the
// request, so that one which reads as wanted may still be about to change.
func TestAFenceGivenUpHalfWayIsLifted(t *testing.T) {
	ctx, f := newFixture(t)
	name := f.table(ctx, t, f.a, "givenup")
	for _, d := range moments {
		givenUp(ctx, t, d, func(ctx context.Context) error {
			_, err := f.a.EnsureReadOnly(ctx, name, true, f.nonce("fence "+d.String()))
			return err
		})
		_, err := f.a.EnsureReadOnly(ctx, name, false, f.nonce("lift "+d.String()))
		check(t, err)
		check(t, f.a.AwaitTableSettled(ctx, name))
		table, err := f.a.Table(ctx, name)
		check(t, err)
		if table.ReadOnly() {
			t.Errorf("given up after %s: the table is READONLY although the fence was lifted", d)
		}
	}
}

// TestASnapshotGivenUpHalfWayIsDeleted: the master completes it after its
// client is gone.
func TestASnapshotGivenUpHalfWayIsDeleted(t *testing.T) {
	ctx, f := newFixture(t)
	name := f.table(ctx, t, f.a, "givenup")
	for i, d := range moments {
		snap := "givenup-" + f.suffix + "-" + string(rune('a'+i))
		givenUp(ctx, t, d, func(ctx context.Context) error {
			return f.a.Snapshot(ctx, hbase.SnapshotSpec{Name: snap, Table: name, Nonce: f.nonce(snap)})
		})
		check(t, f.a.AwaitSnapshotSettled(ctx, snap, name))
		check(t, f.a.DeleteSnapshot(ctx, snap))
		// Another snapshot of the table ends only after the first one did.
		after := snap + "-after"
		check(t, f.a.Snapshot(ctx, hbase.SnapshotSpec{Name: after, Table: name, Nonce: f.nonce(after)}))
		check(t, f.a.DeleteSnapshot(ctx, after))
		if _, err := f.a.FindSnapshot(ctx, snap); !errors.Is(err, hbase.ErrSnapshotNotFound) {
			t.Errorf("given up after %s: snapshot %s is there after it was deleted (%v)", d, snap, err)
		}
	}
}

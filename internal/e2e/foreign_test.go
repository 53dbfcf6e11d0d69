//go:build cluster

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/activities"
	"drover/internal/hbase"
	"drover/internal/workload"
	"drover/workflows/step"
)

// TestASnapshotOfAnothersIsKeptAndNamed puts a snapshot of another table where
// a run will look for its own. The run ends and puts everything back, and says
// of this one that it is not its own: to delete it was a bug of the undo.
func TestASnapshotOfAnothersIsKeptAndNamed(t *testing.T) {
	r := newRig(t)
	tables := r.newTables(1, workload.Spec{Regions: 1, Rows: 100, Versions: 1, Seed: 5})
	for side, at := range map[string]*hbase.Cluster{"source": r.source, "target": r.target} {
		t.Run(side, func(t *testing.T) {
			m := tables[0].part(t)
			foreign := m.foreignTable(at)
			before := m.worldState()
			// Without a worker the run has its key and does nothing yet.
			if err := m.worker.kill(); err != nil {
				t.Fatal(err)
			}
			run := m.begin()
			tables[0].key = m.key
			name := activities.SnapshotName(m.key, m.name.String(), "base")
			m.snapshotOf(at, foreign, name)
			m.startWorker(t)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := run.Get(ctx, nil); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("the run ended with %v, want it to name %s", err, name)
			}
			s := m.status(m.id)
			if s.Outcome != step.Failed {
				t.Errorf("outcome %s, want %s", s.Outcome, step.Failed)
			}
			kept := fmt.Sprintf("kept snapshot %s at %s: it is of table %s", name, map[string]string{"source": m.from, "target": m.to}[side], foreign)
			if !slices.ContainsFunc(s.Undone, func(u step.Undone) bool { return strings.Contains(u.Result, kept) }) {
				t.Errorf("what was undone does not say %q: %s", kept, asJSON(s.Undone))
			}
			before[side+" snapshots"] = append(before[side+" snapshots"], name)
			if diff := cmp.Diff(before, m.worldState()); diff != "" {
				t.Errorf("clusters differ from how they were found and from the other's snapshot (-want +got):\n%s", diff)
			}
		})
	}
}

// foreignTable is somebody else's.
func (m *moved) foreignTable(at *hbase.Cluster) hbase.TableName {
	m.t.Helper()
	name := hbase.TableName{Namespace: "default", Qualifier: fmt.Sprintf("foreign_%s_%d", m.name.Namespace, namespaces.Add(1))}
	if err := at.CreateTable(m.t.Context(), hbase.NewTable(name, []string{"f"}, nil), nil, hbase.NonceFor("create "+name.String())); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := at.DropTable(context.Background(), name, hbase.NonceFor("drop "+name.String())); err != nil {
			m.t.Error(err)
		}
	})
	return name
}

// snapshotOf takes a snapshot and deletes it with the test.
func (m *moved) snapshotOf(at *hbase.Cluster, table hbase.TableName, name string) {
	m.t.Helper()
	if err := at.Snapshot(m.t.Context(), hbase.SnapshotSpec{Name: name, Table: table, Nonce: hbase.NonceFor("foreign " + name)}); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := at.DeleteSnapshot(context.Background(), name); err != nil {
			m.t.Error(err)
		}
	})
}

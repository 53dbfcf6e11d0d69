//go:build cluster

package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"golang.org/x/sync/errgroup"

	"drover/internal/hbase"
	"drover/internal/hbase/compare"
	"drover/internal/workload"
	"drover/workflows"
)

var namespaces atomic.Int64

// moved is a table under test and the writer on it.
type moved struct {
	*rig
	name   hbase.TableName
	id     string
	ledger string
	writer *workload.Writer
	key    string // of the newest run on this table
	// byDelta has the proof under the fence look at what changed only, however
	// small the table is.
	byDelta bool
	// exportRate limits the copy, in bytes a second, when not 0.
	exportRate int64
}

// newTable seeds a table in a namespace of its own, and removes it, and all
// that a run may have left, with the test.
func (r *rig) newTable(spec workload.Spec) *moved {
	r.t.Helper()
	return r.newTables(1, spec)[0]
}

// newTables seeds several tables in one namespace, a few at a time.
func (r *rig) newTables(n int, spec workload.Spec) []*moved {
	r.t.Helper()
	namespace := fmt.Sprintf("e2e%d_%d", time.Now().UnixMilli(), namespaces.Add(1))
	r.t.Cleanup(func() { r.removeNamespace(namespace) })
	if _, err := r.source.CreateNamespace(r.t.Context(), namespace, 0); err != nil {
		r.t.Fatal(err)
	}
	all := make([]*moved, n)
	var g errgroup.Group
	g.SetLimit(4)
	for i := range all {
		name := hbase.TableName{Namespace: namespace, Qualifier: fmt.Sprintf("t%d", i)}
		m := &moved{rig: r, name: name, id: r.runID(name.String()), ledger: filepath.Join(r.t.TempDir(), "ledger")}
		all[i] = m
		r.t.Cleanup(m.remove)
		spec := spec
		spec.Table = name
		g.Go(func() error {
			_, err := workload.Seed(r.t.Context(), r.source, r.sourceRows, spec)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		r.t.Fatal(err)
	}
	return all
}

// runID is how the command line names a run on these tables.
func (r *rig) runID(tables string) string {
	return "hbase-migration." + r.from + "." + r.to + "." + strings.ReplaceAll(tables, ":", "~")
}

func (r *rig) removeNamespace(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, c := range []*hbase.Cluster{r.source, r.target} {
		if err := c.DeleteNamespace(ctx, name, 0); err != nil {
			r.t.Errorf("remove namespace %s: %v", name, err)
		}
	}
}

// small is a table whose regions hold references and deletes.
func small() workload.Spec {
	return workload.Spec{Regions: 3, Rows: 1500, Versions: 3, Deletes: 80, SplitAfterLoad: true, Seed: 7}
}

// part is the same table for a part of the test.
func (m *moved) part(t *testing.T) *moved {
	part := *m
	part.rig = m.with(t)
	return &part
}

func (m *moved) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if m.key != "" {
		m.removeRun(ctx)
	}
	for _, c := range []*hbase.Cluster{m.source, m.target} {
		if err := c.DropTable(ctx, m.name, 0); err != nil && !errors.Is(err, hbase.ErrTableNotFound) {
			m.t.Errorf("remove %s: %v", m.name, err)
		}
	}
}

// removeRun ends a run that a failed test left, and what it has on the
// clusters: the tests after it share them.
func (m *moved) removeRun(ctx context.Context) {
	err := m.client.TerminateWorkflow(ctx, m.id, "", "the test is over")
	var gone *serviceerror.NotFound
	if err != nil && !errors.As(err, &gone) {
		m.t.Errorf("terminate %s: %v", m.id, err)
	}
	err = m.source.RemovePeer(ctx, "drover_"+m.key)
	for _, c := range []*hbase.Cluster{m.source, m.target} {
		snaps, listErr := c.Snapshots(ctx)
		err = errors.Join(err, listErr)
		for _, s := range snaps {
			if strings.Contains(s.Name, m.key) {
				err = errors.Join(err, c.DeleteSnapshot(ctx, s.Name))
			}
		}
	}
	if err = errors.Join(err, m.source.SetSplitMerge(ctx, true, true)); err != nil {
		m.t.Errorf("remove what run %s left: %v", m.key, err)
	}
}

// begin starts a migration of the table.
func (m *moved) begin() client.WorkflowRun {
	m.t.Helper()
	run := m.start(m.id, m.input())
	m.key = workflows.RunKey(m.id, run.GetRunID())
	return run
}

func (m *moved) input() map[string]any {
	in := map[string]any{"source": m.from, "target": m.to, "tables": []string{m.name.String()}, "accept": []string{"leftover"}}
	if m.byDelta {
		in["fullProofBelow"] = 1
	}
	if m.exportRate != 0 {
		in["exportBytesPerSecond"] = m.exportRate
	}
	return in
}

// rate is how many rows a second the live writer writes. What it writes before
// the peer is enabled is applied in one go: with several hundred, on a machine
// that was busy with other things, the target's region server took longer for
// it than replication waits for an answer (replication.sink.client.ops.timeout,
// 10 s), and the same batch came again for minutes.
const rate = 100

// write starts the live writer.
func (m *moved) write() {
	m.t.Helper()
	w, err := workload.StartWriter(m.sourceRows, workload.WriterConfig{Table: m.name, Rate: rate, LedgerPath: m.ledger})
	if err != nil {
		m.t.Fatal(err)
	}
	m.writer = w
	m.t.Cleanup(func() { _, _ = w.Stop(context.Background()) }) // a second stop; the first is checked
}

// switched sends the writer to the target, lets it be acknowledged there, and
// reads every acknowledged write back.
func (m *moved) switched() {
	m.t.Helper()
	m.writer.Switch(m.targetRows)
	m.await("a write acknowledged by the target", func(context.Context) (bool, error) {
		return m.writer.Stats().Target > 0, fmt.Errorf("writer: %+v", m.writer.Stats())
	})
	stats, err := m.writer.Stop(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	check, err := workload.CheckLedger(m.t.Context(), m.targetRows, m.name, m.ledger)
	if err != nil {
		m.t.Fatal(err)
	}
	if check.Lost != 0 || check.Checked == 0 || check.Checked != stats.Acked {
		m.t.Errorf("ledger: %d of %d acknowledged writes lost (writer counted %d): %v", check.Lost, check.Checked, stats.Acked, check.Named)
	}
}

// sourceHeld compares all that is in the source, which is fenced, with what
// the target has; only rows of the writer may be more there.
func (m *moved) sourceHeld() {
	m.t.Helper()
	res, err := compare.Tables(m.t.Context(), compare.Side{Cluster: m.source, Table: m.name}, compare.Side{Cluster: m.target, Table: m.name},
		compare.Options{MaxDifferences: 1 << 20})
	if err != nil {
		m.t.Fatal(err)
	}
	if res.Rows == 0 {
		m.t.Error("the source table is empty, so nothing was compared")
	}
	for _, d := range res.Differences {
		if d.Kind != compare.ExtraRow {
			m.t.Errorf("row %s: %s", d.Row, d.Kind)
		}
	}
}

// heldExactly is sourceHeld before anybody writes to the target.
func (m *moved) heldExactly() {
	m.t.Helper()
	res, err := compare.Tables(m.t.Context(), compare.Side{Cluster: m.source, Table: m.name}, compare.Side{Cluster: m.target, Table: m.name},
		compare.Options{MaxDifferences: 10})
	if err != nil {
		m.t.Fatal(err)
	}
	if res.Verdict != compare.Match || res.Rows == 0 {
		m.t.Errorf("after the switch %d rows compared, verdict %s: %+v", res.Rows, res.Verdict, res.Differences)
	}
}

// worldState is what a run on the table may change on both clusters, to be
// compared before and after. What the other lane does at the same time is left
// out: its peers and snapshots are of other tables, and its source's switches
// are not this run's.
func (m *moved) worldState() map[string][]string {
	m.t.Helper()
	ctx := m.t.Context()
	state := map[string][]string{}
	must := func(err error) {
		m.t.Helper()
		if err != nil {
			m.t.Fatal(err)
		}
	}
	for site, c := range map[string]*hbase.Cluster{"source": m.source, "target": m.target} {
		peers, err := c.Peers(ctx)
		must(err)
		for _, p := range peers {
			if slices.Contains(p.Tables, m.name) || m.ours(p.ID) {
				state[site+" peers"] = append(state[site+" peers"], p.ID)
			}
		}
		snaps, err := c.Snapshots(ctx)
		must(err)
		for _, s := range snaps {
			if s.Table == m.name || m.ours(s.Name) {
				state[site+" snapshots"] = append(state[site+" snapshots"], s.Name)
			}
		}
		names, err := c.TableNames(ctx)
		must(err)
		for _, n := range names {
			if n.Namespace == m.name.Namespace || m.ours(n.Qualifier) {
				state[site+" tables"] = append(state[site+" tables"], n.String())
			}
		}
		exists, err := c.NamespaceExists(ctx, m.name.Namespace)
		must(err)
		state[site+" namespace"] = []string{fmt.Sprint(exists)}
		for _, l := range state {
			slices.Sort(l)
		}
	}
	split, merge, err := m.source.SplitMergeEnabled(ctx)
	must(err)
	state["source switches"] = []string{fmt.Sprint(split, merge)}
	table, err := m.source.Table(ctx, m.name)
	must(err)
	state["source schema"] = []string{fmt.Sprint(table.Scopes()), fmt.Sprint(table.ReadOnly())}
	return state
}

// ours tells whether a name carries the key of the newest run on the table.
func (m *moved) ours(name string) bool { return m.key != "" && strings.Contains(name, m.key) }

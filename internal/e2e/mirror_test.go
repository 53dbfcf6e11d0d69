//go:build cluster

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
	"drover/internal/mirror/verify"
	"drover/internal/report"
	work "drover/internal/workload/tree"
	"drover/workers"
	"drover/workflows"
	"drover/workflows/step"
)

// mirror is a tree under test on both sides.
type mirror struct {
	*rig
	path           string
	id             string
	source, target work.Target
	model          *work.Model
	applier        *work.Applier
}

// newMirror writes a seeded tree at the source, and removes both trees, and
// what a run may have left in them, with the test.
func (r *rig) newMirror(seed uint64) *mirror {
	r.t.Helper()
	return r.newMirrorOf(work.Generate(work.Spec{Seed: seed, Superuser: true}))
}

func (r *rig) newMirrorOf(nodes []work.Node) *mirror {
	r.t.Helper()
	dir := fmt.Sprintf("/drover-e2e/%d", time.Now().UnixNano())
	m := &mirror{rig: r, path: dir, id: "hdfs-mirror." + filepath.Base(dir)}
	m.source, m.target = m.open(r.from), m.open(r.to)
	m.removeAfter(m.source)
	m.removeAfter(m.target)
	if err := m.target.NameNode.Mkdirs(r.t.Context(), filepath.Dir(dir), 0o755, true); err != nil {
		r.t.Fatal(err)
	}
	if _, err := work.Write(r.t.Context(), m.source, work.All(nodes), 8); err != nil {
		r.t.Fatal(err)
	}
	var err error
	if m.model, err = work.NewModel(work.All(nodes)); err != nil {
		r.t.Fatal(err)
	}
	m.applier = work.NewApplier(m.source, io.Discard)
	return m
}

func (m *mirror) open(site string) work.Target {
	m.t.Helper()
	s := m.cfg.Sites[site].HDFS
	t, done, err := work.Open(s.NameNodes[0], s.User, m.path)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := done(); err != nil {
			m.t.Error(err)
		}
	})
	return t
}

func (m *mirror) removeAfter(t work.Target) {
	m.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		all, err := snapshots(ctx, t)
		for _, s := range all {
			err = errors.Join(err, t.NameNode.DeleteSnapshot(ctx, t.Root, s.Name))
		}
		for _, dir := range []string{t.Root, t.Outside} {
			_, gone := t.NameNode.Delete(ctx, dir, true)
			err = errors.Join(err, gone)
		}
		if err != nil {
			m.t.Errorf("remove %s: %v", t.Root, err)
		}
	})
}

// snapshots lists those of a tree, none of one that cannot have any.
func snapshots(ctx context.Context, of work.Target) ([]namenode.Snapshot, error) {
	st, err := of.NameNode.Stat(ctx, of.Root)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !st.Snapshottable:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return of.NameNode.Snapshots(ctx, of.Root)
}

// change makes random changes to the source.
func (m *mirror) change(seed uint64, n int) {
	m.t.Helper()
	ops, err := work.NewMutator(m.model, seed, work.MutatorOptions{Superuser: true}).Draw(n)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.applier.Apply(m.t.Context(), ops); err != nil {
		m.t.Fatal(err)
	}
}

// begin starts the mirror as plain HTTP does, and the web UI.
func (m *mirror) begin(more map[string]any) client.WorkflowRun {
	m.t.Helper()
	input := map[string]any{"source": m.from, "target": m.to, "sourcePath": m.path}
	for k, v := range more {
		input[k] = v
	}
	body, err := json.Marshal(input)
	if err != nil {
		m.t.Fatal(err)
	}
	m.postStart(m.id, workers.HDFSMirror, fmt.Sprintf(`[%s]`, body))
	return m.client.GetWorkflow(m.t.Context(), m.id, "")
}

func (m *mirror) ended(run client.WorkflowRun) workflows.HDFSMirrorResult {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	var res workflows.HDFSMirrorResult
	if err := run.Get(ctx, &res); err != nil {
		m.t.Fatalf("run %s: %v\nworker said:\n%s", run.GetID(), err, m.workerSaid())
	}
	return res
}

// unreported are differences that a snapshot diff does not show, so that only
// the cutover's comparison of everything finds and mends them.
var unreported = []verify.Kind{verify.ModTime, verify.Policy}

// equal compares the trees as they are, content and attributes.
func (m *mirror) equal(ignore ...verify.Kind) {
	m.t.Helper()
	of := func(t work.Target) tree.Tree {
		return tree.Tree{NN: t.NameNode, Root: t.Root}
	}
	res, err := verify.Trees(m.t.Context(), of(m.source), of(m.target), verify.Options{Metadata: true, Ignore: ignore})
	if err != nil {
		m.t.Fatal(err)
	}
	if res.Verdict != report.Match || res.Files == 0 {
		m.t.Errorf("the trees: %s", asJSON(res))
	}
}

func (m *mirror) choose(gate, choice string) {
	m.t.Helper()
	s := m.awaitGate(m.id, gate)
	err := m.decide(m.id, step.Decision{Gate: gate, Digest: s.Digest, By: "e2e", Reason: "test", Approved: true, Choice: choice})
	if err != nil {
		m.t.Fatalf("approve %s: %v", gate, err)
	}
}

// again asks for another round at the open cutover gate.
func (m *mirror) again() {
	m.t.Helper()
	m.awaitGate(m.id, workflows.GateCutover)
	if err := m.order(m.id, step.RoundUpdate); err != nil {
		m.t.Fatal(err)
	}
}

// TestMirrorFollowsAndHandsOver: a baseline, rounds of every kind of change with
// the worker killed in them, a target somebody wrote to, the cutover.
func TestMirrorFollowsAndHandsOver(t *testing.T) {
	m := mirrorRig(t).newMirror(7)
	run := m.begin(map[string]any{
		"freeze": workflows.FreezeQuota, "keepSnapshots": 1,
		"hooks": map[string]any{"beforeSwitch": []string{"note"}, "afterSwitch": []string{"note"}},
	})
	m.awaitGate(m.id, workflows.GateCutover)
	m.equal()
	m.change(1, 60)
	m.again()
	m.awaitPhase(m.id, workflows.PhaseRounds)
	m.replaceWorker()
	m.awaitGate(m.id, workflows.GateCutover)
	m.equal(unreported...)

	// Somebody writes to the target, and changes go on at the source.
	m.change(2, 40)
	if err := m.target.NameNode.Mkdirs(t.Context(), m.path+"/not from the source", 0o755, true); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{"by": "a machine", "reason": "something was written"}
	if err := m.client.SignalWorkflow(t.Context(), m.id, "", step.RoundSignal, said); err != nil {
		t.Fatal(err)
	}
	m.choose(workflows.GateDrift, workflows.ChoiceRestore)
	m.awaitGate(m.id, workflows.GateCutover)
	m.equal(unreported...)

	m.change(3, 20)
	m.postApproval(m.id, decision(m.awaitGate(m.id, workflows.GateCutover), ""))
	m.awaitGate(m.id, workflows.GateCleanup)
	m.equal()
	if err := m.source.NameNode.Mkdirs(t.Context(), m.path+"/late", 0o755, false); !errors.Is(err, namenode.ErrQuota) {
		t.Errorf("a late writer at the source: %v, want it refused by the quota", err)
	}
	m.retained(m.source)
	m.retained(m.target)
	m.approve(m.id, workflows.GateCleanup)
	res := m.ended(run)
	if res.Outcome != step.Completed || res.Verdict != "match" || res.Rounds < 4 || res.Verified.Files == 0 {
		t.Errorf("result %s, want completed and match after at least four rounds", asJSON(res))
	}
	want := "beforeSwitch " + m.path + "\nafterSwitch " + m.path + "\n"
	if said, err := os.ReadFile(m.hookSaid()); err != nil || !strings.HasSuffix(string(said), want) {
		t.Errorf("hooks wrote %q, %v, want %q", said, err, want)
	}
	if len(res.Left) != 1 || !strings.Contains(res.Left[0], "-clrQuota") {
		t.Errorf("left %q, want the freeze and how to lift it", res.Left)
	}
	m.noSnapshots(m.source)
	m.noSnapshots(m.target)
}

// retained wants what a retention of one leaves of a baseline and four rounds:
// the baseline's, the last common one, and one more, besides what the cutover's
// comparison took before it mended something.
func (m *mirror) retained(of work.Target) {
	m.t.Helper()
	all, err := snapshots(m.t.Context(), of)
	if err != nil {
		m.t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(s namenode.Snapshot) bool { return strings.Contains(s.Name, ".before-mending") })
	baseline := slices.ContainsFunc(all, func(s namenode.Snapshot) bool { return strings.HasSuffix(s.Name, "-00000") })
	if len(all) != 3 || !baseline {
		m.t.Errorf("snapshots %+v, want the baseline's and the last two", all)
	}
}

func (m *mirror) noSnapshots(of work.Target) {
	m.t.Helper()
	all, err := snapshots(m.t.Context(), of)
	if err != nil {
		m.t.Fatal(err)
	}
	if len(all) != 0 {
		m.t.Errorf("snapshots are left: %+v", all)
	}
}

// TestAnAbortedMirrorLeavesNothing, whether it came to its first gate or not.
func TestAnAbortedMirrorLeavesNothing(t *testing.T) {
	m := mirrorRig(t).newMirror(8)
	for _, early := range []bool{true, false} {
		run := m.begin(nil)
		if early {
			m.awaitPhase(m.id, workflows.PhaseBaseline)
		} else {
			m.awaitGate(m.id, workflows.GateCutover)
		}
		if err := m.order(m.id, step.AbortUpdate); err != nil {
			t.Fatal(err)
		}
		if res := m.ended(run); res.Outcome != step.AbortedOutcome {
			t.Errorf("outcome %s (%s), want aborted", res.Outcome, res.Reason)
		}
		if _, err := m.target.NameNode.Stat(t.Context(), m.path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the target is still there: %v", err)
		}
		m.noSnapshots(m.source)
		st, err := m.source.NameNode.Stat(t.Context(), m.path)
		if err != nil || st.Snapshottable {
			t.Errorf("the source is %+v, %v, want it as it was found, not snapshottable", st, err)
		}
	}
}

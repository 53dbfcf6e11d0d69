package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/workflows/step"
)

// handOver is below the commit line. Both trees keep their snapshots: the last
// common one is the way back.
func (m *hdfsMirror) handOver(ctx workflow.Context) error {
	m.run.Phase(ctx, PhaseSwitch, "the target takes writes")
	m.result.Verdict = verdictMatch
	if _, known := step.Recall[time.Time](m.run, "switched"); !known {
		if err := step.Remember(m.run, "switched", workflow.Now(ctx)); err != nil {
			return err
		}
	}
	if !m.found.Ledger { // else there is no snapshot at the target that a way back could begin at
		m.result.Reverse = &HDFSMirrorInput{
			Source: m.in.Target, Target: m.in.Source, SourcePath: m.in.TargetPath, TargetPath: m.in.SourcePath,
			From: m.state.Common, Without: m.in.Without, KeepOnAbort: true, Engine: reversed(m.in.Engine),
		}
	}
	if err := m.openTarget(ctx); err != nil {
		return err
	}
	if err := m.hooksAfter(ctx); err != nil {
		return err
	}
	return m.thawSource(ctx)
}

// cleanup deletes the run's snapshots when a human says that the way back is
// not needed any more. Rejected, they stay and are listed.
func (m *hdfsMirror) cleanup(ctx workflow.Context) error {
	if m.found.Ledger {
		return m.ledgerCleanup(ctx)
	}
	m.run.Phase(ctx, PhaseCleanup, "waiting for leave to delete the run's snapshots")
	decision, err := m.run.Gate(ctx, GateCleanup, m.measureCleanup, m.cleanupGate(ctx))
	if err != nil {
		return err
	}
	if !decision.Approved {
		m.result.Left = append(m.result.Left, fmt.Sprintf("snapshots %s* of %s at %s and of %s at %s, kept by %s: %s",
			m.prefix(), m.in.SourcePath, m.in.Source, m.in.TargetPath, m.in.Target, decision.By, decision.Reason))
		return nil
	}
	m.result.Reverse = nil
	if err := m.dropSnapshots(ctx, m.sourceTree(), m.found.SourceSnapshottable); err != nil {
		return err
	}
	return m.dropSnapshots(ctx, m.targetTree(), m.found.TargetSnapshottable)
}

// dropSnapshots deletes the run's snapshots of a tree, which is left as it was
// found: snapshottable or not.
func (m *hdfsMirror) dropSnapshots(ctx workflow.Context, tree activities.TreeAt, snapshottable bool) error {
	return m.forward(ctx, "delete the run's snapshots of "+tree.Path+" at "+tree.Site, func(ctx workflow.Context) error {
		in := activities.TreeSnapshotsInput{TreeAt: tree, Prefix: m.prefix(), Disallow: !snapshottable}
		done, err := step.Once(control(ctx, tree.Site), m.run, "cleanup/"+tree.Site+tree.Path, hm.DropTreeSnapshots, in)
		if err == nil {
			m.run.Note(ctx, "%s", done)
		}
		return err
	})
}

// soaked is when the way back need not be kept any longer.
func (m *hdfsMirror) soaked() time.Time {
	switched, _ := step.Recall[time.Time](m.run, "switched")
	return switched.Add(m.in.Soak.Std())
}

// cleanupGate looks again every interval as long as the new side soaks.
func (m *hdfsMirror) cleanupGate(ctx workflow.Context) step.GateOptions {
	o := m.gateOptions()
	if left := m.soaked().Sub(workflow.Now(ctx)); left > 0 {
		o.MaxAge = min(left, m.in.Interval.Std())
	}
	return o
}

// measureCleanup shows who still writes where nobody should, and keeps the
// snapshots from being given up before the soak is over. Keeping them may be
// decided at any time.
func (m *hdfsMirror) measureCleanup(ctx workflow.Context) (step.Evidence, error) {
	e := step.Evidence{Facts: []step.Fact{
		{Name: "approve", Value: "deletes the snapshots " + m.prefix() + "* on both sides; a way back then copies everything"},
		{Name: "reject", Value: "leaves them: the data they hold stays on disk until they are deleted"},
		{Name: "way back while they are there", Value: fmt.Sprintf("HDFSMirror from %s to %s, from %s", m.in.Target, m.in.Source, m.state.Common)},
		{Name: "kept", Value: "the source tree" + map[bool]string{true: ", frozen by " + m.in.Freeze}[m.in.Freeze != FreezeWord && !m.in.Thaw]},
		m.strayWrites(ctx),
	}, Blocked: m.soaking(ctx)}
	return e, nil
}

// soaking says until when the snapshots cannot be given up, "" afterwards.
func (m *hdfsMirror) soaking(ctx workflow.Context) string {
	until := m.soaked()
	if !workflow.Now(ctx).Before(until) {
		return ""
	}
	return fmt.Sprintf("the target soaks until %s, until then the snapshots are kept", until.UTC().Format(stampLayout))
}

// strayLook bounds the look at a cluster that may be switched off by now.
const strayLook = 15 * time.Minute

func (m *hdfsMirror) strayWrites(ctx workflow.Context) step.Fact {
	f := step.Fact{Name: "written at the source since the switch", Value: "nothing"}
	quiet, err := step.Do(within(control(ctx, m.in.Source), strayLook), hm.ProveTreeQuiet, activities.QuietInput{TreeAt: m.sourceTree(), Snapshot: m.state.Common})
	switch {
	case err != nil:
		f.Value = "not known: " + err.Error()
	case quiet.Changed > 0 || quiet.Open > 0:
		f.Value = fmt.Sprintf("%d changes, %d open files, the first: %s: whoever wrote them does not know of the switch, and the target has them not", quiet.Changed, quiet.Open, strings.Join(quiet.First, "; "))
	}
	return f
}

// forward does a step below the commit line, where nothing may be undone: when
// it fails for good a human decides whether it is tried again.
func (m *hdfsMirror) forward(ctx workflow.Context, what string, fn func(ctx workflow.Context) error) error {
	left, err := forward(ctx, m.run, what, fn)
	m.result.Left = append(m.result.Left, left...)
	return err
}

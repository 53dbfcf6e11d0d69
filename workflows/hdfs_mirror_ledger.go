package workflows

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/workflows/step"
)

// A target without snapshots (a bucket, a directory) has a ledger: its newest
// generation stands for the target's snapshot of the same name, and committing
// it is what ends a round.

// ledgerKeys are what one round remembers; forgotten when it is done.
var ledgerKeys = []string{"round/drift", "round/settled", "round/taken", "round/applied"}

func (m *hdfsMirror) ledgerInput(snapshot string) activities.LedgerInput {
	return activities.LedgerInput{MirrorAt: m.at, Snapshot: snapshot, Parallel: m.in.FilesParallel, BytesPerSecond: m.in.BytesPerSecond}
}

// ledgerBaseline brings everything of the source's first snapshot, or goes on
// from the one that the ledger is at.
func (m *hdfsMirror) ledgerBaseline(ctx workflow.Context) error {
	if m.in.From != "" {
		return m.ledgerFrom(ctx)
	}
	if err := m.allow(ctx, m.sourceTree(), m.found.SourceSnapshottable); err != nil {
		return err
	}
	first := m.snapshotName(0)
	taken, err := m.firstSnapshot(ctx, m.sourceTree(), first)
	if err != nil {
		return err
	}
	if !m.in.KeepOnAbort {
		what := fmt.Sprintf("delete %s at %s, which this run made, and its ledger", m.in.TargetPath, m.in.Target)
		if err := undoTree(bulk(ctx, m.in.Target), m, what, hm.RemoveLedgerMirror, m.ledgerInput("")); err != nil {
			return err
		}
	}
	if _, err := step.Once(bulk(ctx, m.in.Target), m.run, "baseline/copied", hm.CopyLedgerBaseline, m.ledgerInput(first)); err != nil {
		return err
	}
	checked, err := step.Once(bulk(ctx, m.in.Target), m.run, "baseline/verified", hm.VerifyLedgerMirror, m.ledgerInput(first))
	if err != nil {
		return err
	}
	if checked.Verdict != verdictMatch {
		return fmt.Errorf("baseline: the copy is not the source's snapshot: verdict %s, %d differ: %v", checked.Verdict, checked.Differing, checked.Differences)
	}
	if m.state.Common == "" {
		m.state = mirrored{Common: first, TakenAt: stampOf(taken), Checked: checked}
	}
	if m.in.KeepOnAbort {
		err = m.restoreOnAbort(ctx)
	}
	return errors.Join(err, m.remember())
}

// ledgerFrom goes on from the snapshot that the ledger is at. Unlike a target's
// own snapshots a ledger does not go back: after the first round it is at a
// snapshot of this run, which an abort must leave at the source.
func (m *hdfsMirror) ledgerFrom(ctx workflow.Context) error {
	if m.state.Common == "" {
		m.state = mirrored{Common: m.in.From}
		m.run.Note(ctx, "this run's snapshots stay at the source when it is aborted: the ledger will be at one of them")
	}
	return errors.Join(m.restoreOnAbort(ctx), m.remember())
}

// restoreOnAbort declares what an abort leaves when the mirror is kept, or was
// there before: the target as of the ledger's newest generation.
func (m *hdfsMirror) restoreOnAbort(ctx workflow.Context) error {
	what := fmt.Sprintf("bring %s at %s back to the last common snapshot", m.in.TargetPath, m.in.Target)
	return undoTree(bulk(ctx, m.in.Target), m, what, hm.RestoreLedgerTarget, m.ledgerInput(""))
}

// ledgerRound is round for a target with a ledger. What it brings is read back
// from the target before any old name goes; a round that ends is proved.
func (m *hdfsMirror) ledgerRound(ctx workflow.Context) error {
	if err := m.settleLedgerDrift(ctx); err != nil {
		return err
	}
	next := m.state.Round + 1
	in := m.ledgerInput(m.snapshotName(next))
	in.From = m.state.Common
	m.run.Detail(ctx, fmt.Sprintf("round %d, from %s", next, in.From))
	var done activities.LedgerRoundResult
	taken, err := m.mirrorable(ctx, in.Snapshot, func() (err error) {
		done, err = step.Once(bulk(ctx, m.in.Target), m.run, "round/applied", hm.ApplyLedgerRound, in)
		return err
	})
	if err != nil {
		return err
	}
	m.state.Common, m.state.Round, m.state.Last, m.state.TakenAt = in.Snapshot, next, done.Plan, stampOf(taken)
	m.state.Checked = activities.MirrorVerifyResult{Verdict: verdictMatch, Files: done.Copied.Files, Bytes: done.Copied.Bytes}
	if err := m.add("rounds/copied", done.Copied); err != nil {
		return err
	}
	step.Forget(m.run, ledgerKeys...)
	if err := m.remember(); err != nil {
		return err
	}
	return m.prune(ctx)
}

// settleLedgerDrift proves that a listing of the target shows what the ledger
// says. What others changed is shown to a human, who restores it or stops.
func (m *hdfsMirror) settleLedgerDrift(ctx workflow.Context) error {
	if _, settled := step.Recall[bool](m.run, "round/settled"); settled {
		return nil
	}
	o := m.gateOptions()
	o.Choices = []string{ChoiceRestore}
	o.Permits = "restore brings the target back to its ledger, from the source's snapshot; then the round goes on"
	for {
		drift, err := step.Once(bulk(ctx, m.in.Target), m.run, "round/drift", hm.FindLedgerDrift, m.ledgerInput(m.state.Common))
		if err != nil {
			return err
		}
		if drift.Changed == 0 {
			return step.Remember(m.run, "round/settled", true)
		}
		decision, err := m.run.Gate(ctx, GateDrift, func(workflow.Context) (step.Evidence, error) {
			return m.ledgerDriftEvidence(drift), nil
		}, o)
		if err != nil {
			return err
		}
		if !decision.Approved {
			return step.Rejected(decision)
		}
		said, err := step.Do(bulk(ctx, m.in.Target), hm.RestoreLedgerTarget, m.ledgerInput(""))
		if err != nil {
			return err
		}
		m.run.Note(ctx, "%s", said)
		m.run.Settle(GateDrift)
		step.Forget(m.run, "round/drift")
	}
}

func (m *hdfsMirror) ledgerDriftEvidence(drift activities.DriftResult) step.Evidence {
	return step.Evidence{Facts: []step.Fact{
		{Name: "target", Value: m.in.TargetPath + " at " + m.in.Target + " is not as its ledger says, which is at snapshot " + m.state.Common},
		{Name: "changes", Value: humanize.Comma(drift.Changed)},
		{Name: "the first", Value: strings.Join(drift.First, "; ")},
		{Name: ChoiceRestore, Value: "removes what should not be there, and brings what is gone or changed again from the source's snapshot"},
		{Name: "reject", Value: "stops the run"},
	}}
}

// verifyAll compares the whole target with the last common snapshot.
func (m *hdfsMirror) verifyAll(ctx workflow.Context) (activities.MirrorVerifyResult, error) {
	if m.found.Ledger {
		return step.Do(bulk(ctx, m.in.Target), hm.VerifyLedgerMirror, m.ledgerInput(m.state.Common))
	}
	return step.Do(bulk(ctx, m.in.Target), hm.VerifyMirror, m.verifyInput(m.state.Common))
}

// ledgerCleanup deletes the run's snapshots of the source when a human says so.
// The ledger stays: it is what a later run goes on from.
func (m *hdfsMirror) ledgerCleanup(ctx workflow.Context) error {
	m.run.Phase(ctx, PhaseCleanup, "waiting for leave to delete the run's snapshots of the source")
	decision, err := m.run.Gate(ctx, GateCleanup, func(ctx workflow.Context) (step.Evidence, error) {
		return step.Evidence{Facts: []step.Fact{
			{Name: "approve", Value: "deletes the snapshots " + m.prefix() + "* of the source; to mirror on later then means to copy everything"},
			{Name: "reject", Value: "leaves them: a later run goes on with from " + m.state.Common},
			{Name: "way back", Value: "none by a mirror: the target keeps no snapshots"},
			{Name: "kept", Value: "the source tree, and the ledger of the target"},
		}, Blocked: m.soaking(ctx)}, nil
	}, m.cleanupGate(ctx))
	if err != nil {
		return err
	}
	if !decision.Approved {
		m.result.Left = append(m.result.Left, fmt.Sprintf("snapshots %s* of %s at %s, kept by %s: %s", m.prefix(), m.in.SourcePath, m.in.Source, decision.By, decision.Reason))
		return nil
	}
	return m.dropSnapshots(ctx, m.sourceTree(), m.found.SourceSnapshottable)
}

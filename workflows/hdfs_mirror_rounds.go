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

// roundKeys are what one round remembers; forgotten when it is done.
var roundKeys = []string{"round/drift", "round/settled", "round/taken", "round/plan", "round/operations", "round/copies", "round/copied", "round/attributes", "round/checked", "round/distcp", "round/distcp/attempt", "round/distcp/back"}

// converge runs rounds until one had few changes, or too many were run: the
// writers are then faster than the mirror, and the evidence says so.
func (m *hdfsMirror) converge(ctx workflow.Context) error {
	for n := 0; n < m.in.MaxRounds; n++ {
		if err := m.round(ctx); err != nil {
			return err
		}
		if m.state.Last.Changes() <= m.in.ConvergeAt {
			return nil
		}
	}
	return nil
}

// round brings what changed at the source since the common snapshot, and ends
// with a new one. Every step may be repeated: the common snapshot of the target
// is what an interrupted round is measured against.
func (m *hdfsMirror) round(ctx workflow.Context) error {
	if m.found.Ledger {
		return m.ledgerRound(ctx)
	}
	if err := m.settleDrift(ctx); err != nil {
		return err
	}
	next := m.state.Round + 1
	r := activities.MirrorRoundInput{MirrorAt: m.at, From: m.state.Common, To: m.snapshotName(next)}
	m.run.Detail(ctx, fmt.Sprintf("round %d, from %s", next, r.From))
	var plan activities.MirrorRoundPlan
	taken, err := m.mirrorable(ctx, r.To, func() (err error) {
		plan, err = step.Once(bulk(ctx, m.in.Target), m.run, "round/plan", hm.PlanMirrorRound, r)
		return err
	})
	if err != nil {
		return err
	}
	checked, err := m.bring(ctx, r, plan)
	if err != nil {
		return err
	}
	kept, err := m.snapshot(ctx, m.targetTree(), r.To)
	if err != nil {
		return err
	}
	copied, _ := step.Recall[activities.MirrorCopied](m.run, "round/copied")
	if err := m.add("rounds/copied", copied); err != nil {
		return err
	}
	plan.Bytes = copied.Bytes
	m.state.RootID, m.state.SnapshotID = kept.RootID, kept.ID
	m.state.Common, m.state.Round, m.state.Last, m.state.Checked, m.state.TakenAt = r.To, next, plan, checked, stampOf(taken)
	step.Forget(m.run, roundKeys...)
	if err := m.remember(); err != nil {
		return err
	}
	return m.prune(ctx)
}

// begin takes the source's snapshot of a round, which serves whoever asked for a
// round until then.
func (m *hdfsMirror) begin(ctx workflow.Context, snapshot string) (activities.TreeSnapshotResult, error) {
	if _, begun := step.Recall[activities.TreeSnapshotResult](m.run, "round/taken"); !begun {
		m.run.RoundBegins()
	}
	return step.Once(control(ctx, m.in.Source), m.run, "round/taken", hm.TakeTreeSnapshot, activities.TreeSnapshotInput{TreeAt: m.sourceTree(), Name: snapshot})
}

// apply carries the plan out: first what moves and goes, in its order, then
// what is copied, then the attributes of directories.
func (m *hdfsMirror) apply(ctx workflow.Context, r activities.MirrorRoundInput, plan activities.MirrorRoundPlan) error {
	const operationsABatch, copiesABatch = 2000, 2000
	if m.in.distcp() && plan.Operations+plan.Copies > 0 {
		if err := m.distcp(ctx, "round", "round/copied", r.From, r.To); err != nil {
			return err
		}
		plan.Operations = 0 // what is left to copy is what distcp cannot bring
	}
	err := m.run.Batches(ctx, step.BatchOptions{Name: "round/operations", Count: plan.Operations, Size: operationsABatch, Parallel: 1, Unit: "operations"},
		func(ctx workflow.Context, first, last int64) error {
			in := activities.MirrorOperationsInput{MirrorRoundInput: r, Digest: plan.Digest, First: first, Last: last}
			_, err := step.Do(bulk(ctx, m.in.Target), hm.ApplyMirrorOperations, in)
			return err
		})
	if err != nil {
		return err
	}
	part := activities.MirrorCopyInput{
		MirrorAt: m.at, Snapshot: r.To, From: r.From, Digest: plan.Digest,
		Parallel: m.in.FilesParallel, BytesPerSecond: m.in.BytesPerSecond, Without: m.in.Without,
	}
	err = m.run.Batches(ctx, step.BatchOptions{Name: "round/copies", Count: plan.Copies, Size: copiesABatch, Parallel: m.in.BatchesParallel, Unit: "changes"},
		func(ctx workflow.Context, first, last int64) error {
			part := part
			part.First, part.Last = first, last
			done, err := step.Do(bulk(ctx, m.in.Target), hm.CopyMirrorChanges, part)
			if err != nil {
				return err
			}
			return m.add("round/copied", done)
		})
	if err != nil {
		return err
	}
	_, err = step.Once(bulk(ctx, m.in.Target), m.run, "round/attributes", hm.FinishMirrorRound, part)
	return err
}

// settleDrift proves that nobody changed the target since the common snapshot.
// A changed target is shown to a human, who restores it, adopts it, or stops.
func (m *hdfsMirror) settleDrift(ctx workflow.Context) error {
	if _, settled := step.Recall[bool](m.run, "round/settled"); settled {
		return nil
	}
	for {
		in := activities.MirrorSnapshotInput{MirrorAt: m.at, Snapshot: m.state.Common}
		look := activities.MirrorDriftInput{
			MirrorSnapshotInput: in, RootID: m.state.RootID, SnapshotID: m.state.SnapshotID,
			Samples: m.in.DriftSamples, Adopted: len(m.state.Adopted) > 0, Without: m.in.Without,
		}
		drift, err := step.Once(bulk(ctx, m.in.Target), m.run, "round/drift", hm.FindMirrorDrift, look)
		if err != nil {
			return err
		}
		if drift.Changed == 0 {
			m.state.Drift = drift
			return errors.Join(m.remember(), step.Remember(m.run, "round/settled", true))
		}
		decision, err := m.run.Gate(ctx, GateDrift, func(workflow.Context) (step.Evidence, error) {
			return driftEvidence(m.in, m.state.Common, drift), nil
		}, m.driftGate())
		if err != nil {
			return err
		}
		if !decision.Approved {
			return step.Rejected(decision)
		}
		if err := m.mendDrift(ctx, decision.Choice, in, drift); err != nil {
			return err
		}
		m.state.RootID, m.state.SnapshotID = 0, 0 // taken anew, or taken for ours
		m.run.Settle(GateDrift)
		step.Forget(m.run, "round/drift")
	}
}

func (m *hdfsMirror) driftGate() step.GateOptions {
	o := m.gateOptions()
	o.Choices = []string{ChoiceRestore, ChoiceAdopt}
	o.Permits = "restore rolls the target back to its own snapshot, adopt takes it as it is; then the round goes on"
	return o
}

func (m *hdfsMirror) mendDrift(ctx workflow.Context, choice string, in activities.MirrorSnapshotInput, drift activities.DriftResult) error {
	if choice == ChoiceAdopt {
		if _, err := step.Do(control(ctx, m.in.Target), hm.AdoptMirrorDrift, in); err != nil {
			return err
		}
		m.state.Adopted = append(m.state.Adopted, fmt.Sprintf("%d changes to the target taken over after %s", drift.Changed, in.Snapshot))
		m.run.Note(ctx, "adopted %d changes that others made to the target: %s", drift.Changed, strings.Join(drift.First, "; "))
		return m.remember()
	}
	said, err := step.Do(bulk(ctx, m.in.Target), hm.RestoreMirrorTarget, in)
	if err == nil {
		m.run.Note(ctx, "%s", said)
	}
	return err
}

func driftEvidence(in HDFSMirrorInput, common string, drift activities.DriftResult) step.Evidence {
	return step.Evidence{Facts: []step.Fact{
		{Name: "target", Value: in.TargetPath + " at " + in.Target + " was changed by others since snapshot " + common},
		{Name: "changes", Value: humanize.Comma(drift.Changed)},
		{Name: "the first", Value: strings.Join(drift.First, "; ")},
		{Name: "looked at", Value: sampledText(drift)},
		{Name: ChoiceRestore, Value: "rolls the target back to " + common + ", copying only what drifted, from its own snapshot"},
		{Name: ChoiceAdopt, Value: adoptText},
		{Name: "reject", Value: stopText(in, common)},
	}}
}

func sampledText(d activities.DriftResult) string {
	text := fmt.Sprintf("what the NameNode reports, and %s files by id, time and checksum (seed %d)", humanize.Comma(d.Sampled), d.Seed)
	if d.Unproven > 0 {
		text += fmt.Sprintf(", %d of them could not be compared", d.Unproven)
	}
	return text
}

// prune deletes snapshots that the policy lets go, never the baseline and the
// last common one; a target with a ledger has none of its own. A failure is no
// reason to stop mirroring.
func (m *hdfsMirror) prune(ctx workflow.Context) error {
	site, activity := m.in.Target, hm.PruneMirrorSnapshots
	if m.found.Ledger {
		site, activity = m.in.Source, hm.PruneSourceSnapshots
	}
	in := activities.RetentionInput{
		MirrorAt: m.at, Prefix: m.prefix(), Keep: m.in.KeepSnapshots, MaxAge: m.in.KeepFor.Std(),
		Protected: []string{m.snapshotName(0)}, LastCommon: m.state.Common,
	}
	if m.in.From != "" {
		in.Protected = append(in.Protected, m.in.From)
	}
	_, err := step.Do(control(ctx, site), activity, in)
	if err == nil || errors.Is(err, step.ErrAborted) || errors.Is(err, step.ErrContinue) {
		return err
	}
	m.run.Note(ctx, "old snapshots were not deleted: %v", err)
	return nil
}

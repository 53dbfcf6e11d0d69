package workflows

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/internal/fault"
	"drover/workflows/step"
)

// bring applies a round's plan and compares what it brought. What stands in its
// way at the target was put there by others: while the round ran, or before, and
// was adopted; or a snapshot of the source is not what it was. It is a human's to
// clear, for all that was copied would be lost with the run. An attempt at the cutover fails over it instead, so that no
// writer waits.
func (m *hdfsMirror) bring(ctx workflow.Context, r activities.MirrorRoundInput, plan activities.MirrorRoundPlan) (activities.MirrorVerifyResult, error) {
	for {
		checked, err := m.applied(ctx, r, plan)
		_, attempt := step.Recall[time.Time](m.run, "approved")
		if !obstructed(err) || attempt || m.in.Rehearsal && m.in.AutoApprove {
			return checked, err
		}
		if err := m.awaitCleared(ctx, r, err); err != nil {
			return checked, err
		}
	}
}

// obstructed reports whether a tree was not what a round's plan is for: the
// target, or the source.
func obstructed(err error) bool { return step.KindOf(err) == fault.Conflict || bySource(err) }

// bySource reports whether it is a snapshot of the source that was not: then
// nobody wrote to the target.
func bySource(err error) bool { return step.KindOf(err) == fault.Mismatch }

// applied carries the plan out and compares what it brought with the source's
// snapshot.
func (m *hdfsMirror) applied(ctx workflow.Context, r activities.MirrorRoundInput, plan activities.MirrorRoundPlan) (activities.MirrorVerifyResult, error) {
	if err := m.apply(ctx, r, plan); err != nil {
		return activities.MirrorVerifyResult{}, err
	}
	check := m.verifyInput(r.To)
	check.From, check.Digest = r.From, plan.Digest
	checked, err := step.Once(bulk(ctx, m.in.Target), m.run, "round/checked", hm.VerifyMirror, check)
	if err == nil && checked.Verdict != verdictMatch {
		// Whoever tries again brings it again, and compares anew.
		step.Forget(m.run, "round/copies", "round/attributes", "round/checked")
		err = fault.As(fault.Conflict, fmt.Errorf("round %d: what it brought is not what the source's snapshot %s holds: verdict %s, %d differ: %v", m.state.Round+1, r.To, checked.Verdict, checked.Differing, checked.Differences))
	}
	return checked, err
}

// awaitCleared opens the gate for drift, with what the round met.
func (m *hdfsMirror) awaitCleared(ctx workflow.Context, r activities.MirrorRoundInput, cause error) error {
	decision, err := m.run.Gate(ctx, GateDrift, func(workflow.Context) (step.Evidence, error) {
		return m.obstructedEvidence(r, cause), nil
	}, m.driftGate())
	if err != nil {
		return err
	}
	if !decision.Approved {
		return step.Rejected(decision)
	}
	m.run.Settle(GateDrift)
	if decision.Choice == ChoiceAdopt && bySource(cause) {
		m.run.Note(ctx, "the round to %s goes on; it was stopped by: %s", r.To, messageOf(cause))
		return nil
	}
	if decision.Choice == ChoiceAdopt {
		m.state.Adopted = append(m.state.Adopted, "what others changed at the target while "+r.To+" was brought")
		m.run.Note(ctx, "the round to %s goes on with the target as it is; it was stopped by: %s", r.To, messageOf(cause))
		return m.remember()
	}
	said, err := step.Do(bulk(ctx, m.in.Target), hm.RestoreMirrorTarget, activities.MirrorSnapshotInput{MirrorAt: m.at, Snapshot: r.From})
	if err != nil {
		return err
	}
	m.run.Note(ctx, "%s; the round to %s was stopped by: %s", said, r.To, messageOf(cause))
	// Another attempt of distcp's is another command: it would not be run again
	// under the name of one that ended.
	ran, _ := step.Recall[int](m.run, "round/distcp/attempt")
	step.Forget(m.run, "round/operations", "round/copies", "round/copied", "round/attributes", "round/checked", "round/distcp", "round/distcp/back")
	return step.Remember(m.run, "round/distcp/attempt", ran+1)
}

func (m *hdfsMirror) obstructedEvidence(r activities.MirrorRoundInput, cause error) step.Evidence {
	at := step.Fact{Name: "target", Value: fmt.Sprintf("%s at %s is not what the round from %s to %s was planned for: others changed it", m.in.TargetPath, m.in.Target, r.From, r.To)}
	adopt := "goes on with the target as it is: put what the round met right by hand first, for it meets it again otherwise"
	if bySource(cause) {
		at = step.Fact{Name: "source", Value: fmt.Sprintf("%s at %s is not in snapshots %s and %s what the round was planned for; nobody is known to have changed the target", m.in.SourcePath, m.in.Source, r.From, r.To)}
		adopt = "goes on with the round, and adopts nothing: put what it met right by hand first, for it meets it again otherwise"
	}
	e := step.Evidence{Facts: []step.Fact{
		at,
		{Name: "the round met", Value: messageOf(cause)},
		{Name: ChoiceRestore, Value: "rolls the target back to " + r.From + ", what the round did by now included, and begins it anew"},
		{Name: ChoiceAdopt, Value: adopt},
		{Name: "reject", Value: stopText(m.in, r.From)},
	}}
	for _, a := range m.state.Adopted {
		e.Facts = append(e.Facts, step.Fact{Name: "adopted", Value: a + ": " + r.From + " holds it, so " + ChoiceRestore + " leads here again"})
	}
	return e
}

// adoptText says at the gate for drift what it means to adopt it.
const adoptText = "takes the target as it is, under the name of its common snapshot: rounds build on it and leave it alone where the source does not change. " +
	"What then differs from the source is never overwritten: the cutover's comparison names it, and no attempt passes until it is put right by hand, which is drift once more"

// stopText says at the gate for drift what becomes of the target when the run is
// stopped.
func stopText(in HDFSMirrorInput, common string) string {
	switch {
	case in.KeepOnAbort:
		return "stops the run; the target is rolled back to " + common + ", what others wrote there goes"
	case in.From != "":
		return "stops the run; the target is rolled back to " + in.From + ", what others wrote there goes"
	}
	return "stops the run; the target is removed, with what others wrote there"
}

// differs says why the whole target, compared, keeps an attempt from passing.
func (m *hdfsMirror) differs(verified activities.MirrorVerifyResult) error {
	err := fmt.Errorf("the target is not the source: verdict %s, %s differ: %s", verified.Verdict, humanize.Comma(verified.Differing), strings.Join(verified.Differences, "; "))
	if len(m.state.Adopted) > 0 {
		err = fmt.Errorf("%w; changes to the target were adopted: put right there by hand what differs, and adopt that at the gate %s of the next round", err, GateDrift)
	}
	return err
}

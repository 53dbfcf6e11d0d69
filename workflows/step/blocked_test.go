package step_test

import (
	"testing"
	"time"

	"drover/workflows/step"
)

// blocked lets the first measurement say that nothing may be approved.
func blocked(b *bench) { b.world.blocked = "3 rows differ" }

func TestBlockedEvidenceCannotBeApproved(t *testing.T) {
	b := newBench(t)
	blocked(b)
	var refused, asked, approved *answer
	b.after(time.Hour, func() {
		s := b.status()
		wantText(t, "waiting", s.Waiting, "cannot be approved: 3 rows differ")
		wantText(t, "details", b.details(), "**This evidence cannot be approved:** 3 rows differ")
		if s.ApproveCommand != "" {
			t.Errorf("the status offers %q for evidence that cannot be approved", s.ApproveCommand)
		}
		refused = b.approve()
		b.env.SignalWorkflow(step.ApproveSignal, raw(decision(s.Digest, "ann", true)))
	})
	b.after(2*time.Hour, func() {
		if got := b.status().Refusals; len(got) != 1 {
			t.Errorf("refusals = %+v, want that of the signal", got)
		}
		b.world.blocked = ""
		asked = b.update(step.RemeasureUpdate, order("ann"))
	})
	b.after(3*time.Hour, func() { approved = b.approve() })
	got, err := b.run(input{})
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, "approval", refused.String(), "gate cutover cannot be approved: 3 rows differ", "measure again", "or reject")
	if asked.err != nil || approved.err != nil || got.Outcome != step.Completed {
		t.Errorf("remeasure %v, approval afterwards %v, outcome %s: want all well", asked, approved, got.Outcome)
	}
}

func TestBlockedEvidenceCanBeRejected(t *testing.T) {
	b := newBench(t)
	blocked(b)
	b.after(time.Hour, func() { b.update(step.DecideUpdate, decision(b.status().Digest, "ann", false)) })
	got, err := b.run(input{})
	if err != nil || got.Outcome != step.RejectedOutcome {
		t.Errorf("result %+v, error %v: want rejected", got, err)
	}
	b.wantLog(putBack...)
}

func TestRehearsalRejectsBlockedEvidence(t *testing.T) {
	b := newBench(t)
	blocked(b)
	got, err := b.run(input{Gate: step.GateOptions{AutoApprove: true}})
	if err != nil || got.Outcome != step.RejectedOutcome {
		t.Errorf("result %+v, error %v: want rejected", got, err)
	}
	wantText(t, "reason", got.Decision.Reason, "3 rows differ")
	b.wantLog(putBack...)
}

func TestRecordTellsTheRun(t *testing.T) {
	b := newBench(t)
	b.after(time.Hour, func() { b.update(step.DecideUpdate, decision(b.status().Digest, "ann", false)) })
	if _, err := b.run(input{}); err != nil {
		t.Fatal(err)
	}
	r := b.status().Record()
	if r.Outcome != "rejected" || r.Reason != "gate cutover by ann: looks right" || r.StartedBy != "starter" || r.EndedAt.IsZero() {
		t.Errorf("record = %+v, want rejected by ann and an end", r)
	}
	if len(r.Undone) != 2 || r.Undone[0].Result != "removed snapshot" {
		t.Errorf("undone = %+v, want both, the snapshot first", r.Undone)
	}
	if len(r.Decisions) != 1 || r.Decisions[0].Digest == "" || len(r.Decisions[0].Facts) != 2 {
		t.Errorf("decisions = %+v, want one with its digest and facts", r.Decisions)
	}
	if len(r.Steps) != 4 || r.Steps[2].Name != "decide" || r.Steps[2].Millis < time.Hour.Milliseconds()-1000 {
		t.Errorf("steps = %+v, want four and an hour at the gate", r.Steps)
	}
}

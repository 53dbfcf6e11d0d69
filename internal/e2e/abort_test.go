//go:build cluster

package e2e

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/client"

	"drover/workflows"
	"drover/workflows/step"
)

// TestAbortPutsBothClustersBack aborts in each phase above the commit line and
// finds both clusters as they were, with what was undone in the report.
func TestAbortPutsBothClustersBack(t *testing.T) {
	r := newRig(t)
	for _, phase := range phases {
		if phase == workflows.PhaseSwitch {
			break // below the commit line, see TestAbortBelowTheCommitLineIsRefused
		}
		t.Run(phase, func(t *testing.T) {
			rig := *r
			rig.t = t
			m := rig.newTable(small())
			before := m.worldState()
			run := m.begin()
			if phase == workflows.PhaseFence || phase == workflows.PhaseDrain || phase == workflows.PhaseDelta {
				m.approve(m.id, workflows.GateCutover)
			}
			m.awaitPhase(m.id, phase)
			if refused := m.order(m.id, step.AbortUpdate); refused != nil {
				// The phase was so short that the run has committed: the
				// refusal is the right answer, and the run goes on.
				t.Logf("abort refused: %v", refused)
				m.approve(m.id, workflows.GateCleanup)
				m.completed(m.result(run))
				return
			}
			res := m.result(run)
			if res.Outcome != step.AbortedOutcome {
				t.Errorf("outcome %s, want %s: %s", res.Outcome, step.AbortedOutcome, asJSON(res))
			}
			if diff := cmp.Diff(before, m.worldState()); diff != "" {
				t.Errorf("clusters differ from how they were found (-before +after):\n%s", diff)
			}
			for _, u := range res.Report.Undone {
				if u.Error != "" {
					t.Errorf("undo %q: %s", u.What, u.Error)
				}
			}
			if phase != workflows.PhasePreflight && len(res.Report.Undone) == 0 {
				t.Error("the report lists nothing that was undone")
			}
		})
	}
}

func (r *rig) order(id, update string) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	h, err := r.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: update, Args: []any{map[string]string{"by": "e2e", "reason": "test"}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	return h.Get(ctx, nil)
}

func TestRejectionPutsBothClustersBack(t *testing.T) {
	m := newRig(t).newTable(small())
	before := m.worldState()
	run := m.begin()
	s := m.awaitGate(m.id, workflows.GateCutover)
	if err := m.decide(m.id, step.Decision{Gate: s.WaitingAt, Digest: s.Digest, By: "e2e", Reason: "not today"}); err != nil {
		t.Fatal(err)
	}
	if res := m.result(run); res.Outcome != step.RejectedOutcome {
		t.Errorf("outcome %s, want %s", res.Outcome, step.RejectedOutcome)
	}
	if diff := cmp.Diff(before, m.worldState()); diff != "" {
		t.Errorf("clusters differ from how they were found (-before +after):\n%s", diff)
	}
}

func TestAbortBelowTheCommitLineIsRefused(t *testing.T) {
	m := newRig(t).newTable(small())
	run := m.begin()
	m.approve(m.id, workflows.GateCutover)
	m.awaitGate(m.id, workflows.GateCleanup)
	if err := m.order(m.id, step.AbortUpdate); err == nil {
		t.Error("abort was accepted below the commit line")
	} else {
		t.Logf("refused: %v", err)
	}
	m.approve(m.id, workflows.GateCleanup)
	m.completed(m.result(run))
}

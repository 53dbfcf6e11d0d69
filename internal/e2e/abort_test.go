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
// finds both clusters as they were, with what was undone in the report. Each
// run is of the same table, so what an abort puts back can be started again.
func TestAbortPutsBothClustersBack(t *testing.T) {
	r := newRig(t)
	table := r.newTable(small())
	table.byDelta = true
	for _, phase := range phases {
		if phase == workflows.PhaseSwitch {
			break // below the commit line, see TestLiveTableMoves
		}
		t.Run(phase, func(t *testing.T) {
			m := table.part(t)
			before := m.worldState()
			run := m.begin()
			table.key = m.key // for the removal at the end
			if phase == workflows.PhaseFence || phase == workflows.PhaseDrain || phase == workflows.PhaseDelta {
				m.approve(m.id, workflows.GateCutover)
			}
			m.awaitPhase(m.id, phase)
			if refused := m.order(m.id, step.AbortUpdate); refused != nil {
				// The phase was so short that the run has committed: the
				// refusal is the right answer, and the run goes on. Its table
				// is fenced for good, so the next run is of another.
				t.Logf("abort refused: %v", refused)
				m.approve(m.id, workflows.GateCleanup)
				m.completed(m.result(run))
				table = r.newTable(small())
				table.byDelta = true
				return
			}
			res := m.result(run)
			if res.Outcome != step.AbortedOutcome {
				t.Errorf("outcome %s, want %s: %s", res.Outcome, step.AbortedOutcome, asJSON(res))
			}
			m.asFound(before)
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
	t.Run("rejection", func(t *testing.T) {
		m := table.part(t)
		before := m.worldState()
		run := m.begin()
		table.key = m.key
		s := m.awaitGate(m.id, workflows.GateCutover)
		if err := m.decide(m.id, step.Decision{Gate: s.WaitingAt, Digest: s.Digest, By: "e2e", Reason: "not today"}); err != nil {
			t.Fatal(err)
		}
		if res := m.result(run); res.Outcome != step.RejectedOutcome {
			t.Errorf("outcome %s, want %s", res.Outcome, step.RejectedOutcome)
		}
		m.asFound(before)
	})
}

// asFound compares both clusters with how they were.
func (m *moved) asFound(before map[string][]string) {
	m.t.Helper()
	if diff := cmp.Diff(before, m.worldState()); diff != "" {
		m.t.Errorf("clusters differ from how they were found (-before +after):\n%s", diff)
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

package workflows_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"drover/workflows"
	"drover/workflows/step"
)

// TestMigrationCrossesContinueAsNew lets the history grow long while the
// cutover gate is open: the next run repeats nothing, knows the evidence, and
// goes on from the decision.
func TestMigrationCrossesContinueAsNew(t *testing.T) {
	b := newBench(t)
	b.env.RegisterDelayedCallback(func() {
		b.env.SetContinueAsNewSuggested(true)
		b.env.UpdateWorkflow(step.RemeasureUpdate, "1", answers{t}, json.RawMessage(`{"by":"ann","reason":"it is late"}`))
	}, time.Hour)
	_, err := b.run(input("t"))
	var next *workflow.ContinueAsNewError
	if !errors.As(err, &next) {
		t.Fatalf("error %v, want the run to continue as new", err)
	}
	var carried workflows.HBaseMigrationInput
	if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &carried); err != nil {
		t.Fatal(err)
	}
	again := newBench(t)
	again.decideAt(true, true)
	res, err := again.run(carried)
	if err != nil {
		t.Fatal(err)
	}
	again.wantCalls(slices.Concat(cutting, opening, cleaning)...)
	if res.Outcome != step.Completed || res.Verdict != "match" || len(res.Verified) != 1 || res.Exported.Files != 3 {
		t.Errorf("result %+v, want completed and match with what the run before found", res)
	}
}

// answers fails the test when an update is refused.
type answers struct{ t *testing.T }

func (a answers) Accept() {}

func (a answers) Reject(err error) { a.t.Errorf("update refused: %v", err) }

func (a answers) Complete(_ any, err error) {
	if err != nil {
		a.t.Errorf("update failed: %v", err)
	}
}

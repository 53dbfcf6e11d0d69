package workflows

import (
	"encoding/json"
	"errors"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"drover/internal/strictjson"
	"drover/workflows/step"
)

// unproven is the verdict of a run that ended before its last comparison.
const unproven = "unproven"

// readInput refuses unknown keys on a first run. A continued run, which carries
// a state, is read leniently: an older binary must not fail it over a field it
// does not know. in is of a type without UnmarshalJSON.
func readInput(b []byte, in any) error {
	var probe struct {
		State json.RawMessage `json:"state"`
	}
	if err := json.Unmarshal(b, &probe); err == nil && len(probe.State) > 0 {
		return json.Unmarshal(b, in)
	}
	return strictjson.Unmarshal(b, in)
}

// end ends a run over cause, nil for one that did what it was to do, and says in
// a word and in words how. A preflight that blocks is no failure but a refusal.
func end(ctx workflow.Context, run *step.Run, cause error) (outcome step.Outcome, reason string, err error) {
	blocked := errors.Is(cause, errBlocked)
	if blocked {
		cause = fmt.Errorf("%w: %w", step.ErrRejected, cause)
	}
	outcome, err = run.Finish(ctx, cause)
	if blocked && outcome == step.RejectedOutcome {
		outcome = OutcomeBlocked
	}
	if cause != nil {
		reason = cause.Error()
	}
	return outcome, reason, err
}

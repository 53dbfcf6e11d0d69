package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"drover/workflows/step"
)

// maxFreeze bounds how long writes stay refused, all steps of an attempt
// together: one that has not reached the commit line by then lifts the fence.
const maxFreeze = 10 * time.Minute

// refusal is the time in which the source refuses writes, from the call of the
// fence on: the first region refuses long before the fence stands.
type refusal struct {
	run   *step.Run
	since time.Time
}

// left is how much of maxFreeze the next step may take. It fails when nothing
// is left, and when the run is paused: writers are not kept waiting for a
// person, so the attempt ends, the fence is lifted, and the run waits above it.
func (r refusal) left(ctx workflow.Context) (time.Duration, error) {
	if err := r.run.Passable(); err != nil {
		return 0, fmt.Errorf("writes are refused: %w", err)
	}
	left := maxFreeze - workflow.Now(ctx).Sub(r.since)
	if left <= 0 {
		return 0, fmt.Errorf("writes were refused for %s, the limit of an attempt: see in the phases what took the time", maxFreeze)
	}
	return left, nil
}

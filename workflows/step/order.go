package step

import (
	"fmt"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// order is an update that takes {"by","reason"}.
type order struct {
	name        string
	description string
	may         func() error
	do          func(workflow.Context, Order) string
}

func (r *Run) orders() []order {
	return []order{
		{
			name: PauseUpdate, may: r.mayPause,
			description: `Holds the run before its next step; what is running finishes: {"by":"…","reason":"…"}`,
			do: func(_ workflow.Context, o Order) string {
				r.state.Paused = &o
				return "paused: what is running finishes, nothing new begins until the run is resumed"
			},
		},
		{
			name: ResumeUpdate, may: r.mayResume,
			description: `Lets a paused run go on: {"by":"…","reason":"…"}`,
			do: func(workflow.Context, Order) string {
				r.state.Paused = nil
				return "resumed"
			},
		},
		{
			name: AbortUpdate, may: r.mayAbort,
			description: `Stops the run above its commit line and puts back what it did: {"by":"…","reason":"…"}`,
			do: func(ctx workflow.Context, o Order) string {
				r.abort(ctx, o)
				return fmt.Sprintf("aborting: %d steps are put back, the status lists them", len(r.state.Undo))
			},
		},
		{
			name: RemeasureUpdate, may: r.mayRemeasure,
			description: `Measures the evidence of the open gate again: {"by":"…","reason":"…"}`,
			do: func(_ workflow.Context, _ Order) string {
				r.state.Open.Remeasure = true
				return fmt.Sprintf("gate %s measures again: decide on the digest the status then shows", r.state.Open.Gate)
			},
		},
		r.roundOrder(),
	}
}

// check says why the order is refused now, nil when it is not. It only looks.
func (o order) check(raw converter.RawValue) error {
	if _, err := parseOrder(raw); err != nil {
		return fmt.Errorf("%s refused: %w", o.name, err)
	}
	return o.may()
}

// carryOut does what was checked and answers with a sentence.
func (o order) carryOut(ctx workflow.Context, r *Run, raw converter.RawValue) (string, error) {
	given, err := parseOrder(raw)
	if err != nil {
		return "", err
	}
	given.At = workflow.Now(ctx).UTC()
	answer := o.do(ctx, given)
	r.Note(ctx, "%s by %s: %s", o.name, given.By, given.Reason)
	return answer, nil
}

func (o order) register(ctx workflow.Context, r *Run) error {
	validate := func(_ workflow.Context, raw converter.RawValue) error { return o.check(raw) }
	handle := func(ctx workflow.Context, raw converter.RawValue) (string, error) { return o.carryOut(ctx, r, raw) }
	err := workflow.SetUpdateHandlerWithOptions(ctx, o.name, handle, workflow.UpdateHandlerOptions{
		Validator: validate, Description: o.description,
	})
	if err != nil {
		return fmt.Errorf("register update %s: %w", o.name, err)
	}
	return nil
}

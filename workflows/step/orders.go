package step

import (
	"fmt"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// listen registers the query, the updates and the signal, then starts the two
// coroutines that watch for signals and for Temporal's cancellation.
func (r *Run) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery,
		func() (Status, error) { return r.Status(ctx), nil },
		workflow.QueryHandlerOptions{Description: "Where the run is, since when, what it waits for and what happens next."})
	if err != nil {
		return fmt.Errorf("register query %s: %w", StatusQuery, err)
	}
	if err := r.listenDecide(ctx); err != nil {
		return err
	}
	for _, o := range r.orders() {
		if err := o.register(ctx, r); err != nil {
			return err
		}
	}
	r.listenSignals(ctx)
	alive, _ := workflow.NewDisconnectedContext(ctx)
	workflow.Go(alive, r.readSignals)
	workflow.Go(alive, func(alive workflow.Context) { r.watchCancel(alive, ctx) })
	return nil
}

func (r *Run) listenDecide(ctx workflow.Context) error {
	decide := func(ctx workflow.Context, raw converter.RawValue) (string, error) {
		return r.accept(ctx, raw, "update "+DecideUpdate)
	}
	validate := func(ctx workflow.Context, raw converter.RawValue) error {
		d, err := parseDecision(raw, r.example())
		if err != nil {
			return err
		}
		return r.check(d, workflow.Now(ctx))
	}
	err := workflow.SetUpdateHandlerWithOptions(ctx, DecideUpdate, decide, workflow.UpdateHandlerOptions{
		Validator:   validate,
		Description: `Decides the open gate: {"gate":"…","digest":"…","by":"…","reason":"…","approved":true}`,
	})
	if err != nil {
		return fmt.Errorf("register update %s: %w", DecideUpdate, err)
	}
	return nil
}

// accept records a decision that was checked and answers with a sentence.
func (r *Run) accept(ctx workflow.Context, raw converter.RawValue, door string) (string, error) {
	d, err := parseDecision(raw, r.example())
	if err != nil {
		return "", err
	}
	if last := r.decided(d.Gate); last != nil {
		return fmt.Sprintf("gate %s was already %s by %s at %s", d.Gate, last.verb(), last.By, stamp(last.At)), nil
	}
	r.record(d, door, workflow.Now(ctx).UTC())
	r.show(ctx)
	return fmt.Sprintf("gate %s %s by %s on evidence %s", d.Gate, d.verb(), d.By, d.Digest), nil
}

func (r *Run) refuse(ctx workflow.Context, door string, why error, payload string) {
	r.state.Refusals = keepLast(append(r.state.Refusals, Refusal{
		At: workflow.Now(ctx).UTC(), Door: door, Reason: why.Error(), Payload: payload,
	}), keptRefusals)
	r.show(ctx)
}

// watchCancel makes the cancellation of the workflow an abort above the commit
// line and a refused request below it.
func (r *Run) watchCancel(ctx, root workflow.Context) {
	root.Done().Receive(ctx, nil)
	order := Order{By: "Temporal", Reason: "the workflow was cancelled", At: workflow.Now(ctx).UTC(), Cancelled: true}
	if err := r.mayAbort(); err != nil {
		r.refuse(ctx, "cancellation", err, "")
		return
	}
	r.abort(ctx, order)
}

func (r *Run) abort(ctx workflow.Context, o Order) {
	r.state.Abort = &o
	r.cancel()
	r.show(ctx)
}

func (r *Run) mayAbort() error {
	switch {
	case r.state.Committed != nil:
		return fmt.Errorf("abort refused: the run passed its commit line at %s (%s) and only goes forward; see the runbook page for the way back",
			stamp(r.state.Committed.At), r.state.Committed.What)
	case r.state.Abort != nil:
		return fmt.Errorf("abort refused: %s already aborted the run at %s (%s)", r.state.Abort.By, stamp(r.state.Abort.At), r.state.Abort.Reason)
	case r.ending:
		return fmt.Errorf("abort refused: the run is already ending, see the status")
	}
	return nil
}

func (r *Run) mayPause() error {
	switch {
	case r.state.Paused != nil:
		return fmt.Errorf("pause refused: %s already paused the run at %s (%s); resume it to go on", r.state.Paused.By, stamp(r.state.Paused.At), r.state.Paused.Reason)
	case r.state.Abort != nil, r.ending:
		return fmt.Errorf("pause refused: the run is ending, see the status")
	}
	return nil
}

func (r *Run) mayResume() error {
	if r.state.Paused == nil {
		return fmt.Errorf("resume refused: the run is not paused")
	}
	return nil
}

func (r *Run) mayRemeasure() error {
	open := r.state.Open
	switch {
	case open == nil || open.Decided:
		return fmt.Errorf("remeasure refused: no gate is open; the run is in phase %q", r.phase().Name)
	case open.measuring:
		return fmt.Errorf("remeasure refused: the evidence of gate %s is being measured already", open.Gate)
	}
	return nil
}

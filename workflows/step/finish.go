package step

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Outcome says how a run ended.
type Outcome string

const (
	// Completed means every step was done.
	Completed Outcome = "completed"
	// RejectedOutcome means a person said no at a gate; everything was put back.
	RejectedOutcome Outcome = "rejected"
	// AbortedOutcome means a person or Temporal stopped the run; everything was put back.
	AbortedOutcome Outcome = "aborted"
	// Failed means a step failed, or something could not be put back.
	Failed Outcome = "failed"
)

// Finish ends a run: cause is what the runbook's body returned. Above the
// commit line any cause puts everything back, newest first; below it nothing is
// undone. An abort or a rejection that was put back cleanly is an answer, so
// the error is nil; only a run that Temporal cancelled ends with a
// CanceledError, as its lists expect.
func (r *Run) Finish(ctx workflow.Context, cause error) (Outcome, error) {
	if errors.Is(cause, ErrContinue) {
		return Failed, errors.New("finish: the run is to continue as new, the runbook must call Carry")
	}
	r.ending = true
	if r.state.Abort != nil && r.state.Committed == nil && !errors.Is(cause, ErrAborted) {
		cause = errors.Join(r.aborted(), cause)
	}
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	r.state.Open = nil
	r.state.Paused = nil
	var left error
	if cause != nil && r.state.Committed == nil {
		if len(r.state.Undo) > 0 {
			r.Phase(ctx, "undo", "putting back what this run did")
		}
		left = r.unwind(ctx, 0)
	}
	r.drain(ctx)
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		left = errors.Join(left, fmt.Errorf("await handlers: %w", err))
	}
	r.endPhase(workflow.Now(ctx).UTC())
	r.outcome = outcomeOf(cause, left)
	r.index(ctx, string(r.outcome))
	r.show(ctx)
	switch {
	case r.outcome == Failed:
		return Failed, errors.Join(cause, left)
	case r.outcome == AbortedOutcome && r.state.Abort != nil && r.state.Abort.Cancelled:
		return AbortedOutcome, temporal.NewCanceledError()
	}
	return r.outcome, nil
}

func outcomeOf(cause, left error) Outcome {
	switch {
	case left != nil:
		return Failed
	case cause == nil:
		return Completed
	case errors.Is(cause, ErrAborted):
		return AbortedOutcome
	case errors.Is(cause, ErrRejected):
		return RejectedOutcome
	default:
		return Failed
	}
}

// Carry prepares the run to continue as new and returns the state to take
// along. It handles every signal that has arrived and waits for every update
// handler, so that nothing acknowledged is lost; the caller must return the
// ContinueAsNewError without blocking in between.
func (r *Run) Carry(ctx workflow.Context) (*State, error) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	r.drain(ctx)
	err := workflow.Await(ctx, func() bool { return !r.arrived() && workflow.AllHandlersFinished(ctx) })
	if err != nil {
		return nil, fmt.Errorf("continue as new: await handlers: %w", err)
	}
	state := r.state
	return &state, nil
}

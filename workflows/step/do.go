package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"drover/internal/fault"
)

// Do runs one activity and returns its result. Unlike ExecuteActivity, it lets
// the compiler check the argument and the result.
//
// ctx must carry activity options. When ctx comes from Begin, an abort cancels
// the activity, Do waits until the activity has stopped (nothing may be undone
// under the hands of a step that still runs), and the error is ErrAborted.
func Do[In, Out any](ctx workflow.Context, act func(context.Context, In) (Out, error), in In) (Out, error) {
	options := workflow.GetActivityOptions(ctx)
	options.WaitForCancellation = true
	ctx = workflow.WithActivityOptions(ctx, options)
	var out Out
	err := workflow.ExecuteActivity(ctx, act, in).Get(ctx, &out)
	if r, ok := ctx.Value(runKey{}).(*Run); ok {
		err = r.stopped(err)
	}
	return out, err
}

// Once is Do for a step that must not run again after the run continued as
// new: the result is remembered in the state under key, which is unique in the
// runbook. Keep the result small (counts, names, digests); it travels along.
func Once[In, Out any](ctx workflow.Context, r *Run, key string, act func(context.Context, In) (Out, error), in In) (Out, error) {
	var out Out
	if kept, ok := r.state.Results[key]; ok {
		if err := decode(kept, &out); err != nil {
			return out, fmt.Errorf("read remembered result of %s: %w", key, err)
		}
		return out, nil
	}
	out, err := Do(ctx, act, in)
	if err != nil {
		return out, err
	}
	kept, err := encode(out)
	if err != nil {
		return out, fmt.Errorf("remember result of %s: %w", key, err)
	}
	if r.state.Results == nil {
		r.state.Results = map[string]json.RawMessage{}
	}
	r.state.Results[key] = kept
	return out, nil
}

// KindOf returns the kind of a failure also when it comes from an activity,
// where the kind travels as the type of the application error.
func KindOf(err error) fault.Kind {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		if kind := fault.Kind(app.Type()); kind.Known() {
			return kind
		}
	}
	return fault.KindOf(err)
}

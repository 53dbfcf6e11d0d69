package step

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// UndoStep is an undo as data: the name of an activity and its argument. A
// function could not travel when the run continues as new.
type UndoStep struct {
	What         string          `json:"what"`
	Activity     string          `json:"activity"`
	Args         json.RawMessage `json:"args"`
	TaskQueue    string          `json:"taskQueue,omitempty"`
	StartToClose time.Duration   `json:"startToClose"`
	Heartbeat    time.Duration   `json:"heartbeat,omitempty"`
}

// undoAttempts bounds the retries of one undo; what cannot be put back after
// that is named in the report for a person to do.
const undoAttempts = 10

// Undo declares, before the forward step, how to take it back: by calling act
// with in on the task queue and with the timeouts that ctx carries. Before,
// because a step that failed or timed out may still have happened; so act must
// look first and take "nothing to undo" for success. Its result is a JSON
// object whose field "undone" says in words what was put back, or a string.
//
// act must be registered under its Go name. Declaring again what is declared
// already, as a continued run does, changes nothing. Below the commit line
// nothing is declared any more.
func Undo[In, Out any](ctx workflow.Context, r *Run, what string, act func(context.Context, In) (Out, error), in In) error {
	args, err := encode(in)
	if err != nil {
		return fmt.Errorf("declare undo %q: %w", what, err)
	}
	options := workflow.GetActivityOptions(ctx)
	if options.StartToCloseTimeout == 0 {
		return fmt.Errorf("declare undo %q: the context has no activity options with a start-to-close timeout", what)
	}
	r.declare(UndoStep{
		What: what, Activity: activityName(act), Args: args, TaskQueue: options.TaskQueue,
		StartToClose: options.StartToCloseTimeout, Heartbeat: options.HeartbeatTimeout,
	})
	return nil
}

func (r *Run) declare(step UndoStep) {
	if r.state.Committed != nil {
		return
	}
	for i, u := range r.state.Undo {
		if u.What == step.What && u.Activity == step.Activity && bytes.Equal(u.Args, step.Args) {
			r.declared = i + 1
			return
		}
	}
	r.state.Undo = append(r.state.Undo, step)
	r.declared = len(r.state.Undo)
}

// Mark is a place in the list of undos.
type Mark int

// Mark remembers the undos declared so far, for UndoTo.
func (r *Run) Mark() Mark { return Mark(r.declared) }

// UndoTo puts back, newest first, what was declared after the mark and leaves
// the rest: a fence is lifted, the copy behind it stays. It runs to its end
// also when the run is aborted meanwhile, and refuses below the commit line.
func (r *Run) UndoTo(ctx workflow.Context, mark Mark) error {
	if r.state.Committed != nil {
		return fmt.Errorf("undo refused: the run passed its commit line at %s (%s)", stamp(r.state.Committed.At), r.state.Committed.What)
	}
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	return r.unwind(ctx, int(mark))
}

// unwind runs the undos from the newest down to the one at index keep, also
// after one of them failed, and returns what could not be put back.
func (r *Run) unwind(ctx workflow.Context, keep int) error {
	var left error
	for len(r.state.Undo) > keep {
		last := len(r.state.Undo) - 1
		u := r.state.Undo[last]
		undone := Undone{What: u.What}
		var err error
		if undone.Result, err = u.run(ctx); err != nil {
			undone.Error = err.Error()
			left = errors.Join(left, fmt.Errorf("undo %q: %w", u.What, err))
		}
		undone.At = workflow.Now(ctx).UTC()
		r.state.Undo = r.state.Undo[:last]
		r.state.Undone = append(r.state.Undone, undone)
		r.show(ctx)
	}
	r.declared = len(r.state.Undo)
	return left
}

func (u UndoStep) run(ctx workflow.Context) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           u.TaskQueue,
		StartToCloseTimeout: u.StartToClose,
		HeartbeatTimeout:    u.Heartbeat,
		Summary:             excerpt("undo: "+u.What, 100),
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2,
			MaximumInterval: time.Minute, MaximumAttempts: undoAttempts,
		},
	})
	var result json.RawMessage
	if err := workflow.ExecuteActivity(ctx, u.Activity, u.Args).Get(ctx, &result); err != nil {
		return "", err
	}
	return undoneText(result), nil
}

// undoneText reads what an undo says it did; a result in another form is
// shown as it is, because the report must not lose it.
func undoneText(result json.RawMessage) string {
	var text string
	if decode(result, &text) == nil {
		return text
	}
	var object struct {
		Undone *string `json:"undone"`
	}
	if decode(result, &object) == nil && object.Undone != nil {
		return *object.Undone
	}
	return string(result)
}

// activityName is the name the SDK registers a function or method under.
func activityName(act any) string {
	name := runtime.FuncForPC(reflect.ValueOf(act).Pointer()).Name()
	name = name[strings.LastIndex(name, ".")+1:]
	return strings.TrimSuffix(name, "-fm")
}

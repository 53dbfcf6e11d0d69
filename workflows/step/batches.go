package step

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// maxParallel keeps pending activities far below the server's limit of 2,000
// per run.
const maxParallel = 200

// BatchOptions describe a pass over a manifest.
type BatchOptions struct {
	// Name is unique in the runbook; the cursor is kept under it and the
	// progress is shown under it.
	Name string
	// Count is the number of items in the manifest.
	Count int64
	// Size is the number of items per batch: 1 to 10 minutes of work.
	Size int64
	// Parallel is how many batches run at a time, 1 to 200.
	Parallel int
	// Unit names the items in the plural, such as "files".
	Unit string
}

func (o BatchOptions) validate() error {
	if o.Name == "" || o.Count < 0 || o.Size < 1 || o.Parallel < 1 || o.Parallel > maxParallel {
		return fmt.Errorf("batches %q: want a name, a count of at least 0, a size of at least 1 and 1 to %d in parallel, got count %d, size %d, parallel %d",
			o.Name, maxParallel, o.Count, o.Size, o.Parallel)
	}
	return nil
}

// Batches calls do for the ranges [first,last) of a manifest, at most
// o.Parallel at a time and in order of admission. A paused run admits nothing
// new. When a batch fails or the run is aborted the others are cancelled and
// waited for. Batches returns ErrContinue when the history has grown long: what
// was admitted is done then, and the next run goes on at the cursor.
func (r *Run) Batches(ctx workflow.Context, o BatchOptions, do func(ctx workflow.Context, first, last int64) error) error {
	if err := o.validate(); err != nil {
		return err
	}
	if r.state.Cursors == nil {
		r.state.Cursors = map[string]int64{}
	}
	w := r.window(ctx, o)
	err := w.admit(ctx, do)
	if waiting := w.settle(ctx, err); waiting != nil {
		return waiting
	}
	if failed := r.stopped(errors.Join(w.failures...)); failed != nil {
		return failed
	}
	if err != nil && !errors.Is(err, ErrContinue) {
		return r.stopped(err)
	}
	r.state.Cursors[o.Name] = w.next
	return err
}

// window is a pass in progress.
type window struct {
	r        *Run
	o        BatchOptions
	next     int64 // first item not admitted
	done     int64
	inFlight int
	failures []error
	inner    workflow.Context
	cancel   workflow.CancelFunc
}

func (r *Run) window(ctx workflow.Context, o BatchOptions) *window {
	w := &window{r: r, o: o, next: r.state.Cursors[o.Name]}
	w.done = w.next
	w.inner, w.cancel = workflow.WithCancel(ctx)
	w.progress(ctx)
	return w
}

func (w *window) admit(ctx workflow.Context, do func(workflow.Context, int64, int64) error) error {
	for w.next < w.o.Count {
		free := func() bool { return w.inFlight < w.o.Parallel || len(w.failures) > 0 }
		if err := workflow.Await(ctx, free); err != nil {
			return err
		}
		if err := w.r.Checkpoint(ctx); err != nil {
			return err
		}
		if len(w.failures) > 0 {
			return nil
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return ErrContinue
		}
		w.start(do)
	}
	return nil
}

func (w *window) start(do func(workflow.Context, int64, int64) error) {
	first, last := w.next, min(w.next+w.o.Size, w.o.Count)
	w.next = last
	w.inFlight++
	workflow.Go(w.inner, func(ctx workflow.Context) {
		err := do(ctx, first, last)
		w.inFlight--
		if err != nil {
			w.fail(fmt.Errorf("%s %d to %d: %w", w.o.Name, first, last-1, err))
			return
		}
		w.done += last - first
		w.progress(ctx)
	})
}

// fail keeps the error and stops the others; what they then return because
// they were stopped says nothing new.
func (w *window) fail(err error) {
	if len(w.failures) > 0 && (temporal.IsCanceledError(err) || errors.Is(err, ErrAborted)) {
		return
	}
	w.failures = append(w.failures, err)
	w.cancel()
}

// settle waits until no batch runs any more, whatever happened.
func (w *window) settle(ctx workflow.Context, admitted error) error {
	if admitted != nil && !errors.Is(admitted, ErrContinue) {
		w.cancel()
	}
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	err := workflow.Await(ctx, func() bool { return w.inFlight == 0 })
	w.cancel()
	return err
}

func (w *window) progress(ctx workflow.Context) {
	w.r.Progress(ctx, Progress{Name: w.o.Name, Done: w.done, Total: w.o.Count, Unit: w.o.Unit})
}

package step_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"drover/workflows/step"
)

// crowd counts activities that run at the same time. The first full ones wait
// for each other, so a window smaller than full never fills.
type crowd struct {
	mu        sync.Mutex
	full      int
	now, peak int
	ranges    []string
	filled    chan struct{}
}

func (c *crowd) Copy(ctx context.Context, span [2]int64) (string, error) {
	c.enter(span)
	defer c.leave()
	select {
	case <-c.filled:
		return "", nil
	case <-time.After(5 * time.Second):
		return "", fmt.Errorf("only %d of %d batches run at a time", c.peak, c.full)
	}
}

func (c *crowd) enter(span [2]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	c.peak = max(c.peak, c.now)
	c.ranges = append(c.ranges, fmt.Sprintf("%02d-%02d", span[0], span[1]))
	if c.now == c.full {
		select {
		case <-c.filled:
		default:
			close(c.filled)
		}
	}
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
}

func passes(ctx workflow.Context, o step.BatchOptions) (step.Status, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	ctx, run, err := step.Begin(ctx, subject(), nil)
	if err != nil {
		return step.Status{}, err
	}
	var nobody *crowd
	err = run.Batches(ctx, o, func(ctx workflow.Context, first, last int64) error {
		_, err := step.Do(ctx, nobody.Copy, [2]int64{first, last})
		return err
	})
	_, err = run.Finish(ctx, err)
	return run.Status(ctx), err
}

func TestBatchesCoverTheManifestOnceWithinTheWindow(t *testing.T) {
	b := newBench(t)
	c := &crowd{full: 3, filled: make(chan struct{})}
	b.env.RegisterActivity(c)
	b.env.RegisterWorkflow(passes)
	b.env.ExecuteWorkflow(passes, step.BatchOptions{Name: "copy", Count: 95, Size: 10, Parallel: 3, Unit: "files"})
	if err := b.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	var want []string
	for first := 0; first < 95; first += 10 {
		want = append(want, fmt.Sprintf("%02d-%02d", first, min(first+10, 95)))
	}
	slices.Sort(c.ranges)
	if !slices.Equal(c.ranges, want) {
		t.Errorf("ranges = %v, want %v", c.ranges, want)
	}
	if c.peak != 3 {
		t.Errorf("%d batches at a time, want 3", c.peak)
	}
	var s step.Status
	if err := b.env.GetWorkflowResult(&s); err != nil {
		t.Fatal(err)
	}
	if len(s.Progress) != 1 || s.Progress[0] != (step.Progress{Name: "copy", Done: 95, Total: 95, Unit: "files"}) {
		t.Errorf("progress = %+v, want 95 of 95 files", s.Progress)
	}
}

func TestBatchesRefuseBadOptions(t *testing.T) {
	good := step.BatchOptions{Name: "copy", Count: 1, Size: 1, Parallel: 1}
	cases := map[string]func(*step.BatchOptions){
		"no name":           func(o *step.BatchOptions) { o.Name = "" },
		"no size":           func(o *step.BatchOptions) { o.Size = 0 },
		"nothing parallel":  func(o *step.BatchOptions) { o.Parallel = 0 },
		"too much parallel": func(o *step.BatchOptions) { o.Parallel = 201 },
		"negative count":    func(o *step.BatchOptions) { o.Count = -1 },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.env.RegisterWorkflow(passes)
			o := good
			spoil(&o)
			b.env.ExecuteWorkflow(passes, o)
			err := b.env.GetWorkflowError()
			if err == nil {
				t.Fatalf("%+v was accepted", o)
			}
			wantText(t, "error", err.Error(), "1 to 200 in parallel")
		})
	}
}

func TestBatchThatFailsEndsThePass(t *testing.T) {
	b := newBench(t)
	b.world.fail("copy 10-20", errors.New("disk is full"))
	_, err := b.run(input{Items: 50})
	if err == nil {
		t.Fatal("the run ended well, want the failure")
	}
	wantText(t, "error", err.Error(), "copy 10 to 19: ", "disk is full")
	b.wantLog("peer", "snapshot", "copy 0-10", "undo snapshot", "undo peer")
}

func TestPausedBatchesAdmitNothingNew(t *testing.T) {
	b := newBench(t)
	b.world.on["copy 10-20"] = func() { b.update(step.PauseUpdate, order("bob")) }
	b.after(time.Hour, func() {
		b.wantLog("peer", "snapshot", "copy 0-10", "copy 10-20")
		if p := b.status().Progress; len(p) != 1 || p[0].Done != 20 || p[0].Total != 40 {
			t.Errorf("progress = %+v, want 20 of 40: what ran is finished", p)
		}
		b.update(step.ResumeUpdate, order("bob"))
	})
	b.after(2*time.Hour, func() { b.approve() })
	if _, err := b.run(input{Items: 40}); err != nil {
		t.Fatal(err)
	}
	b.wantLog("peer", "snapshot", "copy 0-10", "copy 10-20", "copy 20-30", "copy 30-40", "measure", "fence", "open")
}

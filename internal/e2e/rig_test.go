//go:build cluster

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"drover/workers"
	"drover/workflows"
	"drover/workflows/step"
)

// patience bounds every wait of these tests; it is reached only when something
// hangs, however busy the machine is.
const patience = 10 * time.Minute

// rig is a test in its lane.
type rig struct {
	*lane
	t    *testing.T
	said int // bytes that the worker had written when the test began
}

// newRig waits for a free lane. The test then runs beside those in the others.
func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	return rigIn(t, <-free)
}

// firstRig is newRig for the longest test, which takes the lane kept for it.
func firstRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	select {
	case l := <-first:
		return rigIn(t, l)
	case l := <-free: // a lane is kept only when all tests run
		return rigIn(t, l)
	}
}

// mirrorRig is newRig for a test that moves no table.
func mirrorRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	select {
	case l := <-mirrors:
		return rigIn(t, l)
	case l := <-free:
		return rigIn(t, l)
	}
}

func rigIn(t *testing.T, l *lane) *rig {
	t.Helper()
	t.Cleanup(func() { l.home <- l })
	l.open(t)
	began := time.Now()
	t.Cleanup(func() { t.Logf("from %s to %s, %s in the lane", l.from, l.to, time.Since(began).Round(time.Second)) })
	r := &rig{lane: l, t: t, said: l.worker.out.len()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("worker said:\n%s", r.workerSaid())
		}
	})
	return r
}

// with is the same rig for a part of the test.
func (r *rig) with(t *testing.T) *rig { return &rig{lane: r.lane, t: t, said: r.said} }

func (r *rig) workerSaid() string { return r.worker.out.since(r.said) }

// replaceWorker kills the worker and starts another.
func (r *rig) replaceWorker() time.Time {
	r.t.Helper()
	if err := r.worker.kill(); err != nil {
		r.t.Fatal(err)
	}
	killed := time.Now()
	if r.t.Failed() {
		r.t.Logf("the killed worker said:\n%s", r.workerSaid())
	}
	r.startWorker(r.t)
	r.said = 0
	return killed
}

// start starts a migration with plain JSON.
func (r *rig) start(id string, input map[string]any) client.WorkflowRun {
	r.t.Helper()
	run, err := r.client.ExecuteWorkflow(r.t.Context(), client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.RunbooksQueue, WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, workers.HBaseMigration, input)
	if err != nil {
		r.t.Fatal(err)
	}
	return run
}

// status asks until a worker answers.
func (r *rig) status(id string) step.Status {
	r.t.Helper()
	var s step.Status
	r.await("an answer to the status query", func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		v, err := r.client.QueryWorkflow(ctx, id, "", step.StatusQuery)
		if err != nil {
			return false, err
		}
		if err := v.Get(&s); err != nil {
			r.t.Fatal(err)
		}
		return true, nil
	})
	return s
}

// await polls until done; the last error tells why it was not.
func (r *rig) await(what string, done func(context.Context) (bool, error)) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		ok, err := done(ctx)
		if ok {
			return
		}
		if err != nil {
			last = err
		}
		select {
		case <-ctx.Done():
			r.t.Fatalf("waited %s for %s: %v\nworker said:\n%s", patience, what, last, r.workerSaid())
		case <-tick.C:
		}
	}
}

// awaitGate waits until a gate is open with evidence, or the run ended.
func (r *rig) awaitGate(id, gate string) step.Status {
	r.t.Helper()
	var s step.Status
	r.await("gate "+gate, func(ctx context.Context) (bool, error) {
		s = r.status(id)
		if s.Outcome != "" {
			r.t.Fatalf("run ended (%s) before gate %s: %s", s.Outcome, gate, asJSON(s))
		}
		return s.WaitingAt == gate && s.Digest != "", fmt.Errorf("status: phase %s, waiting: %s", s.Phase, s.Waiting)
	})
	return s
}

func (r *rig) decide(id string, d step.Decision) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	h, err := r.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: step.DecideUpdate, Args: []any{d}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	return h.Get(ctx, nil)
}

func (r *rig) approve(id, gate string) {
	r.t.Helper()
	s := r.awaitGate(id, gate)
	if err := r.decide(id, step.Decision{Gate: gate, Digest: s.Digest, By: "e2e", Reason: "test", Approved: true}); err != nil {
		r.t.Fatalf("approve %s: %v", gate, err)
	}
}

func (r *rig) result(run client.WorkflowRun) workflows.HBaseMigrationResult {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	var res workflows.HBaseMigrationResult
	if err := run.Get(ctx, &res); err != nil {
		r.t.Fatalf("run %s: %v\nworker said:\n%s", run.GetID(), err, r.workerSaid())
	}
	return res
}

func asJSON(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

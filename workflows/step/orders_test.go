package step_test

import (
	"errors"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"drover/workflows/step"
)

// above lists every place above the commit line where a run can be stopped:
// the activity that runs then ("" for the open gate) and what must have run
// before and after.
var above = []struct {
	name  string
	place string
	log   []string
}{
	{"first step", "peer", []string{"peer", "undo peer"}},
	{"second step", "snapshot", []string{"peer", "snapshot", "undo snapshot", "undo peer"}},
	{"copy", "copy 0-10", []string{"peer", "snapshot", "copy 0-10", "undo snapshot", "undo peer"}},
	{"measuring", "measure", []string{"peer", "snapshot", "copy 0-10", "copy 10-20", "measure", "undo snapshot", "undo peer"}},
	{"open gate", "", []string{"peer", "snapshot", "copy 0-10", "copy 10-20", "measure", "undo snapshot", "undo peer"}},
	{"fence", "fence", []string{"peer", "snapshot", "copy 0-10", "copy 10-20", "measure", "fence", "undo fence", "undo snapshot", "undo peer"}},
}

// at calls f once while the activity place runs, or at the open gate.
func (b *bench) at(place string, f func()) {
	if place == "" {
		b.after(time.Hour, f)
		return
	}
	b.world.on[place] = f
	b.after(time.Hour, func() { b.approve() })
}

func TestAbortAboveTheCommitLine(t *testing.T) {
	for _, c := range above {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			var asked *answer
			b.at(c.place, func() { asked = b.update(step.AbortUpdate, order("bob")) })
			got, err := b.run(input{Items: 20})
			if err != nil {
				t.Fatalf("an abort that put everything back is an answer, got error %v", err)
			}
			wantText(t, "abort", asked.String(), "aborting: ")
			if got.Outcome != step.AbortedOutcome {
				t.Errorf("outcome = %s, want %s", got.Outcome, step.AbortedOutcome)
			}
			b.wantLog(c.log...)
			b.wantUndone(c.log)
			if s := b.status(); s.Aborting == nil || s.Aborting.By != "bob" || s.Committed != nil {
				t.Errorf("status = %+v, want aborted by bob above the commit line", s)
			}
		})
	}
}

func TestCancelAboveTheCommitLine(t *testing.T) {
	for _, c := range above {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.at(c.place, func() { b.env.CancelWorkflow() })
			_, err := b.run(input{Items: 20})
			if !temporal.IsCanceledError(err) {
				t.Errorf("error = %v, want a cancelled workflow", err)
			}
			b.wantLog(c.log...)
			b.wantUndone(c.log)
		})
	}
}

// wantUndone checks that the status names every undo of the log, in order,
// with what it put back.
func (b *bench) wantUndone(log []string) {
	b.Helper()
	var want []string
	for _, name := range log {
		if len(name) > 5 && name[:5] == "undo " {
			want = append(want, "removed "+name[5:])
		}
	}
	undone := b.status().Undone
	if len(undone) != len(want) {
		b.Fatalf("undone = %+v, want %v", undone, want)
	}
	for i, u := range undone {
		if u.Result != want[i] || u.Error != "" || u.What == "" || u.At.IsZero() {
			b.Errorf("undone[%d] = %+v, want result %q", i, u, want[i])
		}
	}
}

func TestAbortBelowTheCommitLineIsRefused(t *testing.T) {
	b := newBench(t)
	var asked *answer
	b.world.on["open"] = func() {
		asked = b.update(step.AbortUpdate, order("bob"))
		b.env.CancelWorkflow()
	}
	b.after(time.Hour, func() { b.approve() })
	got, err := b.run(input{})
	if err != nil {
		t.Fatal(err)
	}
	if asked.err == nil || got.Outcome != step.Completed {
		t.Errorf("abort: %s, outcome %s: want a refusal and %s", asked, got.Outcome, step.Completed)
	}
	wantText(t, "abort", asked.String(), "abort refused: the run passed its commit line at ", "the target opens for writes", "only goes forward")
	b.wantLog(whole...)
	s := b.status()
	if len(s.Undone) != 0 || len(s.Undo) != 0 || len(s.Refusals) != 1 || s.Refusals[0].Door != "cancellation" {
		t.Errorf("undone %+v, undo %+v, refusals %+v: want nothing undone and the cancellation refused", s.Undone, s.Undo, s.Refusals)
	}
}

func TestFailureBelowTheCommitLineUndoesNothing(t *testing.T) {
	b := newBench(t)
	b.world.fail("open", errors.New("target is away"))
	b.after(time.Hour, func() { b.approve() })
	_, err := b.run(input{})
	if err == nil {
		t.Fatal("the run ended well, want the failure")
	}
	wantText(t, "error", err.Error(), "target is away")
	b.wantLog("peer", "snapshot", "measure", "fence")
}

func TestFailureAboveTheCommitLinePutsBack(t *testing.T) {
	b := newBench(t)
	b.world.fail("fence", errors.New("source refuses"))
	b.after(time.Hour, func() { b.approve() })
	_, err := b.run(input{})
	if err == nil {
		t.Fatal("the run ended well, want the failure")
	}
	wantText(t, "error", err.Error(), "source refuses")
	b.wantLog("peer", "snapshot", "measure", "undo fence", "undo snapshot", "undo peer")
	if got := b.status().Outcome; got != step.Failed {
		t.Errorf("outcome = %s, want %s", got, step.Failed)
	}
}

func TestUndoThatFailsStopsNoOther(t *testing.T) {
	b := newBench(t)
	b.world.fail("undo snapshot", errors.New("namenode is away"))
	b.after(time.Hour, func() { b.update(step.AbortUpdate, order("bob")) })
	_, err := b.run(input{})
	if err == nil {
		t.Fatal("the run ended well although something was left behind")
	}
	wantText(t, "error", err.Error(), `undo "remove snapshot"`, "namenode is away", "aborted by bob")
	b.wantLog("peer", "snapshot", "measure", "undo peer")
	s := b.status()
	if len(s.Undone) != 2 || s.Undone[0].Error == "" || s.Undone[1].Result != "removed peer" {
		t.Errorf("undone = %+v, want the failure of snapshot and the result of peer", s.Undone)
	}
	if s.Outcome != step.Failed {
		t.Errorf("outcome = %s, want %s", s.Outcome, step.Failed)
	}
}

func TestPauseHoldsBeforeTheNextStep(t *testing.T) {
	b := newBench(t)
	var paused, twice, resumed, again *answer
	b.world.on["peer"] = func() {
		paused = b.update(step.PauseUpdate, order("bob"))
		twice = b.update(step.PauseUpdate, order("cat"))
	}
	b.after(time.Hour, func() {
		b.wantLog("peer")
		s := b.status()
		wantText(t, "status", s.Waiting, "paused by bob (because)")
		if s.Paused == nil {
			t.Error("status does not say that the run is paused")
		}
		resumed = b.update(step.ResumeUpdate, order("bob"))
		again = b.update(step.ResumeUpdate, order("bob"))
	})
	b.after(2*time.Hour, func() { b.approve() })
	if _, err := b.run(input{}); err != nil {
		t.Fatal(err)
	}
	wantText(t, "pause", paused.String(), "paused: what is running finishes")
	wantText(t, "second pause", twice.String(), "pause refused: bob already paused")
	wantText(t, "resume", resumed.String(), "resumed")
	wantText(t, "second resume", again.String(), "resume refused: the run is not paused")
	b.wantLog(whole...)
}

func TestAbortWhilePaused(t *testing.T) {
	b := newBench(t)
	b.world.on["peer"] = func() { b.update(step.PauseUpdate, order("bob")) }
	var twice *answer
	b.after(time.Hour, func() {
		b.update(step.AbortUpdate, order("bob"))
		twice = b.update(step.AbortUpdate, order("cat"))
	})
	got, err := b.run(input{})
	if err != nil || got.Outcome != step.AbortedOutcome {
		t.Errorf("result %+v, error %v: want aborted", got, err)
	}
	wantText(t, "second abort", twice.String(), "abort refused: bob already aborted")
	b.wantLog("peer", "undo peer")
}

func TestOrdersRefuseBadInput(t *testing.T) {
	cases := []struct{ name, json, want string }{
		{"no input", "", "no input: send one JSON object like"},
		{"wrong type", `{"by":7,"reason":"x"}`, "by"},
		{"unknown field", `{"by":"bob","reson":"x"}`, `unknown key "reson", did you mean "reason"`},
		{"no reason", `{"by":"bob"}`, `"reason" is missing or empty: say why`},
		{"no name", `{"reason":"x"}`, `"by" is missing or empty: say who asks`},
		{"text", `"abort"`, "one JSON object is expected"},
	}
	for _, name := range []string{step.PauseUpdate, step.ResumeUpdate, step.AbortUpdate, step.RemeasureUpdate, step.RoundUpdate} {
		for _, c := range cases {
			t.Run(name+" with "+c.name, func(t *testing.T) {
				b := newBench(t)
				var a *answer
				b.after(time.Hour, func() { a = b.update(name, c.json) })
				b.after(2*time.Hour, func() {
					if s := b.status(); s.Paused != nil || s.Aborting != nil || b.world.measurements() != 1 {
						t.Errorf("status = %+v, want nothing changed", s)
					}
					b.approve()
				})
				if _, err := b.run(input{}); err != nil {
					t.Fatal(err)
				}
				if a.err == nil {
					t.Fatalf("accepted with %q, want a refusal", a)
				}
				wantText(t, "refusal", a.err.Error(), name+" refused: ", c.want)
			})
		}
	}
}

// late is about to commit, with nothing running, when the abort comes.
func late(ctx workflow.Context) (step.Outcome, error) {
	alive, _ := workflow.NewDisconnectedContext(ctx)
	ctx, run, err := step.Begin(ctx, subject(), nil)
	if err != nil {
		return "", err
	}
	asked := func() bool { return run.Status(ctx).Aborting != nil }
	if err := workflow.Await(alive, asked); err != nil {
		return "", err
	}
	return run.Finish(ctx, run.Commit(ctx, "the target opens"))
}

func TestAbortJustBeforeTheCommitLineWins(t *testing.T) {
	b := newBench(t)
	b.env.RegisterWorkflow(late)
	b.after(time.Hour, func() { b.update(step.AbortUpdate, order("bob")) })
	b.env.ExecuteWorkflow(late)
	var got step.Outcome
	if err := b.env.GetWorkflowResult(&got); err != nil {
		t.Fatal(err)
	}
	if s := b.status(); got != step.AbortedOutcome || s.Committed != nil {
		t.Errorf("outcome %s, committed %+v: want %s above the line", got, s.Committed, step.AbortedOutcome)
	}
}

// watch notes which activities the workflow asks for, and which of them
// without waiting for their end when they are cancelled. The test environment
// itself never waits.
type watch struct {
	interceptor.WorkerInterceptorBase
	seen, hasty []string
}

type watchIn struct {
	interceptor.WorkflowInboundInterceptorBase
	*watch
}

type watchOut struct {
	interceptor.WorkflowOutboundInterceptorBase
	*watch
}

func (w *watch) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	in := &watchIn{watch: w}
	in.WorkflowInboundInterceptorBase.Next = next
	return in
}

func (in *watchIn) Init(next interceptor.WorkflowOutboundInterceptor) error {
	out := &watchOut{watch: in.watch}
	out.WorkflowOutboundInterceptorBase.Next = next
	return in.WorkflowInboundInterceptorBase.Next.Init(out)
}

func (out *watchOut) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	out.seen = append(out.seen, name)
	if !workflow.GetActivityOptions(ctx).WaitForCancellation {
		out.hasty = append(out.hasty, name)
	}
	return out.WorkflowOutboundInterceptorBase.Next.ExecuteActivity(ctx, name, args...)
}

func TestNothingIsPutBackUnderARunningStep(t *testing.T) {
	b := newBench(t)
	w := &watch{}
	b.env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{w}})
	b.after(time.Hour, func() { b.approve() })
	if _, err := b.run(input{Items: 20}); err != nil {
		t.Fatal(err)
	}
	if len(w.seen) < 7 || len(w.hasty) > 0 {
		t.Errorf("activities %v, not waited for %v: want at least 7 and none", w.seen, w.hasty)
	}
}

package step_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"drover/workflows/step"
)

// continued runs Trial, which must continue as new, and returns the input of
// the next run with a fresh environment for it.
func (b *bench) continued(in input) input {
	b.Helper()
	_, err := b.run(in)
	var again *workflow.ContinueAsNewError
	if !errors.As(err, &again) {
		b.Fatalf("the run ended with %v, want it to continue as new", err)
	}
	var next input
	if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &next); err != nil {
		b.Fatal(err)
	}
	text, err := json.Marshal(next.State)
	if err != nil {
		b.Fatal(err)
	}
	if len(text) > 10_000 {
		b.Errorf("the state has %d bytes, want less than 10 KB", len(text))
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	b.fresh(&suite)
	return next
}

func TestContinueAsNewRepeatsAndSkipsNothing(t *testing.T) {
	b := newBench(t)
	b.suggestWhileCopying(100)
	in := input{Items: 100, Parallel: 2}
	runs, began := 0, time.Time{}
	for ; in.State == nil || in.State.Open == nil; runs++ {
		if runs == 20 {
			t.Fatalf("20 runs did not reach the gate: %+v", in.State)
		}
		in = b.continued(in)
		if runs == 0 {
			began = in.State.StartedAt
		}
	}
	if runs < 2 || in.State.Continued != runs-1 || !in.State.StartedAt.Equal(began) {
		t.Errorf("after %d runs: continued %d, started %v: want at least 2 runs, one less continued, started %v",
			runs, in.State.Continued, in.State.StartedAt, began)
	}
	b.after(time.Hour, func() { b.approve() })
	if _, err := b.run(in); err != nil {
		t.Fatal(err)
	}
	log := b.world.logged()
	copies := slices.DeleteFunc(slices.Clone(log), func(s string) bool { return !strings.HasPrefix(s, "copy ") })
	slices.Sort(copies)
	want := []string{
		"copy 0-10", "copy 10-20", "copy 20-30", "copy 30-40", "copy 40-50",
		"copy 50-60", "copy 60-70", "copy 70-80", "copy 80-90", "copy 90-100",
	}
	if diff := cmp.Diff(want, copies); diff != "" {
		t.Errorf("batches over all runs (-want +got):\n%s", diff)
	}
	rest := slices.DeleteFunc(log, func(s string) bool { return strings.HasPrefix(s, "copy ") })
	if diff := cmp.Diff(whole, rest); diff != "" {
		t.Errorf("other steps over all runs (-want +got):\n%s", diff)
	}
	var phases []string
	for _, p := range b.status().Phases {
		phases = append(phases, p.Name)
	}
	if diff := cmp.Diff([]string{"prepare", "copy", "decide", "cut over", "open"}, phases); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
}

// The batches in flight end before the run continues, although the server
// suggests it while they run.
func TestContinueAsNewWaitsForWhatIsInFlight(t *testing.T) {
	b := newBench(t)
	b.suggestWhileCopying(100)
	in := b.continued(input{Items: 100, Parallel: 4})
	done := in.State.Cursors["copy"]
	if copied := int64(len(b.world.logged())-2) * 10; done != copied || done == 0 || done > 40 {
		t.Errorf("cursor = %d after %d items were copied, want the same, and at most four batches", done, copied)
	}
	if p := in.State.Progress; len(p) != 1 || p[0].Done != done {
		t.Errorf("progress = %+v, want %d done", p, done)
	}
}

// suggestWhileCopying makes the server suggest to continue as new as soon as
// any batch of this run has begun.
func (b *bench) suggestWhileCopying(items int) {
	for first := 0; first < items; first += 10 {
		b.world.on[fmt.Sprintf("copy %d-%d", first, first+10)] = func() { b.env.SetContinueAsNewSuggested(true) }
	}
}

// Signals arrive in the very workflow task in which the run continues as new:
// the root coroutine runs before the one that reads signals.
func TestSignalsJustBeforeContinueAsNewAreNotLost(t *testing.T) {
	b := newBench(t)
	b.world.on["copy 0-10"] = func() {
		b.env.SetContinueAsNewSuggested(true)
		for range 10 {
			b.env.SignalWorkflowSkippingWorkflowTask(step.ApproveSignal, raw(decision("abc", "ann", true)))
		}
	}
	in := b.continued(input{Items: 100})
	if n := len(in.State.Refusals); n != 10 {
		t.Errorf("%d of 10 signals have an answer in the state", n)
	}
	b.after(time.Hour, func() {
		if n := len(b.status().Refusals); n != 10 {
			t.Errorf("%d of 10 refusals are in the status of the next run", n)
		}
		b.approve()
	})
	if _, err := b.run(in); err != nil {
		t.Fatal(err)
	}
}

// atGate makes the run continue as new at the open gate, in the workflow task
// that also brings what send sends.
func (b *bench) atGate(in input, send func(digest string)) input {
	b.Helper()
	b.after(time.Hour, func() { b.update(step.PauseUpdate, order("bob")) })
	b.after(2*time.Hour, func() {
		b.env.SetContinueAsNewSuggested(true)
		send(b.status().Digest)
		b.update(step.ResumeUpdate, order("bob"))
	})
	return b.continued(in)
}

func TestApprovalJustBeforeContinueAsNewCounts(t *testing.T) {
	b := newBench(t)
	in := b.atGate(input{}, func(digest string) {
		b.env.SignalWorkflowSkippingWorkflowTask(step.ApproveSignal, raw(decision(digest, "ann", true)))
	})
	if len(in.State.Decisions) != 1 || in.State.Decisions[0].By != "ann" {
		t.Fatalf("decisions carried = %+v, refusals %+v: want ann's", in.State.Decisions, in.State.Refusals)
	}
	got, err := b.run(in)
	if err != nil {
		t.Fatal(err)
	}
	if got.Decision.By != "ann" || got.Outcome != step.Completed {
		t.Errorf("result = %+v, want ann's approval carried out", got)
	}
	b.wantLog(whole...)
}

// An update is acknowledged while the run waits for its last batch before it
// continues as new.
func TestUpdateJustBeforeContinueAsNewCounts(t *testing.T) {
	b := newBench(t)
	answered := make(chan struct{})
	b.world.holds["copy 10-20"] = answered
	var paused *answer
	b.env.SetOnActivityCompletedListener(func(_ *activity.Info, result converter.EncodedValue, _ error) {
		var did string
		if err := result.Get(&did); err == nil && did == "did copy 0-10" {
			paused = b.update(step.PauseUpdate, order("cat"))
			paused.then = func() { close(answered) }
		}
	})
	b.world.on["copy 0-10"] = func() { b.env.SetContinueAsNewSuggested(true) }
	in := b.continued(input{Items: 40, Parallel: 2})
	if paused.err != nil || in.State.Paused == nil || in.State.Paused.By != "cat" {
		t.Fatalf("pause %v, carried %+v: want it accepted and carried", paused, in.State.Paused)
	}
	b.after(time.Hour, func() {
		if got := b.world.logged(); len(got) != 4 {
			t.Errorf("while paused the next run went on: %v", got)
		}
		b.update(step.ResumeUpdate, order("cat"))
	})
	b.after(2*time.Hour, func() { b.approve() })
	if _, err := b.run(in); err != nil {
		t.Fatal(err)
	}
}

func TestOpenGateKeepsItsEvidenceOverContinueAsNew(t *testing.T) {
	b := newBench(t)
	var read string
	in := b.atGate(input{Gate: step.GateOptions{MaxAge: 5 * time.Hour}}, func(digest string) { read = digest })
	b.env.SetStartTime(in.State.Open.OpenedAt.Add(2 * time.Hour))
	var a *answer
	b.after(time.Minute, func() {
		if s := b.status(); s.Digest != read || s.WaitingAt != "cutover" {
			t.Errorf("after continue-as-new: digest %q at gate %q, want %q at cutover", s.Digest, s.WaitingAt, read)
		}
		a = b.update(step.DecideUpdate, decision(read, "ann", true))
	})
	if _, err := b.run(in); err != nil {
		t.Fatal(err)
	}
	if a.err != nil {
		t.Errorf("a decision on what was read before was refused: %v", a.err)
	}
	b.wantLog(whole...)
}

func TestAbortIsCarriedWithItsUndos(t *testing.T) {
	b := newBench(t)
	in := b.atGate(input{}, func(string) {})
	in.State.Abort = &step.Order{By: "bob", Reason: "enough"}
	got, err := b.run(in)
	if err != nil || got.Outcome != step.AbortedOutcome {
		t.Errorf("result %+v, error %v: want aborted", got, err)
	}
	b.wantLog(putBack...)
}

func TestUndoDeclaredByEveryRunIsDoneOnce(t *testing.T) {
	b := newBench(t)
	in := b.atGate(input{}, func(string) {})
	b.after(time.Minute, func() { b.update(step.DecideUpdate, decision(b.status().Digest, "ann", false)) })
	if _, err := b.run(in); err != nil {
		t.Fatal(err)
	}
	b.wantLog(putBack...)
}

// twice opens the same gate twice and continues as new at the second opening.
func twice(ctx workflow.Context, carried *step.State) ([]string, error) {
	ctx, run, err := step.Begin(ctx, subject(), carried)
	if err != nil {
		return nil, err
	}
	var said []string
	for range 2 {
		measure := func(workflow.Context) (step.Evidence, error) { return step.Evidence{}, nil }
		d, err := run.Gate(ctx, "cutover", measure, step.GateOptions{MaxAge: time.Hour})
		if errors.Is(err, step.ErrContinue) {
			state, err := run.Carry(ctx)
			if err != nil {
				return nil, err
			}
			return nil, workflow.NewContinueAsNewError(ctx, twice, state)
		}
		if err != nil {
			return nil, err
		}
		said = append(said, d.By)
	}
	_, err = run.Finish(ctx, nil)
	return said, err
}

func TestGatePassedBeforeContinueAsNewIsNotAskedAgain(t *testing.T) {
	b := newBench(t)
	b.env.RegisterWorkflow(twice)
	b.after(time.Minute, func() { b.approve() })
	b.after(2*time.Minute, func() { b.env.SetContinueAsNewSuggested(true) })
	b.env.ExecuteWorkflow(twice, (*step.State)(nil))
	var again *workflow.ContinueAsNewError
	if err := b.env.GetWorkflowError(); !errors.As(err, &again) {
		t.Fatalf("the first run ended with %v, want it to continue as new", err)
	}
	var state *step.State
	if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &state); err != nil {
		t.Fatal(err)
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	b.fresh(&suite)
	b.env.RegisterWorkflow(twice)
	b.after(time.Minute, func() { b.update(step.DecideUpdate, decision(b.status().Digest, "bob", true)) })
	b.env.ExecuteWorkflow(twice, state)
	var said []string
	if err := b.env.GetWorkflowResult(&said); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(said, []string{"ann", "bob"}) {
		t.Errorf("decided by %v, want ann at the first opening and bob at the second", said)
	}
}

// An older release wrote testdata/state.json; every field of it must still be
// understood. Add fields to the file when the struct grows, change none.
func TestStateOfAnOlderReleaseIsUnderstood(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	var state step.State
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := errors.Join(json.Unmarshal(text, &want), json.Unmarshal(again, &got)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("state after a round trip (-file +now):\n%s", diff)
	}
}

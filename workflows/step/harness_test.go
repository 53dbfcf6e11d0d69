package step_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"drover/workflows/step"
)

// input is that of the runbook the tests run: two steps that are undone on
// the way back, batches, a gate, a third step, the commit line, a last step.
type input struct {
	Items    int64            `json:"items,omitempty"`
	Fail     string           `json:"fail,omitempty"` // the place that fails
	Gate     step.GateOptions `json:"gate"`
	Parallel int              `json:"parallel,omitempty"`
	State    *step.State      `json:"state,omitempty"`
}

type result struct {
	Outcome  step.Outcome  `json:"outcome"`
	Decision step.Decision `json:"decision"`
}

// world is what the activities of the runbook act on.
type world struct {
	mu  sync.Mutex
	log []string
	// blocked says why the evidence measured allows no approval.
	blocked string
	// fails makes the activity of that name fail for ever.
	fails map[string]error
	// on is called when the activity of that name begins, by the goroutine
	// that runs the workflow.
	on map[string]func()
	// holds keeps the activity of that name running until it is closed.
	holds map[string]chan struct{}
}

// begin is called by the test environment when an activity begins. It does
// what the activity does, because the environment does not wait for one that
// is cancelled: what a hook causes must find the step done.
func (w *world) begin(info *activity.Info, _ context.Context, args converter.EncodedValues) {
	var name string
	switch err := args.Get(&name); {
	case err != nil:
		return // an activity of another kind
	case info.ActivityType.Name == "PutBack":
		name = "undo " + name
	case info.ActivityType.Name == "Measure":
		name = "measure"
	}
	if w.failure(name) == nil {
		w.mu.Lock()
		w.log = append(w.log, name)
		w.mu.Unlock()
	}
	if hook := w.on[name]; hook != nil {
		hook()
	}
}

func (w *world) act(name string) error {
	if hold := w.holds[name]; hold != nil {
		<-hold
	}
	return w.failure(name)
}

func (w *world) failure(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fails[name]
}

// fail makes the activity name fail with err, or succeed again with nil.
func (w *world) fail(name string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fails[name] = err
}

func (w *world) logged() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.log)
}

func (w *world) Work(_ context.Context, name string) (string, error) {
	return "did " + name, w.act(name)
}

type undone struct {
	Undone string `json:"undone"`
}

func (w *world) PutBack(_ context.Context, name string) (undone, error) {
	return undone{"removed " + name}, w.act("undo " + name)
}

func (w *world) Measure(_ context.Context, _ string) (step.Evidence, error) {
	if err := w.act("measure"); err != nil {
		return step.Evidence{}, err
	}
	return step.Evidence{Blocked: w.blocked, Facts: []step.Fact{
		{Name: "rows that differ", Value: "0"},
		{Name: "measurement", Value: fmt.Sprint(w.measurements())},
	}}, nil
}

func (w *world) measurements() (n int) {
	for _, name := range w.logged() {
		if name == "measure" {
			n++
		}
	}
	return n
}

// acts names the activities; only the method expressions count.
var acts *world

func subject() step.Subject {
	return step.Subject{Runbook: "Trial", Title: "shop:orders", Site: "a -> b", StartedBy: "starter", Gates: []string{"cutover", "cleanup"}}
}

// Trial is the runbook under test.
func Trial(ctx workflow.Context, in input) (result, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 2},
	})
	about := subject()
	about.Rounds = in.Gate.Elsewhere
	ctx, run, err := step.Begin(ctx, about, in.State)
	if err != nil {
		return result{}, err
	}
	d, err := trial(ctx, run, in)
	if errors.Is(err, step.ErrContinue) {
		if in.State, err = run.Carry(ctx); err != nil {
			return result{}, err
		}
		return result{}, workflow.NewContinueAsNewError(ctx, Trial, in)
	}
	outcome, err := run.Finish(ctx, err)
	return result{outcome, d}, err
}

func trial(ctx workflow.Context, run *step.Run, in input) (step.Decision, error) {
	run.Phase(ctx, "prepare", "adding the peer")
	for _, name := range []string{"peer", "snapshot"} {
		if err := run.Checkpoint(ctx); err != nil {
			return step.Decision{}, err
		}
		if err := step.Undo(ctx, run, "remove "+name, acts.PutBack, name); err != nil {
			return step.Decision{}, err
		}
		if _, err := step.Once(ctx, run, name, acts.Work, name); err != nil {
			return step.Decision{}, err
		}
	}
	run.Phase(ctx, "copy", "copying files")
	copied := step.BatchOptions{Name: "copy", Count: in.Items, Size: 10, Parallel: max(in.Parallel, 1), Unit: "files"}
	err := run.Batches(ctx, copied, func(ctx workflow.Context, first, last int64) error {
		_, err := step.Do(ctx, acts.Work, fmt.Sprintf("copy %d-%d", first, last))
		return err
	})
	if err != nil {
		return step.Decision{}, err
	}
	run.Phase(ctx, "decide", "waiting for a person")
	measure := func(ctx workflow.Context) (step.Evidence, error) { return step.Do(ctx, acts.Measure, "") }
	d, err := run.Gate(ctx, "cutover", measure, in.Gate)
	for errors.Is(err, step.ErrRenew) {
		run.RoundBegins()
		if _, err = step.Once(ctx, run, "round", acts.Work, "round"); err != nil {
			return d, err
		}
		step.Forget(run, "round")
		d, err = run.Gate(ctx, "cutover", measure, in.Gate)
	}
	if err != nil {
		return d, err
	}
	if !d.Approved {
		return d, step.Rejected(d)
	}
	run.Phase(ctx, "cut over", "fencing the source")
	return d, cutOver(ctx, run)
}

func cutOver(ctx workflow.Context, run *step.Run) error {
	if err := step.Undo(ctx, run, "lift fence", acts.PutBack, "fence"); err != nil {
		return err
	}
	if _, err := step.Do(ctx, acts.Work, "fence"); err != nil {
		return err
	}
	if err := run.Commit(ctx, "the target opens for writes"); err != nil {
		return err
	}
	run.Phase(ctx, "open", "opening the target")
	_, err := step.Do(ctx, acts.Work, "open")
	return err
}

// bench runs Trial and keeps what happened to it.
type bench struct {
	*testing.T
	env   *testsuite.TestWorkflowEnvironment
	world *world
}

func newBench(t *testing.T) *bench {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	b := &bench{T: t, world: &world{
		on: map[string]func(){}, fails: map[string]error{}, holds: map[string]chan struct{}{},
	}}
	b.fresh(&suite)
	return b
}

// fresh takes a new environment for the next run of the same world.
func (b *bench) fresh(suite *testsuite.WorkflowTestSuite) {
	b.env = suite.NewTestWorkflowEnvironment()
	b.env.SetTestTimeout(20 * time.Second)
	b.env.RegisterWorkflow(Trial)
	b.env.RegisterActivity(b.world)
	b.env.SetOnActivityStartedListener(b.world.begin)
}

func (b *bench) run(in input) (result, error) {
	b.Helper()
	b.env.ExecuteWorkflow(Trial, in)
	if !b.env.IsWorkflowCompleted() {
		b.Fatalf("the run did not end; status: %+v", b.status())
	}
	if err := b.env.GetWorkflowError(); err != nil {
		return result{}, err
	}
	var got result
	if err := b.env.GetWorkflowResult(&got); err != nil {
		b.Fatal(err)
	}
	return got, nil
}

func (b *bench) status() step.Status {
	b.Helper()
	value, err := b.env.QueryWorkflow(step.StatusQuery)
	if err != nil {
		b.Fatalf("query status: %v", err)
	}
	var s step.Status
	if err := value.Get(&s); err != nil {
		b.Fatalf("read status: %v", err)
	}
	return s
}

// after runs f when the workflow's clock is d past the start.
func (b *bench) after(d time.Duration, f func()) { b.env.RegisterDelayedCallback(f, d) }

// answer is what an update came to.
type answer struct {
	text string
	err  error
	done bool
	then func() // called when the answer is there; may be nil
}

func (a *answer) set(text string, err error) {
	a.text, a.err, a.done = text, err, true
	if a.then != nil {
		a.then()
	}
}

func (a *answer) String() string {
	switch {
	case !a.done:
		return "no answer"
	case a.err != nil:
		return a.err.Error()
	}
	return a.text
}

// update sends an update with the JSON text as payload, none when empty.
func (b *bench) update(name, json string) *answer {
	return b.updateID("", name, json)
}

func (b *bench) updateID(id, name, json string) *answer {
	a := &answer{}
	b.env.UpdateWorkflow(name, id, &testsuite.TestUpdateCallback{
		OnReject: func(err error) { a.set("", err) },
		OnComplete: func(value any, err error) {
			text, _ := value.(string)
			a.set(text, err)
		},
	}, payload(json)...)
	return a
}

func payload(json string) []any {
	if json == "" {
		return nil
	}
	return []any{raw(json)}
}

func raw(json string) converter.RawValue {
	p, err := converter.GetDefaultDataConverter().ToPayload(true)
	if err != nil {
		panic(err)
	}
	p.Data = []byte(json)
	return converter.NewRawValue(p)
}

func decision(digest, by string, approved bool) string {
	return fmt.Sprintf(`{"gate":"cutover","digest":%q,"by":%q,"reason":"looks right","approved":%t}`, digest, by, approved)
}

// approve is a decision of ann on the evidence shown now.
func (b *bench) approve() *answer {
	return b.update(step.DecideUpdate, decision(b.status().Digest, "ann", true))
}

func order(by string) string { return fmt.Sprintf(`{"by":%q,"reason":"because"}`, by) }

func (b *bench) wantLog(want ...string) {
	b.Helper()
	if got := b.world.logged(); !slices.Equal(got, want) {
		b.Errorf("activities ran:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func wantText(t *testing.T, what, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("%s: got %q, want it to contain %q", what, got, part)
		}
	}
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

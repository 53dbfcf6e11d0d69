package step_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"drover/internal/fault"
	"drover/internal/preflight"
	"drover/workflows/step"
)

func TestKindOf(t *testing.T) {
	cases := []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"an error of this process", fault.As(fault.Conflict, errors.New("x")), fault.Conflict},
		{"a type that is no kind", temporal.NewApplicationError("x", "PanicError"), fault.Unknown},
		{"plain", errors.New("x"), fault.Unknown},
		{"nil", nil, fault.Unknown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := step.KindOf(c.err); got != c.want {
				t.Errorf("KindOf(%v) = %q, want %q", c.err, got, c.want)
			}
		})
	}
}

func kinds(ctx workflow.Context) (fault.Kind, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	_, err := step.Do(ctx, acts.Deny, "")
	return step.KindOf(err), nil
}

func (w *world) Deny(context.Context, string) (string, error) {
	return "", temporal.NewNonRetryableApplicationError("no", string(fault.Denied), nil)
}

func TestKindOfAnActivityFailure(t *testing.T) {
	b := newBench(t)
	b.env.RegisterWorkflow(kinds)
	b.env.ExecuteWorkflow(kinds)
	var got fault.Kind
	if err := b.env.GetWorkflowResult(&got); err != nil {
		t.Fatal(err)
	}
	if got != fault.Denied {
		t.Errorf("kind = %q, want %q", got, fault.Denied)
	}
}

// lifts fences, lifts only the fence, and fences again before it commits.
func lifts(ctx workflow.Context, commit bool) (step.Status, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	ctx, run, err := step.Begin(ctx, subject(), nil)
	if err != nil {
		return step.Status{}, err
	}
	err = func() error {
		if err := step.Undo(ctx, run, "remove peer", acts.PutBack, "peer"); err != nil {
			return err
		}
		mark := run.Mark()
		for range 2 {
			if err := step.Undo(ctx, run, "lift fence", acts.PutBack, "fence"); err != nil {
				return err
			}
			if err := step.Undo(ctx, run, "splits on", acts.PutBack, "splits"); err != nil {
				return err
			}
			if err := run.UndoTo(ctx, mark); err != nil {
				return err
			}
		}
		if !commit {
			return errors.New("no commit")
		}
		if err := run.Commit(ctx, "open"); err != nil {
			return err
		}
		if err := step.Undo(ctx, run, "too late", acts.PutBack, "late"); err != nil {
			return err
		}
		return run.UndoTo(ctx, mark)
	}()
	_, err = run.Finish(ctx, err)
	return run.Status(ctx), err
}

func TestUndoToLiftsOnlyWhatCameAfterTheMark(t *testing.T) {
	fences := []string{"undo splits", "undo fence", "undo splits", "undo fence"}
	cases := []struct {
		name   string
		commit bool
		want   []string
		err    string
	}{
		{"above the line the rest is undone at the end", false, append(slices.Clone(fences), "undo peer"), "no commit"},
		{"below the line nothing is undone any more", true, fences, "undo refused: the run passed its commit line"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.env.RegisterWorkflow(lifts)
			b.env.ExecuteWorkflow(lifts, c.commit)
			b.wantLog(c.want...)
			err := b.env.GetWorkflowError()
			if err == nil {
				t.Fatal("no error")
			}
			wantText(t, "error", err.Error(), c.err)
		})
	}
}

// optionless declares an undo that could never run.
func optionless(ctx workflow.Context) error {
	ctx, run, err := step.Begin(ctx, subject(), nil)
	if err != nil {
		return err
	}
	return step.Undo(ctx, run, "remove peer", acts.PutBack, "peer")
}

func TestUndoWithoutTimeoutsIsRefusedWhenDeclared(t *testing.T) {
	b := newBench(t)
	b.env.RegisterWorkflow(optionless)
	b.env.ExecuteWorkflow(optionless)
	err := b.env.GetWorkflowError()
	if err == nil {
		t.Fatal("the undo was accepted")
	}
	wantText(t, "error", err.Error(), `declare undo "remove peer"`, "no activity options")
}

// unfit hands ErrContinue to Finish, a slip of a runbook.
func unfit(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	ctx, run, err := step.Begin(ctx, subject(), nil)
	if err != nil {
		return err
	}
	if err := step.Undo(ctx, run, "remove peer", acts.PutBack, "peer"); err != nil {
		return err
	}
	_, err = run.Finish(ctx, step.ErrContinue)
	return err
}

func TestFinishDoesNotUndoARunThatContinues(t *testing.T) {
	b := newBench(t)
	b.env.RegisterWorkflow(unfit)
	b.env.ExecuteWorkflow(unfit)
	if b.env.GetWorkflowError() == nil {
		t.Error("the run ended well")
	}
	b.wantLog()
}

// index notes the search attributes the workflow writes.
type index struct {
	interceptor.WorkerInterceptorBase
	phases []string
}

type indexIn struct {
	interceptor.WorkflowInboundInterceptorBase
	*index
}

type indexOut struct {
	interceptor.WorkflowOutboundInterceptorBase
	*index
}

func (i *index) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	in := &indexIn{index: i}
	in.WorkflowInboundInterceptorBase.Next = next
	return in
}

func (in *indexIn) Init(next interceptor.WorkflowOutboundInterceptor) error {
	out := &indexOut{index: in.index}
	out.WorkflowOutboundInterceptorBase.Next = next
	return in.WorkflowInboundInterceptorBase.Next.Init(out)
}

func (out *indexOut) UpsertTypedSearchAttributes(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) error {
	attributes := temporal.NewSearchAttributes(updates...)
	phase, _ := attributes.GetKeyword(step.PhaseAttribute)
	site, _ := attributes.GetKeyword(step.SiteAttribute)
	runbook, _ := attributes.GetKeyword(step.RunbookAttribute)
	out.phases = append(out.phases, runbook+"/"+site+"/"+phase)
	return out.WorkflowOutboundInterceptorBase.Next.UpsertTypedSearchAttributes(ctx, updates...)
}

// indexed has two phases and notes in between.
func indexed(ctx workflow.Context, known bool) error {
	about := subject()
	about.Indexed = known
	ctx, run, err := step.Begin(ctx, about, nil)
	if err != nil {
		return err
	}
	run.Phase(ctx, "one", "")
	run.Note(ctx, "a note")
	run.Detail(ctx, "a detail")
	run.Findings(ctx, []preflight.Finding{{ID: "x", Severity: preflight.Warn}})
	run.Phase(ctx, "two", "")
	_, err = run.Finish(ctx, nil)
	return err
}

func TestSearchAttributesFollowThePhaseOnly(t *testing.T) {
	cases := map[bool][]string{
		true:  {"Trial/a -> b/one", "Trial/a -> b/two", "Trial/a -> b/completed"},
		false: nil,
	}
	for known, want := range cases {
		b := newBench(t)
		seen := &index{}
		b.env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{seen}})
		b.env.RegisterWorkflow(indexed)
		b.env.ExecuteWorkflow(indexed, known)
		if err := b.env.GetWorkflowError(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(seen.phases, want) {
			t.Errorf("indexed %v: wrote %v, want %v", known, seen.phases, want)
		}
	}
}

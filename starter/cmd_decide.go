package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"drover/workflows/step"
)

// answerPatience is how long a run may take to answer an update. It covers a
// worker that has just been started.
const answerPatience = 20 * time.Second

// decision is what approve and reject are told.
type decision struct {
	approved bool
	gate     string
	digest   string
	choice   string
	by       string
	reason   string
}

func newApproveCmd(a *app) *cobra.Command {
	return newDecideCmd(a, &decision{approved: true}, "approve", "let a run pass its open gate")
}

func newRejectCmd(a *app) *cobra.Command {
	return newDecideCmd(a, &decision{}, "reject", "end a run at its open gate and put back what it did")
}

func newDecideCmd(a *app, d *decision, verb, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   verb + " [RUN] --digest DIGEST --reason WHY",
		Short: short,
		Long: exits(fmt.Sprintf(`
%s%s. The decision is about the evidence you read: --digest says which,
and a decision on evidence that has changed since is refused. On a terminal the
digest may be left out: the evidence is shown and you are asked. A decision needs
a name and a reason, which go into the report.`, strings.ToUpper(short[:1]), short[1:]),
			codeOK, codeUsage, codeRefused, codeNotFound, codeUnreachable, codeUnknown),
		Example: fmt.Sprintf("  drover status shop-orders\n  drover %s shop-orders --digest 3f2a91c0d4e5 --reason \"evening window, ticket 4711\"", verb),
		Args:    optionalArg("the id of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decide(cmd.Context(), args, *d)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&d.gate, "gate", "", "gate to decide (default: the open one)")
	flags.StringVar(&d.digest, "digest", "", "digest of the evidence you have read")
	if d.approved {
		flags.StringVar(&d.choice, "choice", "", "which way on, at a gate that offers several (the status lists them)")
	}
	flags.StringVar(&d.by, "by", whoami(), "who decides")
	flags.StringVar(&d.reason, "reason", "", "why")
	return cmd
}

func (d decision) verb() string {
	if d.approved {
		return "approve"
	}
	return "reject"
}

func (a *app) decide(ctx context.Context, args []string, d decision) error {
	s, v, err := a.find(ctx, args)
	if err != nil {
		return err
	}
	defer s.client.Close()
	if err := decidable(v); err != nil {
		return err
	}
	if d, err = a.complete(ctx, v, d); err != nil {
		return err
	}
	// Nothing but the decision itself makes the id: whoever lost the answer
	// repeats the command and is told the same, without deciding twice.
	updateID := fmt.Sprintf("%s/%s/%s/%s/%d", d.verb(), d.gate, d.digest, d.by, len(v.Status.Decisions))
	answer, err := a.ask(ctx, s, v, step.DecideUpdate, updateID, step.Decision{
		Gate: d.gate, Digest: d.digest, By: d.by, Reason: d.reason, Approved: d.approved, Choice: d.choice,
	})
	if err != nil {
		return err
	}
	return a.answered(v, answer)
}

// answered prints what a run said to an update.
func (a *app) answered(v view, sentence string) error {
	return a.answer(map[string]string{"workflowId": v.WorkflowID, "answer": sentence}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, sentence)
		return err
	})
}

// decidable says early what the run would say, with what to do next.
func decidable(v view) error {
	switch {
	case v.closed():
		return fail(codeRefused, "run %s has ended (%s): there is nothing to decide", v.WorkflowID, v.State).try("drover report " + v.WorkflowID)
	case v.silent:
		return fail(codeUnreachable, "run %s: %s", v.WorkflowID, v.Problem)
	case v.Status.WaitingAt == "":
		return fail(codeRefused, "run %s has no open gate: it is in phase %q, waiting for %s", v.WorkflowID, v.Status.Phase, v.Status.Waiting).
			try("drover watch " + v.WorkflowID)
	}
	return nil
}

// complete fills in what was not given, asking a person where one is there.
func (a *app) complete(ctx context.Context, v view, d decision) (decision, error) {
	if d.gate == "" {
		d.gate = v.Status.WaitingAt
	}
	if d.by == "" {
		return d, usage("say who decides: --by NAME")
	}
	if d.digest != "" {
		if d.reason == "" {
			return d, usage("say why: --reason \"WHY\"")
		}
		return d, nil
	}
	p := &page{w: a.err}
	showEvidence(p, v.Status)
	if p.err != nil {
		return d, p.err
	}
	if v.Status.Digest == "" {
		return d, fail(codeRefused, "gate %s: the evidence is being measured, there is nothing to decide on yet", d.gate).try("drover status " + v.WorkflowID)
	}
	if d.approved && d.choice == "" && d.gate == v.Status.WaitingAt && len(v.Status.Choices) > 0 {
		return d, usage("gate %s offers several ways on, say which: --choice %s", d.gate, strings.Join(v.Status.Choices, "|"))
	}
	if !a.interactive() {
		return d, usage("say which evidence you have read: --digest %s is the current one", v.Status.Digest)
	}
	d.digest = v.Status.Digest
	in := bufio.NewReader(a.in)
	yes, err := a.prompt(ctx, in, fmt.Sprintf("%s gate %s on evidence %s? [y/N] ", d.verb(), d.gate, d.digest))
	if err != nil {
		return d, err
	}
	if yes = strings.ToLower(yes); yes != "y" && yes != "yes" {
		return d, fail(codeRefused, "nothing was decided: the answer was not y")
	}
	if d.reason == "" {
		if d.reason, err = a.prompt(ctx, in, "why? "); err != nil {
			return d, err
		}
	}
	if d.reason == "" {
		return d, usage("a decision needs a reason: nothing was decided")
	}
	return d, nil
}

// prompt asks for one line. Ctrl-C ends it although a read cannot be
// interrupted: the process ends soon after.
func (a *app) prompt(ctx context.Context, in *bufio.Reader, question string) (string, error) {
	if _, err := fmt.Fprint(a.err, question); err != nil {
		return "", fmt.Errorf("ask: %w", err)
	}
	type read struct {
		line string
		err  error
	}
	reads := make(chan read, 1)
	go func() {
		line, err := in.ReadString('\n')
		reads <- read{strings.TrimSpace(line), err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case got := <-reads:
		if got.err != nil && !errors.Is(got.err, io.EOF) {
			return "", fmt.Errorf("read the answer: %w", got.err)
		}
		return got.line, nil
	}
}

// ask sends an update to whatever run has the id now, which may have continued
// as new since it was looked at, and returns the run's sentence. A refusal has the code
// of a refusal; no answer in time has its own, because the update may still be
// applied when a worker comes back.
func (a *app) ask(ctx context.Context, s session, v view, update, updateID string, arg any) (string, error) {
	waiting, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	handle, err := s.client.UpdateWorkflow(waiting, client.UpdateWorkflowOptions{
		WorkflowID: v.WorkflowID, UpdateID: updateID, UpdateName: update,
		Args: []any{arg}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	var answer string
	if err == nil {
		err = handle.Get(waiting, &answer)
	}
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case waiting.Err() != nil || timedOut(err):
		return "", fail(codeUnknown, "no answer to %s within %s: it may still take effect when a worker answers", update, answerPatience).
			try("drover status " + v.WorkflowID + ", before you say it again")
	}
	return "", refusedOr(err, v.WorkflowID)
}

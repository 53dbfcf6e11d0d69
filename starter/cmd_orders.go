package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"drover/workflows/step"
)

// order is one of the updates that take a name and a reason.
type order struct {
	update, short, long string
}

func newPauseCmd(a *app) *cobra.Command {
	return newOrderCmd(a, order{
		step.PauseUpdate, "hold a run before its next step",
		"Hold a run before its next step. What is running finishes first. Clusters keep\nreplicating; while the peer is disabled the source keeps its write-ahead logs, so\nwatch its free space during a long pause.",
	})
}

func newResumeCmd(a *app) *cobra.Command {
	return newOrderCmd(a, order{step.ResumeUpdate, "let a paused run go on", "Let a paused run go on where it stopped."})
}

func newAbortCmd(a *app) *cobra.Command {
	return newOrderCmd(a, order{
		step.AbortUpdate, "stop a run above its commit line and put back what it did",
		"Stop a run and put both clusters back as they were found. Below the commit line\nit is refused in words: a run that has switched only goes forward. The report\nlists what was put back.",
	})
}

func newRemeasureCmd(a *app) *cobra.Command {
	return newOrderCmd(a, order{
		step.RemeasureUpdate, "measure the evidence of the open gate again",
		"Measure the evidence of the open gate again, after you mended what it showed. The\nnew evidence has a new digest.",
	})
}

func newRoundCmd(a *app) *cobra.Command {
	return newOrderCmd(a, order{
		step.RoundUpdate, "ask a mirror for a round now",
		"Ask a run that goes in rounds for one now: at its open gate, or when what is\nrunning is done. The gate opens again with the round's evidence. For machines there\nis the signal of the same name with the same JSON.",
	})
}

func newOrderCmd(a *app, o order) *cobra.Command {
	var said step.Order
	cmd := &cobra.Command{
		Use:     o.update + " [RUN] --reason WHY",
		Short:   o.short,
		Long:    exits(o.long, codeOK, codeUsage, codeRefused, codeNotFound, codeUnreachable, codeUnknown),
		Example: fmt.Sprintf("  drover %s hbase-migration.a.b.shop~orders --reason \"ticket 4711\"", o.update),
		Args:    optionalArg("the id of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if said.By == "" || said.Reason == "" {
				return usage("%s needs a name and a reason: --by NAME --reason \"WHY\"", o.update)
			}
			return a.order(cmd.Context(), args, o.update, said)
		},
	}
	cmd.Flags().StringVar(&said.By, "by", whoami(), "who says so")
	cmd.Flags().StringVar(&said.Reason, "reason", "", "why")
	return cmd
}

func (a *app) order(ctx context.Context, args []string, update string, said step.Order) error {
	s, v, err := a.find(ctx, args)
	if err != nil {
		return err
	}
	defer s.client.Close()
	if v.closed() {
		return fail(codeRefused, "run %s has ended (%s)", v.WorkflowID, v.State).try("drover report " + v.WorkflowID)
	}
	answer, err := a.ask(ctx, s, v, update, uuid.NewString(), map[string]string{"by": said.By, "reason": said.Reason})
	if err != nil {
		return err
	}
	return a.answered(v, answer)
}

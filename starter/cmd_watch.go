package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"
)

func newWatchCmd(a *app) *cobra.Command {
	every := time.Second
	cmd := &cobra.Command{
		Use:   "watch [RUN]",
		Short: "follow a run to its end",
		Long: exits(`
Follow a run until it ends: each phase, each gate with its evidence, what is
refused, and how far the work is. On a terminal the work in progress is shown as
bars, elsewhere as plain lines. The exit code is that of the run. Interrupting
watch does not touch the run. With --json only the end is printed.`,
			codeOK, codeFailed, codeUsage, codeRefused, codeNotFound, codeUnreachable, codeInterrupted),
		Example: "  drover watch hbase-migration.a.b.shop~orders && echo moved",
		Args:    optionalArg("the id of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if every < 100*time.Millisecond {
				return usage("--every %s is too often: give at least 100ms", every)
			}
			return a.watch(cmd.Context(), args, every)
		},
	}
	cmd.Flags().DurationVar(&every, "every", every, "how often to look")
	return cmd
}

func (a *app) watch(ctx context.Context, args []string, every time.Duration) error {
	s, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer s.client.Close()
	id, err := a.pick(ctx, s, args)
	if err != nil {
		return err
	}
	v, err := a.follow(ctx, s, id, every)
	if err != nil {
		return err
	}
	if err := a.answer(v, func(w io.Writer) error { return showView(w, v) }); err != nil {
		return err
	}
	return v.ended()
}

// follow looks until the run has ended and tells what changed in between.
// Temporal may be away for a while; only a run that is gone ends the watch.
func (a *app) follow(ctx context.Context, s session, id string, every time.Duration) (view, error) {
	t := a.newTeller(ctx)
	defer t.close()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		v, err := a.look(ctx, s, id)
		switch {
		case ctx.Err() != nil:
			return v, context.Cause(ctx)
		case err != nil && exitCode(err) != codeUnreachable:
			return v, err
		case err != nil:
			t.trouble("Temporal does not answer, still trying: " + err.Error())
		case v.closed():
			return v, nil
		default:
			if err := t.tell(v); err != nil {
				return v, err
			}
		}
		select {
		case <-ctx.Done():
			return v, context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

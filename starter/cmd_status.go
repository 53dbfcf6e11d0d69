package main

import (
	"io"

	"github.com/spf13/cobra"
)

func newStatusCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status [RUN]",
		Short: "show where a run is, since when, what it waits for and what happens next",
		Long: exits(`
Show where a run is, since when, what it waits for and what happens next. At an
open gate it shows the evidence and the command that approves it. Without RUN it
takes the only run that is running.`, codeOK, codeUsage, codeNotFound, codeUnreachable),
		Example: "  drover status hbase-migration.a.b.shop~orders",
		Args:    optionalArg("the id of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			s, v, err := a.find(ctx, args)
			if err != nil {
				return err
			}
			defer s.client.Close()
			return a.answer(v, func(w io.Writer) error { return showView(w, v) })
		},
	}
}

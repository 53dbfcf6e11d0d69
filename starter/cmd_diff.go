package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
)

func newDiffCmd(a *app) *cobra.Command {
	var o compareOptions
	var from, to string
	cmd := &cobra.Command{
		Use:   "diff (SOURCE TARGET | --from SNAPSHOT [--to SNAPSHOT] LOCATION)",
		Short: "name what differs between two trees, or between two snapshots, reading no bytes",
		Long: exits(`
Name what differs between two trees by kind, length and modification time of
their entries, with --metadata by everything that is kept of them. No bytes are
read: what does not differ may still hold other bytes, and the verdict says so.
"drover verify" compares the bytes.

With --from, name what changed in one directory of an HDFS from a snapshot to
another, or to its present state, as "hdfs snapshotDiff" does; the NameNode is
asked wherever drover runs. Times alone, and a file that was truncated and grew
to its old length, do not show there.
`+locations, codeOK, codeFailed, codeUsage, codeRefused, codeNotFound, codeUnreachable, codeUnproven, codeInterrupted),
		Example: "  drover diff a:/warehouse b:/warehouse\n  drover diff --from s1 --to s2 a:/warehouse",
		Args:    someArgs(1, 2, "two locations"),
		RunE: func(cmd *cobra.Command, args []string) error {
			snapshots := cmd.Flags().Changed("from") || cmd.Flags().Changed("to")
			switch {
			case snapshots && len(args) != 1:
				return usage("--from and --to compare snapshots of one location, got also %q", args[1])
			case snapshots && from == "":
				return usage("--to needs --from, the earlier snapshot")
			case snapshots:
				return a.diffSnapshots(cmd.Context(), args[0], from, to)
			case len(args) != 2:
				return usage("%s needs two locations, or --from and one", cmd.CommandPath()).try(cmd.CommandPath() + " --help")
			}
			opt, err := o.options()
			if err != nil {
				return err
			}
			opt.NoContent, opt.Times = true, true
			return a.compareTrees(cmd.Context(), args, opt)
		},
	}
	o.register(cmd.Flags())
	cmd.Flags().StringVar(&from, "from", "", "the earlier snapshot")
	cmd.Flags().StringVar(&to, "to", "", "the later snapshot (default: the present state)")
	return cmd
}

// snapshotDiff is the answer of diff --from.
type snapshotDiff struct {
	Location string `json:"location"`
	plan.Diff
}

func (a *app) diffSnapshots(ctx context.Context, text, from, to string) error {
	places, err := a.places(text)
	if err != nil {
		return err
	}
	p := places[0]
	answer := snapshotDiff{Location: p.String()}
	if p.nn == nil {
		err = usage("%s is on this machine: only an HDFS has snapshots", text)
	} else {
		answer.Diff, err = diff.Between(ctx, p.nn, p.Path, from, to)
	}
	if err := errors.Join(err, closePlaces(places)); err != nil {
		return placed(err)
	}
	if answer.Changes == nil {
		answer.Changes = []plan.Change{}
	}
	if err := a.answer(answer, answer.text); err != nil {
		return err
	}
	if n := len(answer.Changes); n > 0 {
		return fail(codeFailed, "%d changes", n)
	}
	return nil
}

// text is the form of `hdfs snapshotDiff`.
func (d snapshotDiff) text(w io.Writer) error {
	p := &page{w: w}
	p.line("Difference between %s and %s under directory %s:", titled(d.From), titled(d.To), d.Location)
	for _, c := range d.Changes {
		if c.Kind == plan.Renamed {
			p.line("%s\t%s -> %s", c.Kind, dotted(c.Path), dotted(c.Target))
			continue
		}
		p.line("%s\t%s", c.Kind, dotted(c.Path))
	}
	return p.err
}

func titled(snapshot string) string {
	if snapshot == "" {
		return "current directory"
	}
	return "snapshot " + snapshot
}

func dotted(rel string) string {
	if rel == "" {
		return "."
	}
	return "./" + rel
}

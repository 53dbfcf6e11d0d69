package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newDiffCmd(a *app) *cobra.Command {
	var o compareOptions
	var from, to, text string
	cmd := &cobra.Command{
		Use:   "diff (SOURCE TARGET | --from SNAPSHOT [--to SNAPSHOT] LOCATION | --text FILE LOCATION)",
		Short: "name what differs between two trees, or between two snapshots, reading no bytes",
		Long: exits(`
Name what differs between two trees by kind, length and modification time of
their entries, with --metadata by everything that is kept of them. No bytes are
read: what does not differ may still hold other bytes, and the verdict says so.
"drover verify" compares the bytes.

With --from, name what changed in one directory of an HDFS from a snapshot to
another, or to its present state, as "hdfs snapshotDiff" does; the NameNode is
asked wherever drover runs. Changes are printed as the NameNode tells them, the
verdict last; with --json every change is an object on a line of its own, the
last one the verdict. Times alone, and a file that was truncated and grew to its
old length, do not show there: that nothing changed is unproven, and no error.

With --text, read what "hdfs snapshotDiff" printed, from a file or from standard
input (-), and look every change up in the snapshots it is of. Such a text has no
quoting: what it cannot carry clearly, such as a name with a line break, is
refused.
`+locations, codeOK, codeFailed, codeUsage, codeRefused, codeNotFound, codeUnreachable, codeUnproven, codeInterrupted),
		Example: "  drover diff a:/warehouse b:/warehouse\n  drover diff --from s1 --to s2 a:/warehouse\n" +
			"  hdfs snapshotDiff /warehouse s1 s2 | drover diff --text - a:/warehouse",
		Args: someArgs(1, 2, "two locations"),
		RunE: func(cmd *cobra.Command, args []string) error {
			snapshots := cmd.Flags().Changed("from") || cmd.Flags().Changed("to")
			if err := refuseFlagsOfTrees(cmd, snapshots || text != ""); err != nil {
				return err
			}
			switch {
			case text != "" && (snapshots || len(args) != 1):
				return usage("--text names the snapshots itself, and compares with one location")
			case text != "":
				return a.diffText(cmd.Context(), args[0], text)
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
	cmd.Flags().StringVar(&text, "text", "", "a file with what \"hdfs snapshotDiff\" printed, - for standard input")
	return cmd
}

// refuseFlagsOfTrees refuses what says how two trees are compared where nothing
// is: the difference between snapshots is the NameNode's.
func refuseFlagsOfTrees(cmd *cobra.Command, noTrees bool) error {
	if !noTrees {
		return nil
	}
	of := pflag.NewFlagSet("trees", pflag.ContinueOnError)
	(&compareOptions{}).register(of)
	var err error
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if err == nil && of.Lookup(flag.Name) != nil {
			err = usage("--%s is for two trees: --from, --to and --text tell what the NameNode does", flag.Name).try(cmd.CommandPath() + " --help")
		}
	})
	return err
}

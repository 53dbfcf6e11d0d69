package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"drover/internal/nearest"
)

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := newApp(stdin, stdout, stderr)
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	if err != nil {
		a.complain(err)
	}
	return exitCode(err)
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "drover",
		Short: "move live HBase tables and HDFS trees between clusters, with a human at the cutover",
		Long: `drover runs durable migration runbooks: it moves live HBase tables, and trees of
HDFS, from one cluster to another, stops at a gate for a human decision, and
proves that nothing was lost.

Start here:
  drover demo              watch a table that is written to move between two real clusters
  drover demo hdfs         watch a tree that is written to be mirrored, and taken over
  drover plan --help       look at your own clusters without changing anything

Exit codes:
` + exitTable(allCodes()...),
		SilenceErrors:      true,
		SilenceUsage:       true,
		DisableSuggestions: true,
		Args:               cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownVerb(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.CompletionOptions.DisableDefaultCmd = true
	flags := root.PersistentFlags()
	flags.BoolVar(&a.json, "json", false, "print the answer as JSON")
	flags.StringVar(&a.configPath, "config", "", "configuration file (default: $DROVER_CONFIG, else drover.yaml)")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(verbs(a)...)
	for _, verb := range root.Commands() {
		refuseStrayArgs(verb)
	}
	return root
}

// refuseStrayArgs gives a verb that declares no arguments an error in words.
func refuseStrayArgs(verb *cobra.Command) {
	if verb.Args == nil && !verb.HasSubCommands() {
		verb.Args = noArgs
	}
}

func unknownVerb(root *cobra.Command, word string) error {
	var known []string
	for _, verb := range root.Commands() {
		if verb.IsAvailableCommand() {
			known = append(known, verb.Name())
		}
	}
	return usage("%s has no verb %q%s", root.CommandPath(), word, nearest.Hint(word, known)).
		try(root.CommandPath() + " --help")
}

// flagError names the flag that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	var absent *pflag.NotExistError
	if !errors.As(err, &absent) {
		return usage("%s: %w", cmd.CommandPath(), err).try(cmd.CommandPath() + " --help")
	}
	var known []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			known = append(known, "--"+flag.Name)
		}
	})
	slices.Sort(known)
	word := "--" + strings.TrimLeft(absent.GetSpecifiedName(), "-")
	return usage("%s has no flag %s%s", cmd.CommandPath(), word, nearest.Hint(word, known)).
		try(cmd.CommandPath() + " --help")
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage("%s takes no argument, got %q", cmd.CommandPath(), args[0]).try(cmd.CommandPath() + " --help")
}

// oneArg and optionalArg name what is missing instead of counting arguments.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("%s needs %s", cmd.CommandPath(), what).try(cmd.CommandPath() + " --help")
		}
		return optionalArg(what)(cmd, args)
	}
}

func optionalArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usage("%s takes %s only, got also %q", cmd.CommandPath(), what, args[1]).try(cmd.CommandPath() + " --help")
		}
		return nil
	}
}

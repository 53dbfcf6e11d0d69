package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"drover/internal/sandbox"
)

// demoOptions are the flags that all demos have.
type demoOptions struct {
	yes  bool
	keep bool
	dir  string
}

func newDemoCmd(a *app) *cobra.Command {
	var shared demoOptions
	cmd := newTableDemoCmd(a, "demo", &shared)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownVerb(cmd, args[0])
		}
		return nil
	}
	f := cmd.PersistentFlags()
	f.BoolVar(&shared.yes, "yes", false, "decide at the gates without asking, for CI")
	f.BoolVar(&shared.keep, "keep", false, "leave Temporal, the clusters and the data running at the end; the worker ends with the demo")
	f.StringVar(&shared.dir, "dir", "", "directory of the sandbox (default: DROVER_SANDBOX_DIR, else in the user's cache)")
	cmd.AddCommand(newTableDemoCmd(a, "hbase", &shared), newTreeDemoCmd(a, &shared))
	return cmd
}

// tableDemoOptions are the flags of the demo of a table.
type tableDemoOptions struct {
	demoOptions
	rows      int
	rate      int
	acked     int64
	fullBelow bytesFlag
}

// newTableDemoCmd makes the demo that runs under its own name and under none.
func newTableDemoCmd(a *app, name string, shared *demoOptions) *cobra.Command {
	var o tableDemoOptions
	cmd := &cobra.Command{
		Use:   name,
		Short: "move a live table between two real clusters on this machine",
		Long: exits(`
Start Temporal and two real HBase clusters on two real HDFS clusters on this
machine, fill a table, keep writing to it, and move it: the migration stops at a
gate, shows its evidence and waits for your approval; then it cuts over, the
writer goes on against the target, and every write that was ever acknowledged is
read back from there. The first run downloads and compiles for some minutes and
says what it waits for. With --json the answer is one object.

"drover demo hdfs" shows a tree of files instead, and needs no HBase.`,
			codeOK, codeFailed, codeUsage, codeRefused, codeInterrupted),
		Example: "  drover demo\n  drover demo --yes --json\n  drover demo hdfs",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.demoOptions = *shared
			if err := o.validate(); err != nil {
				return err
			}
			return a.demo(cmd.Context(), o.demoOptions, false, func(w *world) story { return &tableDemo{app: a, options: o, world: w} })
		},
	}
	o.register(cmd.Flags())
	return cmd
}

func (o *tableDemoOptions) register(f *pflag.FlagSet) {
	f.IntVar(&o.rows, "rows", 20000, "rows to load before the migration")
	f.IntVar(&o.rate, "rate", 2000, "writes a second while it runs")
	f.Int64Var(&o.acked, "acked", 20000, "go on writing until this many writes were acknowledged")
	f.Var(&o.fullBelow, "full-proof-below", "table size up to which the proof under the fence compares all of it; 1B: what changed only (default 256MiB)")
}

func (o tableDemoOptions) validate() error {
	switch {
	case o.rows < 100 || o.rows > 10_000_000:
		return usage("--rows %d: give 100 to 10000000", o.rows)
	case o.rate < 10 || o.rate > 50_000:
		return usage("--rate %d: give 10 to 50000", o.rate)
	case o.acked < 0:
		return usage("--acked %d: give 0 or more", o.acked)
	}
	return nil
}

// treeDemoOptions are the flags of the demo of a tree.
type treeDemoOptions struct {
	demoOptions
	files int
	rate  int
	acked int64
}

func newTreeDemoCmd(a *app, shared *demoOptions) *cobra.Command {
	var o treeDemoOptions
	cmd := &cobra.Command{
		Use:   "hdfs",
		Short: "mirror a live tree between two real HDFS on this machine, and hand over",
		Long: exits(`
Start Temporal and two real HDFS clusters on this machine, without HBase; write a
tree with odd names, empty and large files, ACLs and extended attributes, and
keep changing it. HDFSMirror copies it from a snapshot and follows it in rounds.
Then somebody changes the target: the next round finds that, lists it, and waits
for you to say "restore". At the cutover gate it shows its evidence and waits
again; then the source is frozen under the writer, a last round runs, everything
is compared, the writer goes on against the target, and every file it was ever
told is written is read back from there. With --json the answer is one object.`,
			codeOK, codeFailed, codeUsage, codeRefused, codeInterrupted),
		Example: "  drover demo hdfs\n  drover demo hdfs --yes --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.demoOptions = *shared
			if err := o.validate(); err != nil {
				return err
			}
			return a.demo(cmd.Context(), o.demoOptions, true, func(w *world) story { return &treeDemo{app: a, options: o, world: w} })
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.files, "files", 300, "files to draw at random, besides those of every odd name and size")
	f.IntVar(&o.rate, "rate", 20, "changes a second while it runs")
	f.Int64Var(&o.acked, "acked", 500, "go on changing until this many changes were acknowledged")
	return cmd
}

func (o treeDemoOptions) validate() error {
	switch {
	case o.files < 1 || o.files > 1_000_000:
		return usage("--files %d: give 1 to 1000000", o.files)
	case o.rate < 10 || o.rate > 500:
		return usage("--rate %d: give 10 to 500", o.rate)
	case o.acked < 0:
		return usage("--acked %d: give 0 or more", o.acked)
	}
	return nil
}

// story is one demo, from top to bottom.
type story interface {
	// play tells it and prints the answer. Its error is the story's failure.
	play(ctx context.Context) error
	// end stops what plays on; it runs once, whatever became of the story.
	end()
}

// demo plays a story in a world of its own. Whatever ends it, what it started
// is ended too, unless it is to be kept.
func (a *app) demo(ctx context.Context, o demoOptions, onlyHDFS bool, of func(*world) story) (err error) {
	w, err := a.openWorld(ctx, o, sandbox.Options{Dir: o.dir, OnlyHDFS: onlyHDFS, Log: a.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close(o.keep && err == nil)) }()
	s := of(w)
	defer s.end()
	if err := s.play(ctx); err != nil {
		return err
	}
	if o.keep {
		w.tellKept()
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"drover/internal/sandbox"
)

func newSandboxCmd(a *app) *cobra.Command {
	box := &sandboxVerb{app: a}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "run two real HBase clusters on this machine to try drover on",
		Long: exits(`
Run two real HBase clusters, "a" and "b", each on an HDFS cluster of its own, on
this machine: nine JVMs on loopback, about 1.5 GB of memory. They go on running
until "drover sandbox down". The first start downloads HBase and HDFS with
Maven, about 190 MB.

Daemons:
  `+strings.Join(sandbox.DaemonNames(), "\n  "), codeOK, codeFailed, codeUsage, codeInterrupted),
		Example: "  drover sandbox up\n  drover sandbox load --table shop:orders --rows 100000\n" +
			"  drover sandbox kill b/regionserver\n  drover sandbox down",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownVerb(cmd, args[0])
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	cmd.PersistentFlags().StringVar(&box.dir, "dir", "", "directory of the sandbox (default: DROVER_SANDBOX_DIR, else in the user's cache)")
	cmd.AddCommand(box.up(), box.status(), box.load(), box.kill(), box.start(), box.down())
	for _, verb := range cmd.Commands() {
		refuseStrayArgs(verb)
	}
	return cmd
}

// sandboxVerb is what the sub-verbs share.
type sandboxVerb struct {
	app *app
	dir string
}

// sandboxReport is the answer of the verbs that change or show the sandbox.
type sandboxReport struct {
	Dir     string                  `json:"dir"`
	Config  string                  `json:"config"`
	Ready   bool                    `json:"ready"`
	Sites   map[string]sandbox.Site `json:"sites"`
	Daemons []sandbox.DaemonStatus  `json:"daemons"`
}

// report looks at every daemon and answers with what it saw.
func (v *sandboxVerb) report(ctx context.Context, box *sandbox.Sandbox) (sandboxReport, error) {
	daemons, err := box.Status(ctx)
	if err != nil {
		return sandboxReport{}, err
	}
	r := sandboxReport{Dir: box.Dir(), Config: box.ConfigPath(), Sites: box.Sites(), Daemons: daemons}
	r.Ready = !slices.ContainsFunc(daemons, func(d sandbox.DaemonStatus) bool { return !d.Ready })
	return r, v.app.answer(r, r.text)
}

func (r sandboxReport) text(w io.Writer) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"daemon", "address", "pid", "memory", "since", "state"})
	for _, d := range r.Daemons {
		row := table.Row{d.Name, d.Address, "", "", "", "serves"}
		if d.Running {
			row[2], row[3], row[4] = d.PID, humanize.IBytes(uint64(d.RSS)), d.StartedAt.Format(time.TimeOnly)
		}
		if !d.Ready {
			row[5] = d.Problem
		}
		t.AppendRow(row)
	}
	_, err := fmt.Fprintf(w, "%s\n\nconfiguration  %s\nlogs           %s\n", t.Render(), r.Config, r.Dir+"/logs")
	return err
}

func (v *sandboxVerb) up() *cobra.Command {
	var opts sandbox.Options
	var only string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "start what does not run and wait until all of it serves",
		Long: exits(`
Start what does not run and wait until all of it serves. What runs already is
left as it is. When it fails, or on Ctrl-C, the daemons it started are ended.

With --only hdfs no HBase is started: four JVMs instead of nine. A later up
without it starts the rest.`, codeOK, codeFailed, codeUsage, codeInterrupted),
		Example: "  drover sandbox up\n  drover sandbox up --only hdfs",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if only != "" && only != "hdfs" {
				return usage("--only %s: there is only hdfs to be had alone", only)
			}
			opts.Dir, opts.Log, opts.OnlyHDFS = v.dir, v.app.log, only == "hdfs"
			box, err := sandbox.Up(cmd.Context(), opts)
			if err != nil {
				return err
			}
			_, err = v.report(cmd.Context(), box)
			return err
		},
	}
	cmd.Flags().StringVar(&only, "only", "", "hdfs: start the two HDFS clusters without HBase")
	cmd.Flags().BoolVar(&opts.FullJIT, "full-jit", false, "for benchmarks: slower to start, faster under load (settled by the first up)")
	cmd.Flags().BoolVar(&opts.BulkLoadReplication, "bulk-load-replication", false, "ship bulk loaded files to peers (settled by the first up)")
	return cmd
}

func (v *sandboxVerb) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "show every daemon, where it listens and whether it serves",
		Long:  exits("Show every daemon, where it listens and whether it serves.", codeOK, codeFailed, codeUsage),
		RunE: func(cmd *cobra.Command, _ []string) error {
			box, err := v.open()
			if err != nil {
				return err
			}
			r, err := v.report(cmd.Context(), box)
			if err == nil && !r.Ready {
				return fail(codeFailed, "not every daemon serves").try("drover sandbox up --dir " + r.Dir)
			}
			return err
		},
	}
}

func (v *sandboxVerb) kill() *cobra.Command {
	return &cobra.Command{
		Use:   "kill DAEMON...",
		Short: "end daemons with SIGKILL, as a crash would",
		Long: exits(`
End daemons with SIGKILL, as a crash would. Each cluster has one DataNode: kill
it together with its master, which else ends itself a few seconds later.`, codeOK, codeFailed, codeUsage),
		Example: "  drover sandbox kill a/regionserver\n  drover sandbox kill b/datanode b/master",
		Args:    v.daemons,
		RunE: func(cmd *cobra.Command, args []string) error {
			box, err := v.open()
			if err != nil {
				return err
			}
			for _, daemon := range args {
				if err := box.Kill(cmd.Context(), daemon); err != nil {
					return err
				}
			}
			_, err = v.report(cmd.Context(), box)
			return err
		},
	}
}

func (v *sandboxVerb) start() *cobra.Command {
	return &cobra.Command{
		Use:   "start DAEMON...",
		Short: "start daemons that were killed and wait until they serve",
		Long: exits(`
Start daemons that were killed and wait until they serve. Name those that need
each other together: a NameNode serves only with its DataNode, a master only
with its region server. "drover sandbox up" starts all that do not run.`, codeOK, codeFailed, codeUsage, codeInterrupted),
		Example: "  drover sandbox start b/datanode b/master",
		Args:    v.daemons,
		RunE: func(cmd *cobra.Command, args []string) error {
			box, err := v.open()
			if err != nil {
				return err
			}
			if err := box.Start(cmd.Context(), args...); err != nil {
				return err
			}
			_, err = v.report(cmd.Context(), box)
			return err
		},
	}
}

func (v *sandboxVerb) down() *cobra.Command {
	var remove bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "end every daemon; data and logs stay",
		Long: exits(`
End every daemon of the sandbox and wait until they are gone. Data, logs and
ports stay for the next up, unless --remove is given.`, codeOK, codeFailed, codeUsage),
		RunE: func(cmd *cobra.Command, _ []string) error {
			box, err := v.open()
			if err != nil {
				return err
			}
			end, done := box.Down, "ended"
			if remove {
				end, done = box.Remove, "removed"
			}
			if err := end(cmd.Context()); err != nil {
				return err
			}
			answer := struct {
				Dir  string `json:"dir"`
				Done string `json:"done"`
			}{box.Dir(), done}
			return v.app.answer(answer, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "sandbox %s: %s\n", answer.Dir, done)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "delete the directory with data and logs as well")
	return cmd
}

// open finds the sandbox that commands work on and lets it talk on stderr.
func (v *sandboxVerb) open() (*sandbox.Sandbox, error) {
	box, err := sandbox.Open(v.dir)
	if err != nil {
		return nil, err
	}
	box.LogTo(v.app.log)
	return box, nil
}

// daemons wants at least one argument, each the name of a daemon.
func (v *sandboxVerb) daemons(cmd *cobra.Command, args []string) error {
	known := sandbox.DaemonNames()
	if len(args) == 0 {
		return usage("%s needs the name of a daemon: %s", cmd.CommandPath(), strings.Join(known, ", "))
	}
	for _, name := range args {
		if !slices.Contains(known, name) {
			return usage("there is no daemon %q: %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

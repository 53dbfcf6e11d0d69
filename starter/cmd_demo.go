package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

// demoOptions are the flags of the demo.
type demoOptions struct {
	yes   bool
	keep  bool
	rows  int
	rate  int
	acked int64
	dir   string
}

func newDemoCmd(a *app) *cobra.Command {
	o := demoOptions{rows: 20000, rate: 2000, acked: 20000}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "move a live table between two real clusters on this machine",
		Long: exits(`
Start Temporal and two real HBase clusters on two real HDFS clusters on this
machine, fill a table, keep writing to it, and move it: the migration stops at a
gate, shows its evidence and waits for your approval; then it cuts over, the
writer goes on against the target, and every write that was ever acknowledged is
read back from there. The first run downloads and compiles for some minutes and
says what it waits for. With --json the answer is one object.`,
			codeOK, codeFailed, codeUsage, codeRefused, codeInterrupted),
		Example: "  drover demo\n  drover demo --yes --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return a.demo(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.yes, "yes", o.yes, "decide at the gates without asking, for CI")
	f.BoolVar(&o.keep, "keep", o.keep, "leave Temporal, the clusters and the tables running at the end")
	f.IntVar(&o.rows, "rows", o.rows, "rows to load before the migration")
	f.IntVar(&o.rate, "rate", o.rate, "writes a second while it runs")
	f.Int64Var(&o.acked, "acked", o.acked, "go on writing until this many writes were acknowledged")
	f.StringVar(&o.dir, "dir", o.dir, "directory of the sandbox (default: DROVER_SANDBOX_DIR, else in the user's cache)")
	return cmd
}

func (o demoOptions) validate() error {
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

// demo tells the story from top to bottom. Whatever ends it, what it started
// is ended too, unless it is to be kept.
func (a *app) demo(ctx context.Context, o demoOptions) (err error) {
	began := time.Now()
	w, err := a.openWorld(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close(o.keep && err == nil)) }()
	d := &demo{app: a, options: o, world: w}
	defer d.stopWriting()
	for _, step := range []func(context.Context) error{d.seed, d.startWriting, d.startRun, d.follow, d.writeOn, d.readBack} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.report.Millis = time.Since(began).Milliseconds()
	if err := a.answer(d.report, func(out io.Writer) error { return d.report.print(out) }); err != nil {
		return err
	}
	if o.keep {
		w.tellKept()
	}
	return d.report.problem()
}

// demoReport is the demo's answer. Its keys are a promise to scripts.
type demoReport struct {
	// Verdict is "match" when every cell was compared equal online, the delta
	// proof held under the fence, and no acknowledged write is missing.
	Verdict string `json:"verdict"`
	Acked   int64  `json:"acked"` // writes acknowledged by either cluster
	Lost    int64  `json:"lost"`  // of them, absent or different at the target
	// FreezeMillis is the migration's own count: fence called to target open.
	FreezeMillis int64      `json:"freezeMillis"`
	Freeze       freezeTime `json:"freeze"`
	// WriterFreezeMillis is what the writer felt: last write acknowledged by
	// the source to first one acknowledged by the target.
	WriterFreezeMillis int64      `json:"writerFreezeMillis"`
	Steps              []stepTime `json:"steps"`
	Rows               int64      `json:"rows"`
	Cells              int64      `json:"cells"`
	Bytes              int64      `json:"bytes"`
	Digest             string     `json:"digest"`
	HistoryEvents      int64      `json:"historyEvents"`
	// OrchestrationMillis is the part of the run in which no activity ran and
	// no gate waited.
	OrchestrationMillis int64    `json:"orchestrationMillis"`
	RunMillis           int64    `json:"runMillis"`
	Run                 string   `json:"run"`
	UI                  string   `json:"ui,omitempty"`
	Missing             []string `json:"missing,omitempty"` // the first lost writes
	Millis              int64    `json:"millis"`            // of the whole demo
}

type stepTime struct {
	Name   string `json:"name"`
	Millis int64  `json:"millis"`
}

type freezeTime struct {
	Fence int64 `json:"fenceMillis"`
	Drain int64 `json:"drainMillis"`
	Delta int64 `json:"deltaMillis"`
	Open  int64 `json:"openMillis"`
}

func (r demoReport) problem() error {
	switch {
	case r.Lost > 0:
		return fail(codeFailed, "%d acknowledged writes are not at the target, the first: %v", r.Lost, r.Missing)
	case r.Verdict != "match":
		return fail(codeFailed, "the migration ended with the verdict %q", r.Verdict)
	}
	return nil
}

func (r demoReport) print(w io.Writer) error {
	p := &page{w: w}
	p.line("")
	p.line("verdict %s: %s rows, %s cells, %s compared on both sides (digest %s)", r.Verdict,
		humanize.Comma(r.Rows), humanize.Comma(r.Cells), humanize.IBytes(uint64(r.Bytes)), r.Digest[:min(len(r.Digest), 16)])
	p.line("%s writes acknowledged while it moved, %d lost (each was read back from the target)", humanize.Comma(r.Acked), r.Lost)
	p.line("writes were refused for %s: fence %s, drain proof %s, delta proof %s, opening the target %s (the writer felt %s)",
		millis(r.FreezeMillis), millis(r.Freeze.Fence), millis(r.Freeze.Drain), millis(r.Freeze.Delta), millis(r.Freeze.Open), millis(r.WriterFreezeMillis))
	p.line("")
	for _, s := range r.Steps {
		p.line("  %-14s %8s", s.Name, millis(s.Millis))
	}
	p.line("  %-14s %8s of %s, %d events of history", "orchestration", millis(r.OrchestrationMillis), millis(r.RunMillis), r.HistoryEvents)
	return p.err
}

func millis(n int64) string { return fmt.Sprintf("%.2f s", float64(n)/1000) }

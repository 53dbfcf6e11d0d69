package main

import (
	"context"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/client"

	"drover/internal/hbase"
	"drover/internal/hbase/rows"
	"drover/internal/workload"
	"drover/workflows"
	"drover/workflows/step"
)

// tableDemo is one run of the demo of a table: the table, its writer, its
// migration.
type tableDemo struct {
	app     *app
	options tableDemoOptions
	world   *world

	source, target         *hbase.Cluster
	sourceRows, targetRows *rows.Client

	table  hbase.TableName
	ledger string
	writer *workload.Writer
	id     string // of the workflow
	report tableDemoReport
}

func (d *tableDemo) play(ctx context.Context) error {
	for _, step := range []func(context.Context) error{d.open, d.seed, d.startWriting, d.startRun, d.follow, d.writeOn, d.readBack} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.report.Millis = time.Since(d.world.began).Milliseconds()
	if err := d.app.answer(d.report, d.report.print); err != nil {
		return err
	}
	return d.report.problem()
}

func (d *tableDemo) open(context.Context) (err error) {
	a, b := d.world.cfg.Sites["a"].HBase, d.world.cfg.Sites["b"].HBase
	source := hbase.Config{Quorum: a.Quorum, ZNodeParent: a.ZNodeParent, RootDir: a.RootDir, User: a.User}
	target := hbase.Config{Quorum: b.Quorum, ZNodeParent: b.ZNodeParent, RootDir: b.RootDir, User: b.User}
	if d.source, err = hbase.Open(source); err != nil {
		return err
	}
	d.world.atEnd(d.source.Close)
	if d.target, err = hbase.Open(target); err != nil {
		return err
	}
	d.world.atEnd(d.target.Close)
	if d.sourceRows, err = rows.Open(source); err != nil {
		return err
	}
	d.world.atEnd(func() error { d.sourceRows.Close(); return nil })
	if d.targetRows, err = rows.Open(target); err != nil {
		return err
	}
	d.world.atEnd(func() error { d.targetRows.Close(); return nil })
	return nil
}

// seed makes the table: several families and regions, many versions, deletes,
// and a region split after the load, so that the snapshot holds references.
func (d *tableDemo) seed(ctx context.Context) error {
	d.table = hbase.TableName{Namespace: "demo", Qualifier: "orders_" + time.Now().Format("20060102_150405")}
	spec := workload.Spec{
		Table: d.table, Regions: 4, Rows: d.options.rows, Versions: 3, Deletes: d.options.rows / 20,
		SplitAfterLoad: true, Seed: 1,
	}
	d.app.say("loading table %s: %s rows, 3 versions of every cell", d.table, humanize.Comma(int64(spec.Rows)))
	if _, err := d.source.CreateNamespace(ctx, d.table.Namespace, 0); err != nil {
		return err
	}
	stats, err := workload.Seed(ctx, d.source, d.sourceRows, spec)
	if err != nil {
		return err
	}
	d.app.say("loaded %s cells and %s deletes into %d regions, one of them split since", humanize.Comma(int64(stats.Cells)), humanize.Comma(int64(stats.Deletes)), stats.Regions)
	return nil
}

func (d *tableDemo) startWriting(context.Context) error {
	var err error
	if d.ledger, err = d.world.ledger(d.options.keep); err != nil {
		return err
	}
	d.writer, err = workload.StartWriter(d.sourceRows, workload.WriterConfig{Table: d.table, Rate: d.options.rate, LedgerPath: d.ledger})
	if err != nil {
		return err
	}
	d.app.say("writing %s rows a second, and keeping a ledger of every acknowledged write", humanize.Comma(int64(d.options.rate)))
	return nil
}

func (d *tableDemo) end() {
	if d.writer == nil {
		return
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()                    // nothing is waited for on the way out
	_, _ = d.writer.Stop(ended) // its error was told where it mattered
}

func (d *tableDemo) startRun(ctx context.Context) error {
	in := workflows.HBaseMigrationInput{Source: "a", Target: "b", Tables: []string{d.table.String()}, StartedBy: "demo", FullProofBelow: int64(d.options.fullBelow)}
	d.id = hbaseMigrationID(in)
	run, err := d.world.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: d.id, TaskQueue: workflows.RunbooksQueue, WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary: "demo: " + d.table.String() + " moves from a to b",
	}, "HBaseMigration", in)
	if err != nil {
		return fmt.Errorf("start the migration: %w", err)
	}
	d.report.Run, d.report.UI = d.id, d.world.endpoint.RunLink(d.id, run.GetRunID())
	d.app.say("migration %s started: UI %s", d.id, orNone(d.report.UI))
	return nil
}

// follow goes with the run to its end: it stops at the gates, and sends the
// writer to the target when that is open.
func (d *tableDemo) follow(ctx context.Context) error {
	g := &tableGate{demo: d}
	v, err := d.world.follow(ctx, d.id, func(ctx context.Context, v view) error {
		if v.Status.Phase == workflows.PhaseSwitch || v.Status.Phase == workflows.PhaseCleanup {
			d.writer.Switch(d.targetRows)
		}
		return g.pass(ctx, v)
	})
	if err != nil {
		return err
	}
	return d.ended(ctx, v)
}

func (d *tableDemo) ended(ctx context.Context, v view) (err error) {
	var result workflows.HBaseMigrationResult
	if err := d.world.resultOf(v, &result); err != nil {
		return err
	}
	r := &d.report
	r.Verdict = result.Verdict
	for _, t := range result.Verified {
		r.Rows, r.Cells, r.Bytes, r.Digest = r.Rows+t.Rows, r.Cells+t.Cells, r.Bytes+t.Bytes, t.Digest
	}
	if f := result.Freeze; f != nil {
		r.FreezeMillis = f.TotalMillis
		r.Freeze = freezeTime{Fence: f.FenceMillis, Drain: f.DrainMillis, Delta: f.DeltaMillis, Open: f.OpenMillis}
	}
	for _, t := range result.Delta {
		r.Freeze.Proof, r.Freeze.Parts = t.Method, t.Parts
	}
	r.Steps = stepTimes(result.Report)
	r.runCost, err = d.world.costOf(ctx, v, result.Report.Decisions)
	return err
}

// writeOn lets the writer work against the target until enough is in the
// ledger, some of it certainly from after the switch.
func (d *tableDemo) writeOn(ctx context.Context) error {
	want := max(d.options.acked, d.writer.Stats().Acked+int64(d.options.rate))
	d.app.say("the writer goes on against the target")
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for d.writer.Stats().Acked < want {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
	_, err := d.writer.Stop(ctx)
	return err
}

// readBack reads every acknowledged write from the target.
func (d *tableDemo) readBack(ctx context.Context) error {
	stats := d.writer.Stats()
	d.app.say("reading %s acknowledged writes back from the target", humanize.Comma(stats.Acked))
	check, err := workload.CheckLedger(ctx, d.targetRows, d.table, d.ledger)
	if err != nil {
		return err
	}
	d.report.Acked, d.report.Lost, d.report.Missing = check.Checked, check.Lost, check.Named
	d.report.WriterFreezeMillis = stats.FreezeMillis
	return nil
}

// tableGate stops the demo at each gate once.
type tableGate struct {
	demo    *tableDemo
	decided string // digest
}

func (g *tableGate) pass(ctx context.Context, v view) error {
	s := v.Status
	if s.WaitingAt == "" || s.Digest == "" || s.Digest == g.decided {
		return nil
	}
	reason := ""
	switch {
	case s.WaitingAt == workflows.GateCleanup:
		reason = "the demo needs its snapshots no more"
	case g.demo.options.yes:
		reason = "the demo was started with --yes"
	default:
		g.decided = s.Digest
		g.demo.world.sayWaiting(v)
		return nil
	}
	g.decided = s.Digest
	return g.demo.world.tell(ctx, v, step.DecideUpdate, "demo/"+s.Digest,
		step.Decision{Gate: s.WaitingAt, Digest: s.Digest, By: "demo", Reason: reason, Approved: true})
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/client"

	"drover/internal/hbase"
	"drover/internal/workload"
	"drover/workflows"
	"drover/workflows/step"
)

// demo is one run of the demo: a table, its writer, its migration.
type demo struct {
	app     *app
	options demoOptions
	world   *world

	table  hbase.TableName
	dir    string // ledger
	writer *workload.Writer
	id     string // of the workflow
	result workflows.HBaseMigrationResult
	report demoReport
}

// lookEvery is how often the demo asks where the run is. Around the switch it
// decides how late the writer learns of the target.
const lookEvery = 100 * time.Millisecond

// seed makes the table: several families and regions, many versions, deletes,
// and a region split after the load, so that the snapshot holds references.
func (d *demo) seed(ctx context.Context) error {
	d.table = hbase.TableName{Namespace: "demo", Qualifier: "orders_" + time.Now().Format("20060102_150405")}
	spec := workload.Spec{
		Table: d.table, Regions: 4, Rows: d.options.rows, Versions: 3, Deletes: d.options.rows / 20,
		SplitAfterLoad: true, Seed: 1,
	}
	d.app.say("loading table %s: %s rows, 3 versions of every cell", d.table, humanize.Comma(int64(spec.Rows)))
	if _, err := d.world.source.CreateNamespace(ctx, d.table.Namespace, 0); err != nil {
		return err
	}
	stats, err := workload.Seed(ctx, d.world.source, d.world.sourceRows, spec)
	if err != nil {
		return err
	}
	d.app.say("loaded %s cells and %s deletes into %d regions, one of them split since", humanize.Comma(int64(stats.Cells)), humanize.Comma(int64(stats.Deletes)), stats.Regions)
	return nil
}

func (d *demo) startWriting(context.Context) error {
	var err error
	if d.dir, err = os.MkdirTemp("", "drover-demo-"); err != nil {
		return fmt.Errorf("make a directory for the ledger: %w", err)
	}
	d.writer, err = workload.StartWriter(d.world.sourceRows, workload.WriterConfig{Table: d.table, Rate: d.options.rate, LedgerPath: d.ledger()})
	if err != nil {
		return err
	}
	d.app.say("writing %s rows a second, and keeping a ledger of every acknowledged write", humanize.Comma(int64(d.options.rate)))
	return nil
}

func (d *demo) ledger() string { return filepath.Join(d.dir, "ledger") }

// stopWriting is for the ways out; it may run twice.
func (d *demo) stopWriting() {
	if d.writer != nil {
		ended, cancel := context.WithCancel(context.Background())
		cancel()                    // nothing is waited for on the way out
		_, _ = d.writer.Stop(ended) // its error was told where it mattered
	}
	if d.dir != "" && !d.options.keep {
		_ = os.RemoveAll(d.dir) // a left-over directory in /tmp harms nothing
	}
}

func (d *demo) startRun(ctx context.Context) error {
	in := workflows.HBaseMigrationInput{Source: "a", Target: "b", Tables: []string{d.table.String()}, StartedBy: "demo"}
	d.id = hbaseMigrationID(in)
	run, err := d.world.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: d.id, TaskQueue: workflows.RunbooksQueue, WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary: "demo: " + d.table.String() + " moves from a to b",
	}, "HBaseMigration", in)
	if err != nil {
		return fmt.Errorf("start the migration: %w", err)
	}
	d.report.Run, d.report.UI = d.id, d.world.endpoint.RunLink(d.id, run.GetRunID())
	d.app.say("migration %s started: %s", d.id, d.report.UI)
	return nil
}

// follow goes with the run to its end: it tells each phase, stops at the
// gates, and sends the writer to the target when that is open.
func (d *demo) follow(ctx context.Context) error {
	s := session{client: d.world.client, endpoint: d.world.endpoint}
	t := d.app.newTeller(ctx)
	defer t.close()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	g := &demoGate{demo: d}
	for {
		v, err := d.app.look(ctx, s, d.id)
		if err != nil {
			return err
		}
		if v.closed() {
			return d.ended(ctx, v)
		}
		if err := errors.Join(t.tell(v), d.world.workerEnded()); err != nil {
			return err
		}
		if v.Status.Phase == workflows.PhaseSwitch || v.Status.Phase == workflows.PhaseCleanup {
			d.writer.Switch(d.world.targetRows)
		}
		if err := g.pass(ctx, v); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

func (d *demo) ended(ctx context.Context, v view) error {
	if err := v.ended(); err != nil {
		p := &page{w: d.app.err}
		showFindings(p, v.Status.Findings)
		return errors.Join(err, p.err)
	}
	if err := json.Unmarshal(v.result, &d.result); err != nil {
		return fmt.Errorf("read the result of %s: %w", d.id, err)
	}
	r := &d.report
	r.Verdict = d.result.Verdict
	for _, t := range d.result.Verified {
		r.Rows, r.Cells, r.Bytes, r.Digest = r.Rows+t.Rows, r.Cells+t.Cells, r.Bytes+t.Bytes, t.Digest
	}
	if f := d.result.Freeze; f != nil {
		r.FreezeMillis = f.TotalMillis
		r.Freeze = freezeTime{Fence: f.FenceMillis, Drain: f.DrainMillis, Delta: f.DeltaMillis, Open: f.OpenMillis}
	}
	for _, p := range d.result.Report.Phases {
		r.Steps = append(r.Steps, stepTime{Name: p.Name, Millis: p.Millis(d.result.Report.Now)})
	}
	return d.measureOrchestration(ctx, v)
}

// writeOn lets the writer work against the target until enough is in the
// ledger, some of it certainly from after the switch.
func (d *demo) writeOn(ctx context.Context) error {
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
func (d *demo) readBack(ctx context.Context) error {
	stats := d.writer.Stats()
	d.app.say("reading %s acknowledged writes back from the target", humanize.Comma(stats.Acked))
	check, err := workload.CheckLedger(ctx, d.world.targetRows, d.table, d.ledger())
	if err != nil {
		return err
	}
	d.report.Acked, d.report.Lost, d.report.Missing = check.Checked, check.Lost, check.Named
	d.report.WriterFreezeMillis = stats.FreezeMillis
	return nil
}

// demoGate stops the demo at each gate once.
type demoGate struct {
	demo    *demo
	decided string // digest
}

func (g *demoGate) pass(ctx context.Context, v view) error {
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
		return nil
	}
	g.decided = s.Digest
	at := session{client: g.demo.world.client, endpoint: g.demo.world.endpoint}
	_, err := g.demo.app.ask(ctx, at, v, step.DecideUpdate, "demo/"+s.Digest,
		step.Decision{Gate: s.WaitingAt, Digest: s.Digest, By: "demo", Reason: reason, Approved: true})
	return err
}

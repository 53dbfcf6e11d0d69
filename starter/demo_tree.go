package main

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/client"

	"drover/internal/storage/open"
	"drover/internal/workload/tree"
	"drover/workflows"
	"drover/workflows/step"
)

// treeDemo is one run of the demo of a tree: the tree, its writer, its mirror.
type treeDemo struct {
	app     *app
	options treeDemoOptions
	world   *world

	root           string // of the tree, the same on both sides
	source, target tree.Target
	ledger         string
	writer         *tree.Writer
	id             string // of the workflow
	gates          treeGates
	removed        bool // both trees
	report         treeDemoReport
}

func (d *treeDemo) play(ctx context.Context) error {
	d.gates.yes = d.options.yes
	for _, step := range []func(context.Context) error{d.open, d.seed, d.startWriting, d.startRun, d.follow, d.writeOn, d.readBack, d.remove} {
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

func (d *treeDemo) open(ctx context.Context) error {
	d.root = "/demo/tree_" + time.Now().Format("20060102_150405")
	for site, at := range map[string]*tree.Target{"a": &d.source, "b": &d.target} {
		hdfs := d.world.cfg.Sites[site].HDFS
		opened, closed, err := tree.Open(hdfs.NameNodes[0], hdfs.User, d.root)
		if err != nil {
			return err
		}
		d.world.atEnd(closed)
		*at = opened
		// The mirror makes the tree at the target, not what it lies in.
		if err := opened.NameNode.Mkdirs(ctx, path.Dir(d.root), 0o755, true); err != nil {
			return err
		}
	}
	return nil
}

// seed writes the tree: every odd name and size there is, attributes of every
// kind, and as many files drawn at random as were asked for.
func (d *treeDemo) seed(ctx context.Context) error {
	nodes := tree.Generate(tree.Spec{Seed: 1, Files: d.options.files, Dirs: 20 + d.options.files/20, Superuser: true})
	d.app.say("writing %s files and directories below %s on a: odd names, empty files and files of several blocks, ACLs, extended attributes",
		humanize.Comma(int64(len(nodes))), d.root)
	stats, err := tree.Write(ctx, d.source, d.counted(nodes), 0)
	if err != nil {
		return err
	}
	d.app.say("wrote %s files in %s directories, %s", humanize.Comma(stats.Files), humanize.Comma(stats.Dirs), humanize.IBytes(uint64(stats.Bytes)))
	return nil
}

// counted gives the nodes, and says how far it is where that takes long.
func (d *treeDemo) counted(nodes []tree.Node) tree.Nodes {
	return func(yield func(tree.Node, error) bool) {
		said := time.Now()
		for i, n := range nodes {
			if time.Since(said) >= plainEvery {
				said = time.Now()
				d.app.say("%s of %s files and directories begun", humanize.Comma(int64(i)), humanize.Comma(int64(len(nodes))))
			}
			if !yield(n, nil) {
				return
			}
		}
	}
}

func (d *treeDemo) startWriting(ctx context.Context) error {
	var err error
	if d.ledger, err = d.world.ledger(d.options.keep); err != nil {
		return err
	}
	if d.writer, err = tree.StartWriter(ctx, d.source, tree.WriterConfig{Rate: d.options.rate, LedgerPath: d.ledger}); err != nil {
		return err
	}
	d.app.say("changing it %d times a second from now on (files are created, appended to, renamed, deleted), and keeping a ledger of every acknowledged change", d.options.rate)
	return nil
}

func (d *treeDemo) end() {
	if d.writer == nil {
		return
	}
	if !d.removed {
		d.app.say("what there is of the tree stays: %s on a and on b", d.root)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()                    // nothing is waited for on the way out
	_, _ = d.writer.Stop(ended) // its error was told where it mattered
}

func (d *treeDemo) startRun(ctx context.Context) error {
	in := workflows.HDFSMirrorInput{
		Source: "a", Target: "b", SourcePath: d.root, TargetPath: d.root, StartedBy: "demo",
		Freeze: workflows.FreezeQuota, // the writer is a superuser: permissions would not stop it
		// On a busy machine a round takes seconds; in a demo that is near enough.
		ConvergeAt: 20 * int64(d.options.rate), MaxRounds: 3,
	}
	req := mirrorRequest(in)
	d.id = req.id
	run, err := d.world.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: d.id, TaskQueue: workflows.RunbooksQueue, WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary: "demo: " + req.title,
	}, "HDFSMirror", in)
	if err != nil {
		return fmt.Errorf("start the mirror: %w", err)
	}
	d.report.Run, d.report.UI = d.id, d.world.endpoint.RunLink(d.id, run.GetRunID())
	d.app.say("mirror %s started: UI %s", d.id, orNone(d.report.UI))
	return nil
}

// follow goes with the run to its end: it acts at the gates, and sends the
// writer to the target when that takes over.
func (d *treeDemo) follow(ctx context.Context) error {
	v, err := d.world.follow(ctx, d.id, d.act)
	if err != nil {
		return err
	}
	var result workflows.HDFSMirrorResult
	if err := d.world.resultOf(v, &result); err != nil {
		return err
	}
	d.report.read(result)
	if d.options.keep {
		d.report.Left = result.Left
	}
	d.report.runCost, err = d.world.costOf(ctx, v, result.Report.Decisions)
	return err
}

// writeOn lets the writer work against the target until enough is in the
// ledger, some of it certainly from after the switch.
func (d *treeDemo) writeOn(ctx context.Context) error {
	want := max(d.options.acked, d.writer.Stats().Acked+int64(d.options.rate))
	d.app.say("the writer goes on against the target, until %s changes are acknowledged", humanize.Comma(want))
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	said := time.Now()
	for d.writer.Stats().Acked < want {
		if time.Since(said) >= plainEvery {
			said = time.Now()
			d.app.say("%s of %s changes acknowledged", humanize.Comma(d.writer.Stats().Acked), humanize.Comma(want))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
	stats, err := d.writer.Stop(ctx)
	d.report.WriterFreezeMillis, d.report.OnTarget, d.report.WriterError = stats.FreezeMillis, stats.Target, stats.LastError
	return err
}

// readBack reads what the ledger says from the target.
func (d *treeDemo) readBack(ctx context.Context) error {
	d.app.say("reading the files of %s acknowledged changes back from the target", humanize.Comma(d.writer.Stats().Acked))
	at, err := d.world.cfg.Locate("b:" + d.root)
	if err != nil {
		return err
	}
	store, err := open.At(at)
	if err != nil {
		return err
	}
	d.world.atEnd(store.Close)
	check, err := tree.CheckLedger(ctx, store, d.root, d.ledger, 0)
	if err != nil {
		return err
	}
	d.report.Acked, d.report.ReadBack, d.report.Unknown = check.Changes, check.Checked, check.Unknown
	d.report.Lost, d.report.Missing = check.Lost, check.Named
	return nil
}

// remove deletes both trees, unless somebody wants to look at them.
func (d *treeDemo) remove(ctx context.Context) error {
	if d.options.keep || d.report.problem() != nil {
		return nil
	}
	for _, t := range []tree.Target{d.source, d.target} {
		if _, err := t.NameNode.Delete(ctx, t.Root, true); err != nil {
			return fmt.Errorf("delete the demo's tree: %w", err)
		}
	}
	d.removed = true
	return nil
}

// plant changes the target behind the mirror's back: one file is changed, one
// is added. It returns their paths in the tree.
func (d *treeDemo) plant(ctx context.Context) ([]string, error) {
	const changed, added = "wide/w00000", "wide/not from the source"
	return []string{changed, added}, tree.NewApplier(d.target, nil).Apply(ctx, []tree.Op{
		{Change: 1, As: "drift", Kind: tree.Append, Path: changed, Piece: &tree.Piece{Seed: 1, Bytes: 1000}},
		{Change: 2, As: "drift", Kind: tree.Create, Path: added, Piece: &tree.Piece{Seed: 2, Bytes: 1000}},
	})
}

// decide approves the open gate in the name of the demo.
func (d *treeDemo) decide(ctx context.Context, v view, choice, reason string) error {
	s := v.Status
	return d.world.tell(ctx, v, step.DecideUpdate, fmt.Sprintf("demo/%s/%d", s.Digest, len(s.Decisions)),
		step.Decision{Gate: s.WaitingAt, Digest: s.Digest, By: "demo", Reason: reason, Approved: true, Choice: choice})
}

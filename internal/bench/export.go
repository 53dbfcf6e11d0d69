package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"

	"drover/internal/config"
	"drover/internal/hbase/export"
	"drover/internal/sandbox"
	"drover/internal/storage/open"
)

// ExportChild is the name under which the program runs our export once, with
// the arguments namenode, root, namenode, root, snapshot, parallel.
const ExportChild = "export-once"

const (
	exportBench = "hbase-export"
	exportTool  = "ExportSnapshot"
	// Each side writes to a directory of its own on the target's HDFS, away
	// from the cleaner of the target cluster, emptied before each round.
	oursRoot = "/drover-bench-ours"
	peerRoot = "/drover-bench-peer"
	user     = "hbase"
)

// export pairs our exporter with HBase's ExportSnapshot --mappers 2, rounds
// times in turn on the same snapshot, and writes the medians to out.
func (w *World) export(ctx context.Context, rounds int, out io.Writer) error {
	b, err := newExportBench(w)
	if err != nil {
		return err
	}
	defer b.target.Close() //nolint:errcheck // idle connections only
	if err := b.describe(ctx); err != nil {
		return err
	}
	var p Pairs
	runs := []struct {
		run      func(context.Context, string) (Cost, error)
		snapshot string
		into     *[]Cost
	}{
		{b.ours, emptySnap, &p.OursEmpty},
		{b.peer, emptySnap, &p.PeerEmpty},
		{b.ours, snapshotName, &p.Ours},
		{b.peer, snapshotName, &p.Peer},
	}
	for i := -1; i < rounds; i++ { // the first warms the DataNodes up
		for _, r := range runs {
			if err := b.clean(ctx); err != nil {
				return err
			}
			c, err := r.run(ctx, r.snapshot)
			if err != nil {
				return err
			}
			if i >= 0 {
				*r.into = append(*r.into, c)
			}
		}
		if i < 0 {
			continue
		}
		w.Log(fmt.Sprintf("%s, round %d of %d: ours %v (empty %v); %s %v (empty %v)", exportBench, i+1, rounds,
			p.Ours[i], p.OursEmpty[i], exportTool, p.Peer[i], p.PeerEmpty[i]))
	}
	if err := b.clean(ctx); err != nil {
		return err
	}
	return EmitPairs(out, exportBench, exportTool, p)
}

type exportSides struct {
	w        *World
	target   open.Store
	from, to sandbox.Site
	daemons  []daemon // of the target
}

func newExportBench(w *World) (*exportSides, error) {
	b := &exportSides{w: w}
	var err error
	if b.from, err = w.Sandbox.Site("a"); err != nil {
		return nil, err
	}
	if b.to, err = w.Sandbox.Site("b"); err != nil {
		return nil, err
	}
	if b.daemons, err = daemonsOf(b.to); err != nil {
		return nil, err
	}
	b.target, err = storeOf(b.to.NameNode)
	return b, err
}

// describe says how much there is to copy.
func (b *exportSides) describe(ctx context.Context) error {
	source, err := storeOf(b.from.NameNode)
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // idle connections only
	plan, err := export.Plan(ctx, export.Job{Source: source, SourceRoot: rootPath(b.from), Target: b.target, TargetRoot: oursRoot, Snapshot: snapshotName})
	if err == nil {
		b.w.Log(fmt.Sprintf("%s: %d files, %.0f MB", exportBench, plan.Count, float64(plan.Bytes)/1e6))
	}
	return err
}

// clean removes what both sides wrote, the blocks too.
func (b *exportSides) clean(ctx context.Context) error {
	return errors.Join(b.target.RemoveAll(ctx, oursRoot), b.target.RemoveAll(ctx, peerRoot), awaitDeleted(ctx, b.daemons))
}

func (b *exportSides) ours(ctx context.Context, snap string) (Cost, error) {
	return Child(ctx, ExportChild, b.from.NameNode, rootPath(b.from), b.to.NameNode, oursRoot, snap)
}

func (b *exportSides) peer(ctx context.Context, snap string) (Cost, error) {
	run, err := b.w.Sandbox.RunJava(ctx, "a", sandbox.JavaOptions{Heap: "1g", FullJIT: true},
		"org.apache.hadoop.hbase.snapshot.ExportSnapshot",
		// Else its HDFS client sleeps 400 ms for each file that the only
		// DataNode has not reported at once: not the tool's fault.
		"-Ddfs.client.block.write.locateFollowingBlock.initial.delay.ms=5",
		"--snapshot", snap,
		"--copy-from", b.from.RootDir, "--copy-to", "hdfs://"+b.to.NameNode+peerRoot, "--mappers", "2")
	if err != nil {
		return Cost{}, err
	}
	if run.ExitCode != 0 {
		return Cost{}, fmt.Errorf("ExportSnapshot ended with %d: %s", run.ExitCode, run.Stderr)
	}
	return Cost{Wall: run.Wall, CPU: run.CPU(), RSS: run.MaxRSS}, nil
}

func hdfsOf(nameNode string) config.HDFS {
	return config.HDFS{NameNodes: []string{nameNode}, User: user}
}

func storeOf(nameNode string) (open.Store, error) {
	store, _, err := open.Root("hdfs://"+nameNode+"/", hdfsOf(nameNode))
	return store, err
}

// rootPath is the path of a site's hbase.rootdir.
func rootPath(s sandbox.Site) string {
	u, err := url.Parse(s.RootDir)
	if err != nil {
		return ""
	}
	return u.Path
}

// exportOnce runs our export as ExportChild says.
func exportOnce(ctx context.Context, args []string) error {
	if len(args) != 5 {
		return fmt.Errorf("%s: got %d arguments, want namenode, root, namenode, root, snapshot", ExportChild, len(args))
	}
	source, err := storeOf(args[0])
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // idle connections only
	target, err := storeOf(args[2])
	if err != nil {
		return err
	}
	defer target.Close() //nolint:errcheck // idle connections only
	_, err = export.Run(ctx, export.Job{Source: source, SourceRoot: args[1], Target: target, TargetRoot: args[3], Snapshot: args[4]})
	return err
}

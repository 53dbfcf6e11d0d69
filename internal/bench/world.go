package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"

	"drover/internal/hbase"
	"drover/internal/sandbox"
)

// The data of all HBase benches: what PerformanceEvaluation writes.
const (
	Table        = "drover_bench"
	snapshotName = "drover_bench_snapshot"
	emptyTable   = "drover_bench_small"
	emptySnap    = "drover_bench_small_snapshot"

	loadClients   = 2
	rowsPerClient = 600_000 // of 1000 bytes, in 8 regions: 1.2 GB
)

// World is a sandbox with the data loaded on site "a" and snapshots of it.
type World struct {
	Sandbox *sandbox.Sandbox
	Source  *hbase.Cluster
	Target  *hbase.Cluster
	Log     func(line string)
}

// shortCircuit lets the region servers open the files of the DataNode beside
// them instead of having them sent through a socket, a usual setting of clusters
// in production (Hadoop's ShortCircuitLocalReads.md): without it a quarter of the
// CPU of a scan goes into that socket. Tools, ours and the peers, have it not:
// they run on a machine that is no DataNode. The legacy reader is the one that
// needs no native library, and Maven has none.
var shortCircuit = map[string]string{
	"dfs.client.read.shortcircuit":            "true",
	"dfs.client.use.legacy.blockreader.local": "true",
}

// Setup brings the sandbox in dir up, with daemons that use their optimising
// compiler, and loads what is not loaded yet. Close releases the clusters and
// leaves the sandbox up.
func Setup(ctx context.Context, dir string, log func(string)) (*World, error) {
	s, err := sandbox.Up(ctx, sandbox.Options{Dir: dir, FullJIT: true, HBaseSite: shortCircuit, Log: log})
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	w := &World{Sandbox: s, Log: log}
	if w.Source, err = openSite(s, "a"); err != nil {
		return nil, err
	}
	if w.Target, err = openSite(s, "b"); err != nil {
		return nil, errors.Join(err, w.Source.Close())
	}
	err = errors.Join(w.load(ctx, Table, snapshotName, rowsPerClient), w.load(ctx, emptyTable, emptySnap, 10))
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Close closes the connections to both clusters.
func (w *World) Close() error { return errors.Join(w.Source.Close(), w.Target.Close()) }

// Down ends the sandbox.
func (w *World) Down(ctx context.Context) error { return w.Sandbox.Down(ctx) }

// HBaseBenches are the names of the benches of HBase, in the order they run in.
func HBaseBenches() []string { return []string{exportBench, verifyBench} }

// Run runs one bench, see Rig.
func (w *World) Run(ctx context.Context, bench string, rounds int, out io.Writer) error {
	switch bench {
	case exportBench:
		return w.export(ctx, rounds, out)
	case verifyBench:
		return w.verify(ctx, rounds, out)
	}
	return fmt.Errorf("bench %q: there are %q", bench, HBaseBenches())
}

func openSite(s *sandbox.Sandbox, name string) (*hbase.Cluster, error) {
	site, err := s.Site(name)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	c, err := hbase.Open(hbase.Config{Quorum: site.Quorum, ZNodeParent: site.ZNodeParent, RootDir: site.RootDir})
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return c, nil
}

// load fills a table on site "a" and snapshots it, unless the snapshot, which
// is the last step, is there.
func (w *World) load(ctx context.Context, table, snap string, rows int) error {
	_, err := w.Source.FindSnapshot(ctx, snap)
	if err == nil || !errors.Is(err, hbase.ErrSnapshotNotFound) {
		return err
	}
	w.Log("loading table " + table + " (once)")
	name, err := hbase.ParseTableName(table)
	if err != nil {
		return err
	}
	if err := w.Source.DropTable(ctx, name, hbase.NonceFor(rand.Text())); err != nil {
		return err
	}
	run, err := w.Sandbox.RunJava(ctx, "a", sandbox.JavaOptions{Heap: "1g", LoadTools: true, FullJIT: true},
		"org.apache.hadoop.hbase.PerformanceEvaluation", "--nomapred", "--table="+table, "--presplit=8",
		"--rows="+strconv.Itoa(rows), "--valueSize=1000", "--autoFlush=false", "sequentialWrite", strconv.Itoa(loadClients))
	if err != nil {
		return err
	}
	if run.ExitCode != 0 {
		return fmt.Errorf("load table %s: PerformanceEvaluation ended with %d: %s", table, run.ExitCode, run.Stderr)
	}
	w.Log("taking snapshot " + snap)
	return w.Source.Snapshot(ctx, hbase.SnapshotSpec{Name: snap, Table: name, Nonce: hbase.NonceFor(rand.Text())})
}

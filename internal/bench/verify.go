package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"drover/internal/hbase"
	"drover/internal/hbase/compare"
	"drover/internal/hbase/export"
	"drover/internal/sandbox"
	"drover/internal/storage/open"
)

const (
	verifyBench = "hbase-verify"
	// scanTool is our own client scanning both sides without comparing: the
	// most that any comparison by this client could reach.
	scanTool   = "scan of both sides"
	hashTool   = "HashTable+SyncTable"
	verifyTool = "VerifyReplication"
	hashDir    = "/drover-bench-hashes"
	// parallel is how many ranges ours reads at a time, as many as the peers'
	// map tasks.
	parallel = 2
)

// RowsPerSecond is the metric of a rate, for each side of the comparison.
const RowsPerSecond = "rows_per_s"

// verifyPeer is what ours is paired with.
type verifyPeer struct {
	tool string
	run  func(ctx context.Context, table string) (Cost, error)
}

// verify pairs our comparison of every cell with a mere scan of both tables by
// the same client, with HashTable and SyncTable (dry run), and with
// VerifyReplication, rounds times in turn after a round that only warms the
// servers up, and writes the medians to out.
func (w *World) verify(ctx context.Context, rounds int, out io.Writer) error {
	b := verifySides{w: w}
	for _, t := range [][2]string{{Table, snapshotName}, {emptyTable, emptySnap}} {
		if err := b.copyTable(ctx, t[0], t[1]); err != nil {
			return err
		}
	}
	peers := []verifyPeer{{scanTool, b.scan}, {hashTool, b.hash}, {verifyTool, b.verifyReplication}}
	// Until every path has been compiled, the region servers take more than
	// twice as long, and whoever runs first pays: this round is not counted.
	for _, p := range peers {
		if _, _, err := b.pair(ctx, p, Table, "warming up"); err != nil {
			return err
		}
	}
	pairs := make([]Pairs, len(peers))
	for i, p := range peers {
		ours, peer, err := b.pair(ctx, p, emptyTable, "empty")
		if err != nil {
			return err
		}
		pairs[i].OursEmpty, pairs[i].PeerEmpty = []Cost{ours}, []Cost{peer}
	}
	for round := range rounds {
		for i, p := range peers {
			ours, peer, err := b.pair(ctx, p, Table, fmt.Sprintf("round %d of %d", round+1, rounds))
			if err != nil {
				return err
			}
			pairs[i].Ours, pairs[i].Peer = append(pairs[i].Ours, ours), append(pairs[i].Peer, peer)
		}
	}
	for i, p := range peers {
		if err := EmitPairs(out, verifyBench, p.tool, pairs[i]); err != nil {
			return err
		}
	}
	return emitRate(out, pairs[0])
}

// pair runs ours, anew before each peer, as neighbours in time make a pair, and
// then the peer.
func (b verifySides) pair(ctx context.Context, p verifyPeer, table, what string) (ours, peer Cost, err error) {
	if ours, err = b.ours(ctx, table); err != nil {
		return ours, peer, err
	}
	if peer, err = p.run(ctx, table); err != nil {
		return ours, peer, err
	}
	b.w.Log(fmt.Sprintf("%s, %s: ours %v, %s %v", verifyBench, what, ours, p.tool, peer))
	return ours, peer, nil
}

// emitRate writes rows a second: of ours, and of the scan.
func emitRate(out io.Writer, p Pairs) error {
	rate := func(c Cost) float64 { return loadClients * rowsPerClient / c.Wall.Seconds() }
	ours, peer := median(p.Ours, rate), median(p.Peer, rate)
	return Emit(out, Line{
		Bench: verifyBench, Tool: scanTool, Metric: RowsPerSecond,
		Ours: round(ours), Peer: round(peer), Ratio: round(ours / peer), Runs: len(p.Ours),
	})
}

type verifySides struct{ w *World }

// copyTable makes the target's table unless it is there.
func (b verifySides) copyTable(ctx context.Context, table, snap string) error {
	name, err := hbase.ParseTableName(table)
	if err != nil {
		return err
	}
	if _, err := b.w.Target.Table(ctx, name); !errors.Is(err, hbase.ErrTableNotFound) {
		return err
	}
	b.w.Log("copying table " + table + " to the target (once)")
	from, to, err := b.sites()
	if err != nil {
		return err
	}
	source, sourceRoot, err := open.Root(from.RootDir, hdfsOf(from.NameNode))
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // idle connections only
	target, targetRoot, err := open.Root(to.RootDir, hdfsOf(to.NameNode))
	if err != nil {
		return err
	}
	defer target.Close() //nolint:errcheck // idle connections only
	job := export.Job{Source: source, SourceRoot: sourceRoot, Target: target, TargetRoot: targetRoot, Snapshot: snap}
	if _, err := export.Run(ctx, job); err != nil {
		return err
	}
	return b.w.Target.RestoreSnapshot(ctx, snap, name, hbase.NonceFor(rand.Text()))
}

func (b verifySides) sites() (from, to sandbox.Site, err error) {
	from, errA := b.w.Sandbox.Site("a")
	to, errB := b.w.Sandbox.Site("b")
	return from, to, errors.Join(errA, errB)
}

func (b verifySides) ours(ctx context.Context, table string) (Cost, error) {
	return b.child(ctx, VerifyChild, table)
}

func (b verifySides) scan(ctx context.Context, table string) (Cost, error) {
	return b.child(ctx, ScanChild, table)
}

func (b verifySides) child(ctx context.Context, name, table string) (Cost, error) {
	from, to, err := b.sites()
	if err != nil {
		return Cost{}, err
	}
	return Child(ctx, name, from.Quorum, from.ZNodeParent, from.RootDir, to.Quorum, to.ZNodeParent, to.RootDir, table)
}

// hash is HashTable on the source and SyncTable, which changes nothing, at the
// target, one after the other as people run them.
func (b verifySides) hash(ctx context.Context, table string) (Cost, error) {
	from, _, err := b.sites()
	if err != nil {
		return Cost{}, err
	}
	dir := "hdfs://" + from.NameNode + hashDir + "/" + table + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	first, err := b.java(ctx, "a", "HashTable", table, dir)
	if err != nil {
		return Cost{}, err
	}
	second, err := b.java(ctx, "b", "SyncTable", "--dryrun=true", "--sourcezkcluster="+from.Quorum+":"+from.ZNodeParent, dir, table, table)
	return Cost{Wall: first.Wall + second.Wall, CPU: first.CPU + second.CPU, RSS: max(first.RSS, second.RSS)}, err
}

func (b verifySides) verifyReplication(ctx context.Context, table string) (Cost, error) {
	_, to, err := b.sites()
	if err != nil {
		return Cost{}, err
	}
	return b.java(ctx, "a", "replication.VerifyReplication", "-Dhbase.mapreduce.scan.cachedrows=1000", "--versions=1000000",
		to.Quorum+":"+to.ZNodeParent, table)
}

// differs are the counters by which the peers tell that tables differ.
var differs = []string{"BADROWS=", "HASHES_NOT_MATCHED=", "DIFFERENTCELLVALUES="}

func (b verifySides) java(ctx context.Context, site, class string, args ...string) (Cost, error) {
	run, err := b.w.Sandbox.RunJava(ctx, site, sandbox.JavaOptions{Heap: "1g", FullJIT: true}, "org.apache.hadoop.hbase.mapreduce."+class, args...)
	if err != nil {
		return Cost{}, err
	}
	if run.ExitCode != 0 {
		return Cost{}, fmt.Errorf("%s ended with %d: %s", class, run.ExitCode, run.Stderr)
	}
	for _, counter := range differs {
		if strings.Contains(string(run.Stderr), counter) {
			return Cost{}, fmt.Errorf("%s found differences (%s) in tables that are equal", class, counter)
		}
	}
	return Cost{Wall: run.Wall, CPU: run.CPU(), RSS: run.MaxRSS}, nil
}

// compareOnce is the whole of our side.
func compareOnce(ctx context.Context, source, target compare.Side) error {
	res, err := compare.Tables(ctx, source, target, compare.Options{Parallel: parallel})
	if err == nil && res.Verdict != compare.Match {
		err = fmt.Errorf("verdict %s: %d rows differ in tables that are equal", res.Verdict, res.Differing)
	}
	return err
}

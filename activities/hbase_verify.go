package activities

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"drover/internal/hbase"
	"drover/internal/hbase/compare"
)

const (
	// settle is how long a row may differ on a table that is being written to
	// before it counts: many times the lag that AwaitCatchUp accepts.
	settle = 30 * time.Second
	// maxRanges and maxBorders bound the checkpoint in the heartbeat: Temporal
	// takes 2 MiB. A range is some 400 bytes; maxBorders is the bytes of the row
	// keys at which ranges meet, each told four times, at up to five bytes a byte.
	maxRanges  = 256
	maxBorders = 48 << 10
	// toldDifferences is how many differing rows a result names.
	toldDifferences = 10
	// toldKey is how many bytes of a row key are told; a key may have 32 KiB.
	toldKey = 200
)

// verifyCheckpoint is the heartbeat of a comparison: a worker that takes over
// goes on behind the ranges that were compared.
type verifyCheckpoint struct {
	Progress
	Plan     []compare.KeyRange    `json:"plan"`
	Compared []compare.RangeResult `json:"compared"`
}

// VerifyTable compares every cell of every version of a table on both sides
// while it is being written to. Before it reads anything it takes a base
// snapshot on each side: what no file newer than these names was constant
// since, so the delta proof only has to look at the rest.
func (a *HBase) VerifyTable(ctx context.Context, in VerifyInput) (VerifyResult, error) {
	p := beat(ctx)
	defer p.end()
	source, target, err := a.sites.pair(in.Pair)
	if err != nil {
		return VerifyResult{}, err
	}
	names, err := tableNames([]string{in.Table})
	if err != nil {
		return VerifyResult{}, err
	}
	t := names[0]
	base := SnapshotName(in.RunKey, in.Table, fmt.Sprintf("verify%d", in.Base))
	if err := takeBases(ctx, source, target, t, base, in.RunKey); err != nil {
		return VerifyResult{}, err
	}
	v := &verification{
		source: compare.Side{Cluster: source.cluster, Table: t}, target: compare.Side{Cluster: target.cluster, Table: t},
		pulse: p,
	}
	tables := compare.NewPair(v.source, v.target)
	v.compare = func(ctx context.Context, r compare.KeyRange) (compare.RangeResult, error) {
		return tables.Range(ctx, r, compare.Options{Settle: settle, MaxDifferences: toldDifferences})
	}
	if err := v.resume(ctx); err != nil {
		return VerifyResult{}, err
	}
	res, err := v.prove(ctx, in.Parallel, func(ctx context.Context) error {
		_, err := source.cluster.ProveDrain(ctx, in.PeerID, v.drain)
		return patient(err)
	})
	if err != nil {
		return VerifyResult{}, err
	}
	return VerifyResult{
		Table: in.Table, Verdict: string(res.Verdict), Rows: res.Rows, Cells: res.Cells, Bytes: res.Bytes, Digest: res.Digest,
		Differing: res.Differing, Differences: told(res.Differences), SourceBase: base, TargetBase: base,
	}, nil
}

// takeBases drops the base of an earlier verification and takes the new one on
// both sides at once; what an earlier attempt took is adopted.
func takeBases(ctx context.Context, source, target *site, t hbase.TableName, base, runKey string) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range []*site{source, target} {
		g.Go(func() error {
			err := s.cluster.Snapshot(ctx, hbase.SnapshotSpec{Name: base, Table: t, Nonce: hbase.NonceFor(s.name + "/" + base)})
			if err != nil {
				return err
			}
			_, err = dropBases(ctx, s, t, runKey, base)
			return err
		})
	}
	return g.Wait()
}

// dropBases deletes the run's base snapshots of a table but keep.
func dropBases(ctx context.Context, s *site, t hbase.TableName, runKey, keep string) (int, error) {
	prefix := SnapshotName(runKey, t.String(), "verify")
	if keep == "" {
		if err := awaitNextBase(ctx, s, t, runKey, prefix); err != nil {
			return 0, err
		}
	}
	own, err := ownSnapshots(ctx, s, runKey)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, name := range own {
		if name == keep || !strings.HasPrefix(name, prefix) {
			continue
		}
		if err := s.cluster.DeleteSnapshot(ctx, name); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// awaitNextBase waits for a base that an ended verification may have asked for
// and that is not among the completed ones yet: the one after the newest.
func awaitNextBase(ctx context.Context, s *site, t hbase.TableName, runKey, prefix string) error {
	own, err := ownSnapshots(ctx, s, runKey)
	if err != nil {
		return err
	}
	newest := 0
	for _, name := range own {
		if number, ok := strings.CutPrefix(name, prefix); ok {
			if n, err := strconv.Atoi(number); err == nil {
				newest = max(newest, n)
			}
		}
	}
	return s.cluster.AwaitSnapshotSettled(ctx, prefix+strconv.Itoa(newest+1), t)
}

// DropBaseSnapshots deletes the base snapshots of a table on both sides.
func (a *HBase) DropBaseSnapshots(ctx context.Context, in BaseInput) (string, error) {
	defer beat(ctx).end()
	names, err := tableNames([]string{in.Table})
	if err != nil {
		return "", err
	}
	total := 0
	for _, name := range []string{in.Source, in.Target} {
		s, err := a.sites.get(name)
		if err != nil {
			return "", err
		}
		n, err := dropBases(ctx, s, names[0], in.RunKey, "")
		if err != nil {
			return "", err
		}
		total += n
	}
	if total == 0 {
		return "", nil
	}
	return fmt.Sprintf("deleted %d base snapshots of %s", total, in.Table), nil
}

// verification is a comparison that can be taken up again.
type verification struct {
	source, target compare.Side
	compare        func(context.Context, compare.KeyRange) (compare.RangeResult, error)
	pulse          *pulse

	mu   sync.Mutex
	mark verifyCheckpoint
}

// prove compares what is left. Replication may have been away for longer than
// settle: once it has caught up, which drained waits for, what was not found
// equal is compared again, and a row that still differs really does.
func (v *verification) prove(ctx context.Context, parallel int, drained func(context.Context) error) (compare.Result, error) {
	res, err := v.run(ctx, parallel)
	if err != nil || res.Verdict == compare.Match {
		return res, err
	}
	if err := drained(ctx); err != nil {
		return compare.Result{}, err
	}
	v.again()
	return v.run(ctx, parallel)
}

func (v *verification) run(ctx context.Context, parallel int) (compare.Result, error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, parallel))
	for _, r := range v.left() {
		g.Go(func() error {
			res, err := v.compare(ctx, r)
			if err == nil {
				v.done(res)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return compare.Result{}, err
	}
	slices.SortFunc(v.mark.Compared, func(a, b compare.RangeResult) int { return bytes.Compare(a.Start, b.Start) })
	return compare.Combine(v.mark.Compared, toldDifferences), nil
}

// resume reads what an earlier attempt has compared, or plans anew.
func (v *verification) resume(ctx context.Context) error {
	if activity.IsActivity(ctx) && activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &v.mark); err == nil && len(v.mark.Plan) > 0 {
			v.show(v.what())
			return nil
		}
	}
	plan, err := compare.Plan(ctx, v.source, v.target)
	if err != nil {
		return err
	}
	v.mark = verifyCheckpoint{Plan: bounded(plan), Progress: Progress{Unit: "ranges"}}
	v.mark.Total = int64(len(v.mark.Plan))
	v.show(v.what())
	return nil
}

// what is what the beats say while ranges are compared.
func (v *verification) what() string { return "compare " + v.source.Table.String() }

// show beats the checkpoint from now on, under the name of what is being done.
func (v *verification) show(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mark.Name, v.mark.Done = name, int64(len(v.mark.Compared))
	shown := v.mark
	shown.Compared = slices.Clone(v.mark.Compared)
	v.pulse.show(shown)
}

// drain shows what a drain proof waits for, and keeps what was compared.
func (v *verification) drain(d hbase.DrainProgress) { v.show(drainName(d)) }

// bounded joins neighbouring ranges until a checkpoint of them is small enough.
func bounded(ranges []compare.KeyRange) []compare.KeyRange {
	for n := maxRanges; ; n /= 2 {
		joined, borders := grouped(ranges, n), 0
		for _, r := range joined {
			borders += len(r.Start)
		}
		if n == 1 || borders <= maxBorders {
			return joined
		}
	}
}

// grouped joins neighbouring ranges until there are at most n.
func grouped(ranges []compare.KeyRange, n int) []compare.KeyRange {
	per := (len(ranges) + n - 1) / n
	if per <= 1 {
		return ranges
	}
	var out []compare.KeyRange
	for i := 0; i < len(ranges); i += per {
		last := min(i+per, len(ranges)) - 1
		out = append(out, compare.KeyRange{Start: ranges[i].Start, Stop: ranges[last].Stop})
	}
	return out
}

// again forgets the ranges that differed, and those in which more rows did than
// could be read again.
func (v *verification) again() {
	v.mark.Compared = slices.DeleteFunc(v.mark.Compared, func(r compare.RangeResult) bool { return r.Differing > 0 || r.Unsettled > 0 })
}

func (v *verification) left() []compare.KeyRange {
	done := map[string]bool{}
	for _, r := range v.mark.Compared {
		done[string(r.Start)] = true
	}
	var left []compare.KeyRange
	for _, r := range v.mark.Plan {
		if !done[string(r.Start)] {
			left = append(left, r)
		}
	}
	return left
}

func (v *verification) done(r compare.RangeResult) {
	v.mu.Lock()
	r.Differences = v.name(r.Differences)
	v.mark.Compared = append(v.mark.Compared, r)
	v.mu.Unlock()
	v.show(v.what())
}

// name keeps of a range's differences what a result tells, while the ranges
// together have not named as many as it may.
func (v *verification) name(ds []compare.Difference) []compare.Difference {
	room := toldDifferences
	for _, r := range v.mark.Compared {
		room -= len(r.Differences)
	}
	var named []compare.Difference
	for _, d := range ds[:min(len(ds), max(0, room))] {
		named = append(named, compare.Difference{Row: briefKey(d.Row), Kind: d.Kind, CellCount: d.CellCount})
	}
	return named
}

// told puts differing rows into words.
func told(ds []compare.Difference) []string {
	var out []string
	for _, d := range ds {
		out = append(out, fmt.Sprintf("row %s: %s, %d cells", briefKey(d.Row), d.Kind, d.CellCount))
	}
	return out
}

// briefKey is the beginning of a long row key, followed by three dots.
func briefKey(k compare.Key) compare.Key {
	if len(k) <= toldKey {
		return k
	}
	return append(slices.Clone(k[:toldKey]), "..."...)
}

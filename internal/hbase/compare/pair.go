package compare

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"drover/internal/hbase/scan"
)

// tickRows is how many rows pass between two reports of progress.
const tickRows = 50_000

// Pair is the two tables of a comparison. It remembers where their regions are,
// so use one for all ranges; many goroutines may.
type Pair struct {
	source, target *scan.Table
}

// NewPair asks nobody anything yet.
func NewPair(source, target Side) Pair {
	return Pair{source: source.scannable(), target: target.scannable()}
}

// Range compares one range: the unit that a caller with checkpoints repeats.
func (p Pair) Range(ctx context.Context, r KeyRange, opts Options) (RangeResult, error) {
	return p.keyRange(ctx, r, opts.withDefaults(), func(rows, bytes int64) {
		if opts.Progress != nil {
			opts.Progress(Progress{Ranges: 1, Rows: rows, Bytes: bytes})
		}
	})
}

// ranges compares opts.Ranges, several at a time, and combines the results in
// the order of the ranges. Ranges that were done when another failed count.
func (p Pair) ranges(ctx context.Context, opts Options) (Result, error) {
	results := make([]*RangeResult, len(opts.Ranges))
	report := newReporter(opts)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(opts.Parallel)
	for i, r := range opts.Ranges {
		g.Go(func() error {
			res, err := p.keyRange(gctx, r, opts, report.forRange())
			if err != nil {
				return err
			}
			results[i] = &res
			report.done()
			return nil
		})
	}
	err := g.Wait()
	var complete []RangeResult
	for _, r := range results {
		if r != nil {
			complete = append(complete, *r)
		}
	}
	out := Combine(complete, opts.MaxDifferences)
	if err != nil && out.Verdict == Match {
		out.Verdict = Unproven
	}
	return out, err
}

// keyRange compares one range. progress gets rows and bytes of the source read
// so far.
func (p Pair) keyRange(ctx context.Context, r KeyRange, opts Options, progress func(rows, bytes int64)) (RangeResult, error) {
	found := newFindings(opts)
	sum := xxh3.New()
	counts, err := p.stream(ctx, scan.Spec{Start: r.Start, Stop: r.Stop}, sum, found.take, progress)
	if err != nil {
		return RangeResult{}, fmt.Errorf("compare %s with %s from %q to %q: %w", p.source.Name(), p.target.Name(), r.Start, r.Stop, err)
	}
	err = found.settle(ctx, func(ctx context.Context, rows [][]byte, differ func(row) error) error {
		_, err := p.rows(ctx, rows, opts.Parallel, differ)
		return err
	})
	if err != nil {
		return RangeResult{}, fmt.Errorf("compare %s with %s again: %w", p.source.Name(), p.target.Name(), err)
	}
	counts.add(found.counts)
	return RangeResult{
		KeyRange: r, Counts: counts, Digest: digestOf(sum),
		Kinds: found.kinds, Differences: found.named,
	}, nil
}

// digestOf names the algorithm, as digests are kept for longer than programs.
func digestOf(sum *xxh3.Hasher) string {
	d := sum.Sum128().Bytes()
	return "xxh3-128:" + hex.EncodeToString(d[:])
}

// stream scans both sides and gives differ every row that differs. sum, if not
// nil, gets the source's stream.
func (p Pair) stream(ctx context.Context, spec scan.Spec, sum io.Writer, differ func(row) error, progress func(rows, bytes int64)) (Counts, error) {
	a, b := p.source.Scan(ctx, spec), p.target.Scan(ctx, spec)
	defer a.Close()
	defer b.Close()
	m := &merger{source: &cursor{stream: a}, target: &cursor{stream: b}, differ: differ}
	if sum != nil {
		m.source.consumed = sum
	}
	var told int64
	m.tick = func() {
		if progress != nil && m.source.rows-told >= tickRows {
			told = m.source.rows
			progress(m.source.rows, m.source.bytes)
		}
	}
	if err := m.run(); err != nil {
		return Counts{}, err
	}
	if progress != nil {
		progress(m.source.rows, m.source.bytes)
	}
	return Counts{
		Rows: m.source.rows, Cells: m.source.cells, Bytes: m.source.bytes,
		TargetRows: m.target.rows, TargetCells: m.target.cells,
		Restarts: a.Restarts() + b.Restarts(),
	}, nil
}

// rows compares the given rows, sorted and without duplicates, on both sides.
func (p Pair) rows(ctx context.Context, rows [][]byte, parallel int, differ func(row) error) (Counts, error) {
	specs, err := p.source.RowSpecs(ctx, rows)
	if err != nil {
		return Counts{}, err
	}
	var mu sync.Mutex
	var total Counts
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, parallel))
	for _, spec := range specs {
		g.Go(func() error {
			counts, err := p.stream(gctx, spec, nil, func(r row) error {
				mu.Lock()
				defer mu.Unlock()
				return differ(r)
			}, nil)
			mu.Lock()
			defer mu.Unlock()
			total.add(counts)
			return err
		})
	}
	return total, g.Wait()
}

// Combine puts the results of ranges together, in the order given. The caller
// answers for their covering the keys that the verdict is meant for.
func Combine(ranges []RangeResult, maxDifferences int) Result {
	out := Result{Ranges: len(ranges), Kinds: map[Kind]int64{}}
	sum := sha256.New()
	for _, r := range ranges {
		out.add(r.Counts)
		for k, n := range r.Kinds {
			out.Kinds[k] += n
		}
		room := max(0, maxDifferences-len(out.Differences))
		out.Differences = append(out.Differences, r.Differences[:min(room, len(r.Differences))]...)
		fmt.Fprintf(sum, "%s\n%s\n%s\n", r.Start, r.Stop, r.Digest)
	}
	out.Digest = hex.EncodeToString(sum.Sum(nil))
	out.Verdict = out.verdict()
	if len(ranges) == 0 {
		out.Verdict = Unproven
	}
	return out
}

// reporter adds up the progress of ranges compared at the same time.
type reporter struct {
	mu  sync.Mutex
	now Progress
	to  func(Progress)
}

func newReporter(opts Options) *reporter {
	return &reporter{now: Progress{Ranges: len(opts.Ranges)}, to: opts.Progress}
}

// forRange gives the callback for one range.
func (r *reporter) forRange() func(rows, bytes int64) {
	if r.to == nil {
		return nil
	}
	var rows, bytes int64
	return func(nowRows, nowBytes int64) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.now.Rows += nowRows - rows
		r.now.Bytes += nowBytes - bytes
		rows, bytes = nowRows, nowBytes
		r.to(r.now)
	}
}

func (r *reporter) done() {
	if r.to == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.RangesDone++
	r.to(r.now)
}

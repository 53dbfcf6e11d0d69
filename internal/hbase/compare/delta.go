package compare

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"drover/internal/storage"
)

// DeltaJob says which tables are proven equal again, and since when.
//
// The proof rests on this order of events, which the caller answers for: the
// base snapshots were taken on both sides; then Tables compared everything and
// found a match; then the source was fenced (READONLY) and replication was
// proven drained. A row that no file newer than the base names, in a region that
// still opens all its files of the base, has not changed since, so that what
// Tables saw of it still holds. All other rows are compared again.
//
// What was in memory when a base snapshot was taken without FLUSH counts as
// newer than the base: that costs time, not truth.
type DeltaJob struct {
	Source, Target Side
	// SourceBase and TargetBase are the base snapshots, each on its own cluster.
	SourceBase, TargetBase string
	// SourceStore and TargetStore are the file systems of the clusters' root
	// directories. A snapshot's metadata is written there, and nothing else.
	SourceStore, TargetStore storage.Store
	// RunKey names the run, in letters that the name of a table may have: the
	// temporary snapshot and table are named after it, so that a repeated attempt
	// removes what an earlier one left.
	RunKey string
	// KeepTemporary leaves the removal of temporary snapshots and tables to a
	// later CleanDelta, as it takes seconds that writers would wait.
	KeepTemporary bool
	// Parallel is how many ranges are compared at a time; 0 means 2.
	Parallel int
	// MaxDifferences bounds how many rows are named; 0 means 100.
	MaxDifferences int
	// CloneAbove is the size in bytes of changed regions from which on it is
	// faster to find the changed rows with the help of a temporary table than to
	// compare those regions in full. 0 means 512 MiB; negative means that speed
	// is never a reason to compare in full.
	CloneAbove int64
}

const (
	// cleanTimeout bounds the removal of temporaries after a failure.
	cleanTimeout      = time.Minute
	defaultCloneAbove = 512 << 20
	// What a comparison costs, measured on the sandbox: cells read per second
	// on both sides together, and a row looked up on its own on both sides. On
	// larger clusters both are better and their ratio is what counts.
	bytesPerSecond = 250 << 20
	rowLookup      = 500 * time.Microsecond
)

// temporary is the name of this job's snapshot and table, the same at every
// attempt; it carries the run's key, as all does that a run leaves.
func (j DeltaJob) temporary() string {
	sum := sha256.Sum256([]byte(j.Source.Table.String()))
	return "drover-" + j.RunKey + "-delta-" + hex.EncodeToString(sum[:8])
}

func (j DeltaJob) withDefaults() DeltaJob {
	j.Parallel = cmp.Or(j.Parallel, 2)
	j.MaxDifferences = cmp.Or(j.MaxDifferences, 100)
	j.CloneAbove = cmp.Or(j.CloneAbove, defaultCloneAbove)
	return j
}

// Step is how long one part of a proof took.
type Step struct {
	Name     string        `json:"name"`
	Duration time.Duration `json:"durationNanos"`
}

// DeltaResult is the outcome of a proof. Counts are of what was compared again.
type DeltaResult struct {
	Verdict Verdict `json:"verdict"`
	Counts
	Kinds       map[Kind]int64 `json:"kinds,omitempty"`
	Differences []Difference   `json:"differences,omitempty"`
	// Ranges counts the key ranges between the region borders of both sides, by
	// what was done with them.
	Ranges RangeCounts `json:"ranges"`
	// NewFiles counts the files newer than the base, Touched the rows they name
	// (only where they had to be looked at).
	NewFiles FileCounts `json:"newFiles"`
	Touched  int64      `json:"touched"`
	Steps    []Step     `json:"steps"`
}

// FileCounts counts files by side.
type FileCounts struct {
	Source int `json:"source"`
	Target int `json:"target"`
}

// RangeCounts counts ranges by how they were proved.
type RangeCounts struct {
	Unchanged int `json:"unchanged"` // same files as at the base on both sides
	ByRow     int `json:"byRow"`     // the rows named by new files were compared
	// The others were compared in full: because a file of the base is gone
	// (compaction, merge) or the schema changed; because that is cheaper than a
	// temporary table; because most of their rows had changed.
	Rewritten int `json:"rewritten"`
	Small     int `json:"small"`
	Dense     int `json:"dense"`
}

// Delta proves that two tables which were equal are equal still. On an error
// the verdict is Unproven unless a difference was found.
func Delta(ctx context.Context, job DeltaJob) (res DeltaResult, err error) {
	job = job.withDefaults()
	sides, err := job.sides()
	if err != nil {
		return DeltaResult{Verdict: Unproven}, err
	}
	d := &deltaRun{job: job, sides: sides, res: DeltaResult{Verdict: Unproven, Kinds: map[Kind]int64{}}}
	if err := d.prove(ctx); err != nil {
		err = fmt.Errorf("prove %s unchanged since snapshot %s: %w", job.Source.Table, job.SourceBase, err)
		if !job.KeepTemporary {
			cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
			defer cancel()
			err = errors.Join(err, CleanDelta(cleaning, job))
		}
		return d.res, err
	}
	d.res.Verdict = d.res.verdict()
	if job.KeepTemporary {
		return d.res, nil
	}
	return d.res, d.step("remove temporary tables and snapshots", func() error { return CleanDelta(ctx, job) })
}

// CleanDelta removes what a Delta with the same RunKey left on either side, if
// anything. It may be repeated and may come before.
func CleanDelta(ctx context.Context, job DeltaJob) error {
	sides, err := job.sides()
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, s := range sides {
		g.Go(func() error { return s.clean(gctx) })
	}
	return g.Wait()
}

func (j DeltaJob) sides() ([2]*deltaSide, error) {
	source := &deltaSide{Side: j.Source, store: j.SourceStore, base: j.SourceBase, temporary: j.temporary()}
	target := &deltaSide{Side: j.Target, store: j.TargetStore, base: j.TargetBase, temporary: j.temporary()}
	for _, s := range []*deltaSide{source, target} {
		root, err := url.Parse(s.Cluster.Config().RootDir)
		if err != nil || root.Path == "" {
			return [2]*deltaSide{}, fmt.Errorf("root directory %q of the cluster of %s is no hdfs://host:port/path", s.Cluster.Config().RootDir, s.Table)
		}
		s.root = root.Path
	}
	return [2]*deltaSide{source, target}, nil
}

// deltaRun is one proof under way.
type deltaRun struct {
	job   DeltaJob
	sides [2]*deltaSide
	cuts  []*stretch
	res   DeltaResult
}

func (d *deltaRun) prove(ctx context.Context) error {
	if err := d.step("remove what an earlier attempt left", func() error { return CleanDelta(ctx, d.job) }); err != nil {
		return err
	}
	if err := d.step("ask which files are open and compare the lists", func() error {
		return d.both(func(s *deltaSide) error { return s.look(ctx) })
	}); err != nil {
		return err
	}
	d.res.NewFiles = FileCounts{Source: d.sides[0].newFiles(), Target: d.sides[1].newFiles()}
	d.cuts = stretches(d.sides, d.job.CloneAbove < 0)
	d.settleSmall()
	var rows [][]byte
	if d.count(byRow) > 0 {
		var err error
		if rows, err = d.findRows(ctx); err != nil {
			return err
		}
	}
	d.res.Ranges = RangeCounts{
		Unchanged: d.count(unchanged), ByRow: d.count(byRow),
		Rewritten: d.count(rewritten), Small: d.count(small), Dense: d.count(dense),
	}
	return d.step("compare what changed", func() error { return d.compare(ctx, rows) })
}

// settleSmall decides to compare changed regions in full where they are so
// small that a temporary table would take longer.
func (d *deltaRun) settleSmall() {
	var bytes int64
	for _, c := range d.cuts {
		if c.how == byRow {
			bytes += c.bytes
		}
	}
	if bytes > d.job.CloneAbove {
		return
	}
	for _, c := range d.cuts {
		if c.how == byRow {
			c.how = small
		}
	}
}

// findRows learns which rows the new files name, and decides to compare a range
// in full where they are so many that this is cheaper.
func (d *deltaRun) findRows(ctx context.Context) ([][]byte, error) {
	err := d.step("clone new files as temporary tables", func() error {
		return d.both(func(s *deltaSide) error { return s.clone(ctx, d.cuts) })
	})
	if err != nil {
		return nil, err
	}
	var rows [][]byte
	err = d.step("find touched rows", func() error {
		if err := d.both(func(s *deltaSide) error { return s.touched(ctx, d.cuts) }); err != nil {
			return err
		}
		for i, c := range d.cuts {
			if c.how != byRow {
				continue
			}
			touched := union(d.sides[0].rows[i], d.sides[1].rows[i])
			if len(touched) > c.affordable() {
				c.how = dense
				continue
			}
			rows = append(rows, touched...)
		}
		d.res.Touched = int64(len(rows))
		return nil
	})
	return rows, err
}

// compare reads the ranges to be compared in full, and the rows, on both sides.
func (d *deltaRun) compare(ctx context.Context, rows [][]byte) error {
	p := NewPair(d.job.Source, d.job.Target)
	found := newFindings(Options{MaxDifferences: d.job.MaxDifferences})
	if len(rows) > 0 {
		counts, err := p.rows(ctx, rows, d.job.Parallel, found.take)
		counts.add(found.counts)
		d.add(counts, found.kinds, found.named)
		if err != nil {
			return err
		}
	}
	opts := Options{Parallel: d.job.Parallel, MaxDifferences: d.job.MaxDifferences}
	for _, c := range d.cuts {
		if c.how.full() {
			opts.Ranges = append(opts.Ranges, c.KeyRange)
		}
	}
	if len(opts.Ranges) == 0 {
		return nil
	}
	res, err := p.ranges(ctx, opts)
	d.add(res.Counts, res.Kinds, res.Differences)
	return err
}

func (d *deltaRun) add(counts Counts, kinds map[Kind]int64, named []Difference) {
	d.res.add(counts)
	for k, n := range kinds {
		d.res.Kinds[k] += n
	}
	room := max(0, d.job.MaxDifferences-len(d.res.Differences))
	d.res.Differences = append(d.res.Differences, named[:min(room, len(named))]...)
	if d.res.Differing > 0 {
		d.res.Verdict = Differ
	}
}

func (d *deltaRun) count(h how) int {
	n := 0
	for _, c := range d.cuts {
		if c.how == h {
			n++
		}
	}
	return n
}

// both does the same on both sides at once.
func (d *deltaRun) both(do func(*deltaSide) error) error {
	var g errgroup.Group
	for _, s := range d.sides {
		g.Go(func() error { return do(s) })
	}
	return g.Wait()
}

func (d *deltaRun) step(name string, do func() error) error {
	start := time.Now()
	err := do()
	d.res.Steps = append(d.res.Steps, Step{Name: name, Duration: time.Since(start)})
	return err
}

// union merges two sorted lists of rows without duplicates.
func union(a, b [][]byte) [][]byte {
	out := slices.Concat(a, b)
	slices.SortFunc(out, compareKeys)
	return slices.CompactFunc(out, func(x, y []byte) bool { return compareKeys(x, y) == 0 })
}

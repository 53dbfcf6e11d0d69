// Package compare proves two tables equal, or names the rows that differ.
//
// Equal means: every cell of every version that a reader can see, on both
// sides, byte for byte. The streams of package scan are compared as they come;
// cells are looked at one by one only where the streams differ. A stream that
// ends early is an error and never a match.
//
// Tables compares everything. Delta proves again, at the price of what changed,
// that tables compared before are still equal.
package compare

import (
	"context"
	"time"

	"drover/internal/hbase"
	"drover/internal/hbase/scan"
)

// Verdict is the outcome of a comparison.
type Verdict string

// The verdicts.
const (
	Match    Verdict = "match"    // every cell was compared and none differs
	Differ   Verdict = "differ"   // at least one row differs
	Unproven Verdict = "unproven" // not everything was compared, and what was does not differ
)

// Side is one of the two tables. In a pair the source comes first: differences
// are told as what the target lacks or has too much.
type Side struct {
	Cluster *hbase.Cluster
	Table   hbase.TableName
}

func (s Side) scannable() *scan.Table { return scan.Cluster(s.Cluster, s.Table) }

// KeyRange is a range of row keys, [Start, Stop). An empty Start is the first
// key, an empty Stop the end.
type KeyRange struct {
	Start Key `json:"start"`
	Stop  Key `json:"stop"`
}

// Options say how a comparison is run. The zero value is usable.
type Options struct {
	// Ranges to compare; nil means those of Plan, which cover the whole table.
	// Other ranges compare less: the caller answers for their covering the keys.
	Ranges []KeyRange
	// Parallel is how many ranges are compared at a time; 0 means 2. Each takes
	// up to 16 MB.
	Parallel int
	// MaxDifferences bounds how many rows are named; 0 means 100. All are
	// counted.
	MaxDifferences int
	// Settle is for tables that are being written to: a row that differs is
	// read again on both sides, with growing pauses, and counts as different
	// only if the same cells still differ after this time. It should be at least
	// twice the replication lag. 0 means the tables are at rest.
	Settle time.Duration
	// Progress, if set, is called now and then, from one goroutine at a time.
	Progress func(Progress)
}

func (o Options) withDefaults() Options {
	if o.Parallel <= 0 {
		o.Parallel = 2
	}
	if o.MaxDifferences <= 0 {
		o.MaxDifferences = 100
	}
	return o
}

// Progress is how far a comparison has come.
type Progress struct {
	Ranges, RangesDone int
	Rows, Bytes        int64 // of the source
}

// Counts are what a comparison read and found. Rows, Cells and Bytes are the
// source's; bytes are those of the cells as sent, keys included.
type Counts struct {
	Rows        int64 `json:"rows"`
	Cells       int64 `json:"cells"`
	Bytes       int64 `json:"bytes"`
	TargetRows  int64 `json:"targetRows"`
	TargetCells int64 `json:"targetCells"`
	// Differing counts the rows that differ, named or not.
	Differing int64 `json:"differing"`
	// Settled counts the rows that differed at first and became equal.
	Settled int64 `json:"settled"`
	// Newer counts the rows whose first differences went away but which were
	// written to again meanwhile and differed anew when last read.
	Newer int64 `json:"newer"`
	// Unsettled counts the rows that differed but were too many to read again.
	Unsettled int64 `json:"unsettled"`
	// Restarts counts how often a scan was taken up again after an error.
	Restarts int64 `json:"restarts"`
}

func (c *Counts) add(o Counts) {
	c.Rows += o.Rows
	c.Cells += o.Cells
	c.Bytes += o.Bytes
	c.TargetRows += o.TargetRows
	c.TargetCells += o.TargetCells
	c.Differing += o.Differing
	c.Settled += o.Settled
	c.Newer += o.Newer
	c.Unsettled += o.Unsettled
	c.Restarts += o.Restarts
}

func (c Counts) verdict() Verdict {
	switch {
	case c.Differing > 0:
		return Differ
	case c.Unsettled > 0:
		return Unproven
	default:
		return Match
	}
}

// RangeResult is the outcome for one range, complete: it can be kept and
// combined with others by Combine.
type RangeResult struct {
	KeyRange
	Counts
	// Digest is the XXH3-128 of the source's stream, in hex, after "xxh3-128:".
	// It names what was compared; the comparison itself is of the bytes. SHA-256
	// would cost more than all the rest of the client does.
	Digest      string         `json:"digest"`
	Kinds       map[Kind]int64 `json:"kinds,omitempty"` // differing rows by kind
	Differences []Difference   `json:"differences,omitempty"`
}

// Result is the outcome for a table.
type Result struct {
	Verdict Verdict `json:"verdict"`
	Counts
	// Ranges is how many ranges were compared.
	Ranges int `json:"ranges"`
	// Digest is the SHA-256 over borders and digests of the ranges in order. It
	// is comparable between runs over the same ranges only.
	Digest      string         `json:"digest"`
	Kinds       map[Kind]int64 `json:"kinds,omitempty"`
	Differences []Difference   `json:"differences,omitempty"`
}

// Tables compares two tables. On an error the result says what was compared so
// far and its verdict is Differ or Unproven.
func Tables(ctx context.Context, source, target Side, opts Options) (Result, error) {
	opts = opts.withDefaults()
	if opts.Ranges == nil {
		ranges, err := Plan(ctx, source, target)
		if err != nil {
			return Result{Verdict: Unproven}, err
		}
		opts.Ranges = ranges
	}
	return NewPair(source, target).ranges(ctx, opts)
}

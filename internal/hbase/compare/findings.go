package compare

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/cespare/xxhash/v2"

	"drover/internal/hbase/scan"
	"drover/internal/pause"
)

// maxSuspects bounds the rows of one range that are remembered to be read
// again: about 30 MB. A table that differs in more is not settling.
const maxSuspects = 100_000

// findings gathers the rows of one range that differ.
type findings struct {
	opts     Options
	counts   Counts // Differing, Settled, Newer, Unsettled
	kinds    map[Kind]int64
	named    []Difference
	suspects map[string]*suspect
}

// suspect is a row of a table in use that differed when it was first read.
type suspect struct {
	// cells are the fingerprints of the cells that have differed at every
	// reading so far. Once none is left, the first difference was on its way.
	cells map[uint64]bool
	last  Difference
	seen  bool // in the reading under way
}

func newFindings(opts Options) *findings {
	return &findings{opts: opts, kinds: map[Kind]int64{}, suspects: map[string]*suspect{}}
}

// take is given each row that differs at the first reading.
func (f *findings) take(r row) error {
	devs := r.diff()
	if len(devs) == 0 {
		return fmt.Errorf("row %q: the streams differ but no cell does", r.key)
	}
	if f.opts.Settle == 0 {
		f.report(r.describe(devs))
		return nil
	}
	if len(f.suspects) >= maxSuspects {
		f.counts.Unsettled++
		return nil
	}
	f.suspects[string(r.key)] = &suspect{cells: fingerprints(devs), last: r.describe(devs)}
	return nil
}

// report counts a row as different, and names it while there is room.
func (f *findings) report(d Difference) {
	f.counts.Differing++
	f.kinds[d.Kind]++
	if len(f.named) < f.opts.MaxDifferences {
		f.named = append(f.named, d)
	}
}

// reread compares the given rows, sorted, on both sides once more and gives
// differ those that differ.
type reread func(ctx context.Context, rows [][]byte, differ func(row) error) error

// settle reads the suspects again until each is equal, differs in other cells
// than before, or has differed in the same cells for all of opts.Settle.
func (f *findings) settle(ctx context.Context, read reread) error {
	if len(f.suspects) == 0 {
		return nil
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 50*time.Millisecond, 2*time.Second
	end := time.Now().Add(f.opts.Settle)
	for len(f.suspects) > 0 {
		left := time.Until(end)
		if left <= 0 {
			break
		}
		if err := pause.For(ctx, min(left, wait.NextBackOff())); err != nil {
			return err
		}
		if err := f.again(ctx, read); err != nil {
			return err
		}
	}
	for _, key := range f.sorted() {
		f.report(f.suspects[string(key)].last)
	}
	return nil
}

// again reads every suspect once more and drops those that are cleared.
func (f *findings) again(ctx context.Context, read reread) error {
	for _, s := range f.suspects {
		s.seen = false
	}
	err := read(ctx, f.sorted(), func(r row) error {
		s := f.suspects[string(r.key)]
		if s == nil {
			return fmt.Errorf("row %q was not asked for", r.key)
		}
		s.seen = true
		devs := r.diff()
		s.keep(fingerprints(devs))
		if len(devs) > 0 {
			s.last = r.describe(devs)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for key, s := range f.suspects {
		switch {
		case !s.seen:
			f.counts.Settled++
		case len(s.cells) == 0:
			f.counts.Newer++
		default:
			continue
		}
		delete(f.suspects, key)
	}
	return nil
}

func (f *findings) sorted() [][]byte {
	keys := make([][]byte, 0, len(f.suspects))
	for k := range f.suspects {
		keys = append(keys, []byte(k))
	}
	slices.SortFunc(keys, bytes.Compare)
	return keys
}

// keep drops the cells that do not differ any more.
func (s *suspect) keep(now map[uint64]bool) {
	for c := range s.cells {
		if !now[c] {
			delete(s.cells, c)
		}
	}
}

// fingerprints identifies each deviation by what each side has.
func fingerprints(devs []deviation) map[uint64]bool {
	out := make(map[uint64]bool, len(devs))
	for _, d := range devs {
		h := xxhash.New()
		for _, c := range []scan.Cell{d.source, d.target} {
			// The length parts the two; a hash never fails.
			_, _ = fmt.Fprintf(h, "%d:", len(c))
			_, _ = h.Write(c)
		}
		out[h.Sum64()] = true
	}
	return out
}

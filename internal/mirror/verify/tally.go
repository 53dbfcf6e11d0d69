package verify

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"drover/internal/report"
)

// progressEvery bounds how often Progress is called.
const progressEvery = 200 * time.Millisecond

// tally gathers the result from all goroutines of a comparison.
type tally struct {
	opt Options

	mu     sync.Mutex
	result Result
	told   time.Time
}

func newTally(opt Options) *tally {
	return &tally{opt: opt, result: Result{Kinds: map[Kind]int64{}}}
}

// compared counts an entry that both sides have, with what differs in it.
func (t *tally) compared(e entry, differences []Difference) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.kind == dir {
		t.result.Dirs++
	} else {
		t.result.Files++
		t.result.Bytes += e.size
	}
	t.differ(differences)
	t.progress(e.rel, false)
}

// lone counts an entry that only one side has.
func (t *tally) lone(d Difference) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.differ([]Difference{d})
	t.progress(d.Path, false)
}

// gap counts an entry that could not be compared.
func (t *tally) gap(g Gap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Unproven++
	t.result.Gaps = keepFirst(t.result.Gaps, g, t.opt.Max, func(a, b Gap) int { return cmp.Compare(a.Path, b.Path) })
	t.progress(g.Path, false)
}

// proved counts how the bytes of a file were found equal, and what was read for
// that or in vain.
func (t *tally) proved(p Proof) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Proof.Empty += p.Empty
	t.result.Proof.Checksum += p.Checksum
	t.result.Proof.Composite += p.Composite
	t.result.Proof.Read += p.Read
	t.result.Proof.BytesRead += p.BytesRead
}

// differ counts the differences of one path; the caller holds mu.
func (t *tally) differ(differences []Difference) {
	counted := false
	for _, d := range differences {
		if slices.Contains(t.opt.Ignore, d.Kind) {
			continue
		}
		if !counted {
			t.result.Differing++
			counted = true
		}
		t.result.Kinds[d.Kind]++
		t.result.Differences = keepFirst(t.result.Differences, d, t.opt.Max, func(a, b Difference) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind))
		})
		if t.opt.Found != nil {
			t.opt.Found(d)
		}
	}
}

// progress tells how far it is, not too often; the caller holds mu.
func (t *tally) progress(path string, always bool) {
	if t.opt.Progress == nil || (!always && time.Since(t.told) < progressEvery) {
		return
	}
	t.told = time.Now()
	r := &t.result
	t.opt.Progress(Progress{Files: r.Files, Dirs: r.Dirs, Bytes: r.Bytes, Differing: r.Differing, Unproven: r.Unproven, Path: path})
}

// end judges what was gathered.
func (t *tally) end() Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress("", true)
	r := t.result
	switch {
	case r.Differing > 0:
		r.Verdict = report.Differ
	case r.Unproven > 0, t.opt.NoContent, len(t.opt.Ignore) > 0 && ignoresBytes(t.opt.Ignore):
		r.Verdict = report.Unproven
	default:
		r.Verdict = report.Match
	}
	return r
}

// ignoresBytes reports whether differences were left out without which two
// trees do not hold the same files.
func ignoresBytes(ignore []Kind) bool {
	return slices.ContainsFunc([]Kind{Missing, Extra, Type, Size, Content, Link}, func(k Kind) bool {
		return slices.Contains(ignore, k)
	})
}

// keepFirst inserts v into a sorted list of at most limit elements, so that
// which ones are kept does not depend on the order of their coming.
func keepFirst[T any](list []T, v T, limit int, compare func(a, b T) int) []T {
	at, _ := slices.BinarySearchFunc(list, v, compare)
	if at == limit {
		return list
	}
	if len(list) == limit {
		list = list[:limit-1]
	}
	return slices.Insert(list, at, v)
}

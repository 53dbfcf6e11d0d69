//go:build cluster

package apply_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/plan/plantest"
)

// TestTheModelReportsWhatANameNodeReports mutates a real tree at random and
// compares both calls' reports, in both directions and over one and more
// snapshots, with what plantest says of the same snapshots.
func TestTheModelReportsWhatANameNodeReports(t *testing.T) {
	r := open(t, "a")
	for seed := range uint64(6) {
		w := newWalk(r, seed)
		for n := range 8 {
			w.mutate(1 + w.rng.IntN(12))
			r.snapshot(w.root, fmt.Sprint("s", n))
		}
		for a := range 8 {
			for b := a + 1; b < min(8, a+3); b++ {
				from, to := fmt.Sprint("s", a), fmt.Sprint("s", b)
				older, newer := r.tree(w.root+"/.snapshot/"+from), r.tree(w.root+"/.snapshot/"+to)
				want := plantest.Difference(older, newer)
				for name, ask := range map[string]func() (plan.Diff, error){
					"listing":  func() (plan.Diff, error) { return diff.Between(t.Context(), r.nn, w.root, from, to) },
					"one shot": func() (plan.Diff, error) { return diff.OneShot(t.Context(), r.nn, w.root, from, to) },
				} {
					got, err := ask()
					r.must(err)
					if d := reportsDiffer(got.Changes, want, older); d != "" {
						t.Errorf("seed %d %s %s..%s: %s\n%s", seed, name, from, to, d, strings.Join(w.logs[b], "\n"))
					}
				}
				for name, ask := range map[string]func() (plan.Diff, error){
					"listing back":  func() (plan.Diff, error) { return diff.Between(t.Context(), r.nn, w.root, to, from) },
					"one shot back": func() (plan.Diff, error) { return diff.OneShot(t.Context(), r.nn, w.root, to, from) },
				} {
					got, err := ask()
					r.must(err)
					if !got.Backward {
						t.Errorf("%s %s..%s is not backward", name, to, from)
					}
					if d := reportsDiffer(got.Changes, plantest.Turned(want), older); d != "" {
						t.Errorf("seed %d %s %s..%s: %s\n%s", seed, name, to, from, d, strings.Join(w.logs[b], "\n"))
					}
				}
			}
		}
	}
}

// walk is a random walk of one real tree and its double.
type walk struct {
	r    *rig
	rng  *rand.Rand
	fs   *plantest.FS
	top  string
	root string // of the tree that is snapshotted
	logs [][]string
}

func newWalk(r *rig, seed uint64) *walk {
	w := &walk{r: r, rng: rand.New(rand.NewPCG(seed, 44)), fs: plantest.New(), top: fmt.Sprint("walk", seed)}
	w.root = r.allow(w.top + "/tree")
	r.must(r.nn.Mkdirs(r.t.Context(), r.dir+"/"+w.top+"/out", 0o755, true))
	r.must(w.fs.Mkdir(w.top))
	r.must(w.fs.Mkdir(w.top + "/tree"))
	r.must(w.fs.Mkdir(w.top + "/out"))
	return w
}

func (w *walk) mutate(n int) {
	w.r.t.Helper()
	var log []string
	for range n {
		m := plantest.Random(w.rng, w.fs, w.top+"/tree", w.top+"/tree", w.top+"/out")
		log = append(log, m.String())
		w.r.must(w.r.mutate(w.fs, m))
		w.r.must(w.fs.Do(m))
	}
	w.logs = append(w.logs, log)
}

// reportsDiffer compares reports as sets. A directory that only the NameNode
// calls modified is no difference: it compares attributes in a way that may see
// a change where none is left.
func reportsDiffer(got, want []plan.Change, older *plantest.Node) string {
	line := func(c plan.Change) string { return fmt.Sprintf("%s %q %q", c.Kind, c.Path, c.Target) }
	var missing, extra []string
	has := func(in []plan.Change, c plan.Change) bool {
		return slices.ContainsFunc(in, func(o plan.Change) bool { return line(o) == line(c) })
	}
	for _, c := range want {
		if !has(got, c) {
			missing = append(missing, line(c))
		}
	}
	for _, c := range got {
		seen := c.Kind == plan.Modified && older.Find(c.Path).Dir
		if !seen && !has(want, c) {
			extra = append(extra, line(c))
		}
	}
	if len(missing)+len(extra) == 0 {
		return ""
	}
	return fmt.Sprintf("missing %v, extra %v", missing, extra)
}

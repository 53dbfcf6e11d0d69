//go:build cluster

package copy_test

import (
	"context"
	"testing"

	mirror "drover/internal/mirror/copy"
	"drover/internal/mirror/tree"
	"drover/internal/mirror/verify"
	"drover/internal/report"
)

// TestAPolicyFromOutsideIsNotPinned: the tree lies in a directory with a storage
// policy, its copy does not. What has one of its own keeps it.
func TestAPolicyFromOutsideIsNotPinned(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	outside := w.src.Root
	w.must(w.src.NN.Mkdirs(ctx, outside+"/t/d", 0o755, true))
	w.must(w.src.NN.SetStoragePolicy(ctx, outside, "ONE_SSD"))
	w.src.Root += "/t"
	w.must(w.src.NN.SetStoragePolicy(ctx, w.src.Path("d"), "WARM"))
	for _, f := range []string{"f", "d/f", "d/own"} {
		w.put(w.src, f, data(1, 100))
	}
	w.must(w.src.NN.SetStoragePolicy(ctx, w.src.Path("d/own"), "ONE_SSD"))
	copyAll := func() {
		t.Helper()
		var dirs, files []tree.Entry
		_, err := tree.List(ctx, w.src, tree.ListOptions{Attributes: true}, func(e tree.Entry) error {
			if e.IsDir() {
				dirs = append(dirs, e)
			} else {
				files = append(files, e)
			}
			return nil
		})
		w.must(err)
		w.must(mirror.Directories(ctx, w.dst, dirs, everything()))
		_, err = mirror.Files(ctx, w.src, w.dst, files, everything())
		w.must(err)
		w.must(mirror.FinishDirectories(ctx, w.dst, dirs, everything()))
	}
	copyAll()
	for p, want := range map[string]byte{"": 0, "f": 0, "d": 5, "d/f": 5, "d/own": 10} {
		st, err := w.dst.NN.Stat(ctx, w.dst.Path(p))
		w.must(err)
		if st.StoragePolicy != want {
			t.Errorf("%q has policy %d in force at the target, want %d", p, st.StoragePolicy, want)
		}
	}
	w.verdict(ctx, report.Match)

	// Pinned by an earlier copy, say: found, and taken away by another.
	w.must(w.dst.NN.SetStoragePolicy(ctx, w.dst.Path("f"), "ONE_SSD"))
	w.verdict(ctx, report.Differ)
	copyAll()
	w.verdict(ctx, report.Match)
}

func (w *world) verdict(ctx context.Context, want report.Verdict) {
	w.t.Helper()
	res, err := verify.Trees(ctx, w.src, w.dst, verify.Options{Metadata: true})
	w.must(err)
	if res.Verdict != want {
		w.t.Errorf("verdict %s, %v, want %s", res.Verdict, res.Differences, want)
	}
}

// TestAPolicyIsNoPartOfASnapshot is why rounds do not compare policies.
func TestAPolicyIsNoPartOfASnapshot(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(w.src, "f", nil)
	w.must(w.src.NN.AllowSnapshot(ctx, w.src.Root))
	_, err := w.src.NN.CreateSnapshot(ctx, w.src.Root, "s1")
	w.must(err)
	w.must(w.src.NN.SetStoragePolicy(ctx, w.src.Path("f"), "WARM"))
	if e := w.stat(w.src.At("s1"), "f"); e.Policy != 5 {
		t.Errorf("the snapshot tells policy %d, want the present one", e.Policy)
	}
}

package diff_test

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"drover/internal/hadoop/namenode"
	"drover/internal/manifest"
	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
)

// much answers a listing with a thousand changes of one kind in each of its
// directories, made up page by page.
type much struct {
	nameNode
	kind plan.Kind
	dirs int
}

const changedInEach = 1000

func (n much) SnapshotDiffListing(_ context.Context, _, _, _ string, each func(namenode.DiffPage) error) error {
	for d := range n.dirs {
		dir := fmt.Sprintf("warehouse/%s/day=%06d", strings.Repeat("t", 20), d)
		id := uint64(1_000_000 + d)
		page := namenode.DiffPage{FromEarlier: true, Modified: []namenode.DiffListingEntry{{Path: dir, DirID: id, Reference: true, FileID: id}}}
		for f := range changedInEach {
			e := namenode.DiffListingEntry{Path: fmt.Sprintf("%s/part-%05d-c000.snappy.parquet", dir, f), DirID: id, FileID: uint64(2_000_000 + d*changedInEach + f)}
			switch n.kind {
			case plan.Created:
				page.Created = append(page.Created, e)
			case plan.Modified:
				e.DirID = e.FileID
				page.Modified = append(page.Modified, e)
			case plan.Renamed:
				e.Reference, e.HasTarget, e.Target = true, true, e.Path+".old"
				page.Deleted = append(page.Deleted, e)
			case plan.Deleted:
				page.Deleted = append(page.Deleted, e)
			}
		}
		if err := each(page); err != nil {
			return err
		}
	}
	return nil
}

// heap samples how much of it is in use, garbage included, above what there was.
type heap struct {
	base, most int64
	calls      int
}

func (h *heap) now() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if h.base == 0 {
		h.base = int64(m.HeapInuse)
	}
	h.most = max(h.most, int64(m.HeapInuse)-h.base)
}

func (h *heap) sometimes() {
	if h.calls++; h.calls%10_000 == 0 {
		h.now()
	}
}

// written puts a sequence into a manifest and counts it.
func written[T any](t *testing.T, h *heap, name string, items iter.Seq[T]) int64 {
	t.Helper()
	w, err := manifest.Create(filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	for item := range items {
		h.sometimes()
		if err := w.Append(item); err != nil {
			t.Fatal(err)
		}
	}
	s, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return s.Count
}

// TestAMillionChangesArePlannedInLittleMemory: a round's diff of a million
// entries, from the NameNode's pages to the manifests that batches work from; of
// the other kinds a part is enough. Of a rename both paths are held, and looked
// up: about half a kilobyte for each.
func TestAMillionChangesArePlannedInLittleMemory(t *testing.T) {
	for _, c := range []struct {
		kind      plan.Kind
		dirs      int
		mebibytes int64
	}{
		{plan.Created, 1000, 170}, {plan.Modified, 200, 50}, {plan.Deleted, 200, 50}, {plan.Renamed, 50, 70},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			runtime.GC()
			var h heap
			h.now()
			draft := plan.NewDraft("s1", "s2")
			backward, err := diff.Each(t.Context(), &much{kind: c.kind, dirs: c.dirs}, "/data", "s1", "s2", func(c plan.Change) error {
				h.sometimes()
				return draft.Add(c)
			})
			if err != nil {
				t.Fatal(err)
			}
			way, err := draft.Resolve(backward)
			if err != nil {
				t.Fatal(err)
			}
			h.now()
			n := int64(c.dirs * changedInEach)
			want := map[plan.Kind][2]int64{plan.Created: {0, n}, plan.Modified: {0, n}, plan.Deleted: {n + 1, 0}, plan.Renamed: {2*n + 1, 0}}[c.kind]
			want[1] += int64(c.dirs) + 1 // the directories and the root
			if ops, copies := written(t, &h, "ops", way.Ops()), written(t, &h, "copies", way.Copies()); ops != want[0] || copies != want[1] {
				t.Errorf("%d operations, %d copies; want %v", ops, copies, want)
			}
			t.Logf("%d MiB", h.most>>20)
			if h.most > c.mebibytes<<20 {
				t.Errorf("%d MiB of heap for %d changes, want less than %d", h.most>>20, n, c.mebibytes)
			}
		})
	}
}

package diff_test

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"testing"

	"drover/internal/hadoop/namenode"
	"drover/internal/heaptest"
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

// written puts a sequence into a manifest and counts it.
func written[T any](t *testing.T, name string, items iter.Seq[T]) int64 {
	t.Helper()
	w, err := manifest.Create(filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	for item := range items {
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
			var ops, copies int64
			peak := heaptest.Peak(func() {
				draft := plan.NewDraft("s1", "s2")
				backward, err := diff.Each(t.Context(), &much{kind: c.kind, dirs: c.dirs}, "/data", "s1", "s2", draft.Add)
				if err != nil {
					t.Fatal(err)
				}
				way, err := draft.Resolve(backward)
				if err != nil {
					t.Fatal(err)
				}
				ops, copies = written(t, "ops", way.Ops()), written(t, "copies", way.Copies())
			})
			n := int64(c.dirs * changedInEach)
			want := map[plan.Kind][2]int64{plan.Created: {0, n}, plan.Modified: {0, n}, plan.Deleted: {n + 1, 0}, plan.Renamed: {2*n + 1, 0}}[c.kind]
			want[1] += int64(c.dirs) + 1 // the directories and the root
			if ops != want[0] || copies != want[1] {
				t.Errorf("%d operations, %d copies; want %v", ops, copies, want)
			}
			t.Logf("%d MiB", peak>>20)
			if peak > c.mebibytes<<20 {
				t.Errorf("%d MiB of heap for %d changes, want less than %d", peak>>20, n, c.mebibytes)
			}
		})
	}
}

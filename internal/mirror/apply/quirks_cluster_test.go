//go:build cluster

package apply_test

import (
	"fmt"
	"sync"
	"testing"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
)

// TestADirectoryOfManyChangesIsReportedWhole: a NameNode that ends a page within
// the deleted names of a directory resumes among its created ones, and with
// more than a page of deleted names never comes to the end.
func TestADirectoryOfManyChangesIsReportedWhole(t *testing.T) {
	r := open(t, "a")
	for _, c := range []struct{ created, deleted int }{{1500, 700}, {2500, 1200}, {700, 1500}} {
		root := r.allow(fmt.Sprint("many", c.created))
		r.each(c.deleted, func(i int) error { return r.nn.Mkdirs(t.Context(), fmt.Sprint(root, "/old", i), 0o755, false) })
		r.snapshot(root, "s1")
		r.each(c.deleted, func(i int) error {
			_, err := r.nn.Delete(t.Context(), fmt.Sprint(root, "/old", i), true)
			return err
		})
		r.each(c.created, func(i int) error { return r.nn.Mkdirs(t.Context(), fmt.Sprint(root, "/new", i), 0o755, false) })
		r.snapshot(root, "s2")
		pages, entries := 0, 0
		err := r.nn.SnapshotDiffListing(t.Context(), root, "s1", "s2", func(p namenode.DiffPage) error {
			pages++
			entries += len(p.Modified) + len(p.Created) + len(p.Deleted)
			if pages > 50 {
				return fmt.Errorf("page %d", pages)
			}
			return nil
		})
		t.Logf("%+v: the listing gave %d entries on %d pages, %v", c, entries, pages, err)
		d, err := diff.Between(t.Context(), r.nn, root, "s1", "s2")
		r.must(err)
		p, err := plan.Build(d)
		r.must(err)
		if p.Counts.Created != c.created || p.Counts.Deleted != c.deleted {
			t.Errorf("%+v: got %+v", c, p.Counts)
		}
	}
}

// each runs do for 0 to n-1, many at a time.
func (r *rig) each(n int, do func(i int) error) {
	r.t.Helper()
	var all sync.WaitGroup
	errs := make(chan error, n)
	slots := make(chan struct{}, 32)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			errs <- do(i)
			<-slots
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		r.must(err)
	}
}

// TestWhatADifferenceDoesNotShow holds the list in package plan's doc to the
// truth.
func TestWhatADifferenceDoesNotShow(t *testing.T) {
	r := open(t, "a")
	root := r.allow("tree")
	ctx := t.Context()
	for _, name := range []string{"touched", "rewritten", "grown", "replicated", "same"} {
		r.must(r.create(root+"/"+name, 10))
	}
	for _, name := range []string{"dir", "dirTouched"} {
		r.must(r.nn.Mkdirs(ctx, root+"/"+name, 0o755, false))
	}
	r.must(r.nn.SetTimes(ctx, root+"/dir", 1000, -1)) // earlier than any clock says
	r.snapshot(root, "s1")
	r.must(r.nn.SetTimes(ctx, root+"/touched", 1000, 1000))
	r.must(r.truncate(root+"/rewritten", 0))
	r.must(r.grow(root+"/rewritten", 10))
	r.must(r.grow(root+"/grown", 1))
	r.must(r.nn.SetReplication(ctx, root+"/replicated", 2))
	r.must(r.nn.SetTimes(ctx, root+"/dirTouched", 1000, -1))
	// A name put into a directory changes its time in the snapshot too, unless
	// something had the snapshot keep the old attributes before.
	r.must(r.nn.SetTimes(ctx, root+"/dir", 1001, -1))
	r.must(r.nn.Mkdirs(ctx, root+"/dir/made", 0o755, false))
	_, err := r.nn.Delete(ctx, root+"/dir/made", true)
	r.must(err)
	// The traces of a staging directory are none.
	r.must(r.nn.Mkdirs(ctx, root+"/.drover-staging-x", 0o700, false))
	_, err = r.nn.Delete(ctx, root+"/.drover-staging-x", true)
	r.must(err)
	r.snapshot(root, "s2")
	want := []plan.Change{{Kind: plan.Modified, Path: "grown"}, {Kind: plan.Modified, Path: "replicated"}}
	for name, ask := range map[string]func() (plan.Diff, error){
		"listing":  func() (plan.Diff, error) { return diff.Between(ctx, r.nn, root, "s1", "s2") },
		"one shot": func() (plan.Diff, error) { return diff.Between(ctx, r.nn, root, "s1", "") },
	} {
		got, err := ask()
		r.must(err)
		if d := reportsDiffer(got.Changes, want, r.tree(root)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	was, err := r.nn.Stat(ctx, root+"/.snapshot/s1/dir")
	r.must(err)
	is, err := r.nn.Stat(ctx, root+"/dir")
	r.must(err)
	if was.ModTime == is.ModTime {
		t.Error("the directory that was changed and changed back has its old time")
	}
}

package diff_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
)

// nameNode answers a listing with its pages, over and over if endless, or with
// err.
type nameNode struct {
	pages   []namenode.DiffPage
	endless bool
	err     error
	oneShot int
}

func (n *nameNode) Snapshots(context.Context, string) ([]namenode.Snapshot, error) {
	return []namenode.Snapshot{{Name: "b", ID: 4, ModTime: 1}, {Name: "a", ID: 5, ModTime: 2}}, nil
}

func (n *nameNode) SnapshotDiff(context.Context, string, string, string) ([]namenode.DiffEntry, error) {
	n.oneShot++
	return []namenode.DiffEntry{{Kind: 'M'}, {Kind: 'R', Path: "x", Target: "y"}}, nil
}

func (n *nameNode) SnapshotDiffListing(_ context.Context, _, _, _ string, each func(namenode.DiffPage) error) error {
	for {
		for _, p := range n.pages {
			if err := each(p); err != nil {
				return err
			}
		}
		if !n.endless {
			return n.err
		}
	}
}

func TestTheCallThatFits(t *testing.T) {
	page := namenode.DiffPage{
		Modified: []namenode.DiffListingEntry{{DirID: 1, Reference: true, FileID: 1}},
		Created:  []namenode.DiffListingEntry{{Path: "c", DirID: 1, FileID: 2}},
	}
	forth := page
	forth.FromEarlier = true
	for name, c := range map[string]struct {
		nn       *nameNode
		from, to string
		oneShot  int
		backward bool
		changes  int
	}{
		"two snapshots":                 {&nameNode{pages: []namenode.DiffPage{page}}, "a", "b", 0, true, 2},
		"to the current tree":           {&nameNode{}, "a", "", 1, false, 2},
		"back from the current tree":    {&nameNode{}, "", "a", 1, true, 2},
		"a namenode without listing":    {&nameNode{err: errors.ErrUnsupported}, "a", "b", 1, true, 2},
		"a listing that goes in circle": {&nameNode{pages: []namenode.DiffPage{forth}, endless: true}, "b", "a", 1, false, 3},
		"the same twice":                {&nameNode{}, "a", "a", 0, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := diff.Between(t.Context(), c.nn, "/d", c.from, c.to)
			if err != nil {
				t.Fatal(err)
			}
			if c.nn.oneShot != c.oneShot || d.Backward != c.backward || len(d.Changes) != c.changes {
				t.Errorf("asked %d times in one shot, backward %v, %+v; want %d, %v, %d changes", c.nn.oneShot, d.Backward, d.Changes, c.oneShot, c.backward, c.changes)
			}
		})
	}
}

// TestNothingIsToldTwice: what a listing that goes round in a circle told is not
// told again by the call that takes its place.
func TestNothingIsToldTwice(t *testing.T) {
	root := namenode.DiffListingEntry{DirID: 1, Reference: true, FileID: 1}
	moved := namenode.DiffListingEntry{Path: "x", DirID: 1, Reference: true, Target: "y", HasTarget: true, FileID: 3}
	nn := &nameNode{pages: []namenode.DiffPage{{Modified: []namenode.DiffListingEntry{root}, Deleted: []namenode.DiffListingEntry{moved}, FromEarlier: true}}, endless: true}
	var told []string
	_, err := diff.Each(t.Context(), nn, "/d", "b", "a", plan.Once(func(c plan.Change) error {
		told = append(told, c.Kind.String()+c.Path+" "+c.Target)
		return nil
	}))
	if want := []string{"M ", "Rx y"}; err != nil || nn.oneShot != 1 || !slices.Equal(told, want) {
		t.Errorf("told %q %v, asked %d times in one shot; want %q and 1", told, err, nn.oneShot, want)
	}
}

// TestWhoeverIsToldEndsIt: an error of the caller's own is not taken for one of
// the NameNode, which another call might answer.
func TestWhoeverIsToldEndsIt(t *testing.T) {
	nn := &nameNode{pages: []namenode.DiffPage{{Modified: []namenode.DiffListingEntry{{DirID: 1, FileID: 1}}}}}
	enough := fmt.Errorf("enough: %w", errors.ErrUnsupported)
	_, err := diff.Each(t.Context(), nn, "/d", "b", "a", func(plan.Change) error { return enough })
	if !errors.Is(err, enough) || nn.oneShot != 0 {
		t.Errorf("got %v, asked %d times in one shot; want %v and none", err, nn.oneShot, enough)
	}
}

func TestASnapshotThatIsMissingIsNamed(t *testing.T) {
	if _, err := diff.OneShot(t.Context(), &nameNode{}, "/d", "a", "z"); err == nil {
		t.Error("no error")
	}
}

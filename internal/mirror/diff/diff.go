// Package diff asks a NameNode what changed between two snapshots of a tree, by
// the call that fits, and gives it as package plan reads it.
//
// Two named snapshots are compared by the paged listing
// (getSnapshotDiffReportListing), whose answers are bounded and which tells
// directories from files. The one-shot call (getSnapshotDiffReport) serves where
// one side is the current tree, which would change between pages; where the
// NameNode is older than the listing (Hadoop 3.1); and where the listing brings
// nothing new: in the first versions of SnapshotDiffListingInfo.addDirDiff, as
// read, a page cut within the deleted names of a directory that has more created
// ones is resumed in the wrong list, which sends names twice and may go round in
// a circle. Hadoop 3.4.2 does not (tested).
//
// For a NameNode that answers neither there is the text of its own command, Tool;
// it is believed as far as Prove can look it up.
package diff

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/plan"
)

// NameNode are the calls of namenode.Client that are needed.
type NameNode interface {
	Snapshots(ctx context.Context, dir string) ([]namenode.Snapshot, error)
	SnapshotDiff(ctx context.Context, dir, from, to string) ([]namenode.DiffEntry, error)
	SnapshotDiffListing(ctx context.Context, dir, from, to string, each func(namenode.DiffPage) error) error
}

// lister tells which snapshots there are.
type lister interface {
	Snapshots(ctx context.Context, dir string) ([]namenode.Snapshot, error)
}

// errCircle ends a listing that brings nothing new.
var errCircle = errors.New("the listing of the difference goes round in a circle")

// Each calls each with every change in the tree at root from one snapshot to
// another, as soon as the NameNode told it; "" is the current tree. The
// snapshots may be given in either order of age: backward reports that from is
// the later one. What is kept meanwhile is small, see plan.Assembler; the
// one-shot call is one answer, and held whole. A change may be told twice, by the
// NameNodes of the package's comment: plan.Once is for those whom it troubles.
func Each(ctx context.Context, nn NameNode, root, from, to string, each func(plan.Change) error) (backward bool, err error) {
	if from == to {
		return false, nil
	}
	var refused error // by each, whatever it wraps
	tell := func(c plan.Change) error {
		refused = each(c)
		return refused
	}
	if from != "" && to != "" {
		earlier, err := listing(ctx, nn, root, from, to, tell)
		if refused != nil || !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, errCircle) {
			return !earlier, err
		}
	}
	return oneShot(ctx, nn, root, from, to, tell)
}

// Between returns what Each tells, everything once.
func Between(ctx context.Context, nn NameNode, root, from, to string) (plan.Diff, error) {
	d := plan.Diff{From: from, To: to}
	var err error
	d.Backward, err = Each(ctx, nn, root, from, to, plan.Once(func(c plan.Change) error {
		d.Changes = append(d.Changes, c)
		return nil
	}))
	if err != nil {
		return plan.Diff{}, err
	}
	return d, nil
}

// OneShot is Between by the one-shot call alone.
func OneShot(ctx context.Context, nn NameNode, root, from, to string) (plan.Diff, error) {
	d := plan.Diff{From: from, To: to}
	if from == to {
		return d, nil
	}
	var err error
	d.Backward, err = oneShot(ctx, nn, root, from, to, func(c plan.Change) error {
		d.Changes = append(d.Changes, c)
		return nil
	})
	if err != nil {
		return plan.Diff{}, err
	}
	return d, nil
}

func oneShot(ctx context.Context, nn NameNode, root, from, to string, each func(plan.Change) error) (backward bool, err error) {
	if backward, err = back(ctx, nn, root, from, to); err != nil {
		return false, err
	}
	entries, err := nn.SnapshotDiff(ctx, root, from, to)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if err := each(plan.Change{Kind: plan.Kind(e.Kind), Path: e.Path, Target: e.Target}); err != nil {
			return false, err
		}
	}
	return backward, nil
}

// back reports whether from is later than to.
func back(ctx context.Context, nn lister, root, from, to string) (bool, error) {
	if from == "" || to == "" {
		return from == "", nil
	}
	return later(ctx, nn, root, from, to)
}

// later reports whether snapshot from was made after snapshot to.
func later(ctx context.Context, nn lister, root, from, to string) (bool, error) {
	snapshots, err := nn.Snapshots(ctx, root)
	if err != nil {
		return false, err
	}
	var a, b *namenode.Snapshot
	for i, s := range snapshots {
		switch s.Name {
		case from:
			a = &snapshots[i]
		case to:
			b = &snapshots[i]
		}
	}
	if a == nil || b == nil {
		return false, fmt.Errorf("difference of %s: it has not both snapshots %q and %q: list its .snapshot directory", root, from, to)
	}
	order := a.Compare(*b)
	if order == 0 {
		return false, fmt.Errorf("difference of %s: the namenode does not tell which of the snapshots %q and %q is the older", root, from, to)
	}
	return order > 0, nil
}

// listing tells all pages. A page that comes again leads to the one that came
// behind it before: the NameNode keeps nothing between the calls.
func listing(ctx context.Context, nn NameNode, root, from, to string, each func(plan.Change) error) (fromEarlier bool, err error) {
	a := plan.NewAssembler(each)
	pages, seed := map[uint64]bool{}, maphash.MakeSeed()
	err = nn.SnapshotDiffListing(ctx, root, from, to, func(p namenode.DiffPage) error {
		fromEarlier = p.FromEarlier
		page := plan.Page{Modified: listed(p.Modified), Created: listed(p.Created), Deleted: listed(p.Deleted), FromEarlier: p.FromEarlier}
		key := page.Hash(seed)
		if pages[key] {
			return errCircle
		}
		pages[key] = true
		return a.Page(page)
	})
	if err != nil {
		return false, err
	}
	if err := a.End(); err != nil {
		return false, fmt.Errorf("difference of %s from %q to %q: %w", root, from, to, err)
	}
	return fromEarlier, nil
}

func listed(page []namenode.DiffListingEntry) []plan.Listed {
	out := make([]plan.Listed, len(page))
	for i, d := range page {
		out[i] = plan.Listed{Path: d.Path, DirID: d.DirID, Reference: d.Reference, Target: d.Target, FileID: d.FileID}
	}
	return out
}

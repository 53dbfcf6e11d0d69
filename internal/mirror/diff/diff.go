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
package diff

import (
	"context"
	"errors"
	"fmt"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/plan"
)

// NameNode are the calls of namenode.Client that are needed.
type NameNode interface {
	Snapshots(ctx context.Context, dir string) ([]namenode.Snapshot, error)
	SnapshotDiff(ctx context.Context, dir, from, to string) ([]namenode.DiffEntry, error)
	SnapshotDiffListing(ctx context.Context, dir, from, to string, each func(namenode.DiffPage) error) error
}

// errCircle ends a listing that brings nothing new.
var errCircle = errors.New("the listing of the difference goes round in a circle")

// Between returns what changed in the tree at root from one snapshot to another;
// "" is the current tree. The snapshots may be given in either order of age.
func Between(ctx context.Context, nn NameNode, root, from, to string) (plan.Diff, error) {
	d := plan.Diff{From: from, To: to}
	if from == to {
		return d, nil
	}
	if from == "" || to == "" {
		d.Backward = from == ""
		return oneShot(ctx, nn, root, d)
	}
	changes, earlier, err := listing(ctx, nn, root, from, to)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, errCircle) {
		if d.Backward, err = later(ctx, nn, root, from, to); err != nil {
			return plan.Diff{}, err
		}
		return oneShot(ctx, nn, root, d)
	}
	d.Changes, d.Backward = changes, !earlier
	return d, err
}

// OneShot is Between by the one-shot call alone.
func OneShot(ctx context.Context, nn NameNode, root, from, to string) (plan.Diff, error) {
	d := plan.Diff{From: from, To: to, Backward: from == ""}
	if from == to {
		return d, nil
	}
	if from != "" && to != "" {
		var err error
		if d.Backward, err = later(ctx, nn, root, from, to); err != nil {
			return plan.Diff{}, err
		}
	}
	return oneShot(ctx, nn, root, d)
}

func oneShot(ctx context.Context, nn NameNode, root string, d plan.Diff) (plan.Diff, error) {
	entries, err := nn.SnapshotDiff(ctx, root, d.From, d.To)
	if err != nil {
		return plan.Diff{}, err
	}
	for _, e := range entries {
		d.Changes = append(d.Changes, plan.Change{Kind: plan.Kind(e.Kind), Path: e.Path, Target: e.Target})
	}
	return d, nil
}

// later reports whether snapshot from was made after snapshot to.
func later(ctx context.Context, nn NameNode, root, from, to string) (bool, error) {
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
	if a.ID != b.ID {
		return a.ID > b.ID, nil
	}
	if a.ModTime == b.ModTime {
		return false, fmt.Errorf("difference of %s: the namenode does not tell which of the snapshots %q and %q is the older", root, from, to)
	}
	return a.ModTime > b.ModTime, nil
}

// listing collects all pages.
func listing(ctx context.Context, nn NameNode, root, from, to string) (changes []plan.Change, fromEarlier bool, err error) {
	var c collector
	if err := nn.SnapshotDiffListing(ctx, root, from, to, c.page); err != nil {
		return nil, false, err
	}
	changes, err = plan.Assemble(c.modified.list, c.created.list, c.deleted.list, c.fromEarlier)
	if err != nil {
		return nil, false, fmt.Errorf("difference of %s from %q to %q: %w", root, from, to, err)
	}
	return changes, c.fromEarlier, nil
}

type collector struct {
	modified, created, deleted entries
	fromEarlier                bool
}

type entries struct {
	list []plan.Listed
	seen map[plan.Listed]bool
}

// add returns how many of the entries were not known yet.
func (e *entries) add(page []namenode.DiffListingEntry) int {
	if e.seen == nil {
		e.seen = map[plan.Listed]bool{}
	}
	before := len(e.list)
	for _, d := range page {
		l := plan.Listed{Path: d.Path, DirID: d.DirID, Reference: d.Reference, Target: d.Target, FileID: d.FileID}
		if !e.seen[l] {
			e.seen[l] = true
			e.list = append(e.list, l)
		}
	}
	return len(e.list) - before
}

func (c *collector) page(p namenode.DiffPage) error {
	c.fromEarlier = p.FromEarlier
	fresh := c.modified.add(p.Modified) + c.created.add(p.Created) + c.deleted.add(p.Deleted)
	if fresh == 0 && len(p.Modified)+len(p.Created)+len(p.Deleted) > 0 {
		return errCircle
	}
	return nil
}

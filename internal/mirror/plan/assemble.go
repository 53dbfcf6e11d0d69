package plan

import (
	"fmt"
	"slices"
)

// Listed is an entry of getSnapshotDiffReportListing
// (SnapshotDiffReportListingEntryProto): one name that was modified, appeared or
// went.
type Listed struct {
	Path string
	// DirID is the inode of the directory whose list this is; for a modified
	// entry the inode itself.
	DirID uint64
	// Reference marks, among modified entries, a directory; among created ones
	// an inode that had another name or place before.
	Reference bool
	// Target, of a deleted entry, is where the inode is now, "" when it left
	// the tree.
	Target string
	FileID uint64
}

// Assemble joins all pages of the listing into the changes that the one-shot
// call would report, as org.apache.hadoop.hdfs.client.impl.
// SnapshotDiffReportGenerator does. Entries that came twice count once: a
// NameNode that ends a page inside a directory's deleted names may send created
// names again. The changes are of one Diff with Backward = !fromEarlier.
func Assemble(modified, created, deleted []Listed, fromEarlier bool) ([]Change, error) {
	created, deleted = once(created), once(deleted)
	renames := map[uint64]bool{}
	for _, d := range deleted {
		if d.Target != "" {
			if d.FileID == 0 {
				return nil, fmt.Errorf("snapshot difference: %q was renamed but has no file id; use the one-shot report", d.Path)
			}
			renames[d.FileID] = true
		}
	}
	byDir := map[uint64][]Change{}
	for _, c := range created {
		if c.Reference && renames[c.FileID] {
			continue // the other end of a rename
		}
		byDir[c.DirID] = append(byDir[c.DirID], Change{Kind: Created, Path: c.Path, FileID: c.FileID})
	}
	for _, d := range deleted {
		change := Change{Kind: Deleted, Path: d.Path, FileID: d.FileID}
		if d.Target != "" {
			change.Kind, change.Target = Renamed, d.Target
		}
		byDir[d.DirID] = append(byDir[d.DirID], change)
	}
	return inOrder(once(modified), byDir, fromEarlier)
}

// inOrder puts each directory's names after the directory, as the one-shot
// report does.
func inOrder(modified []Listed, byDir map[uint64][]Change, fromEarlier bool) ([]Change, error) {
	slices.SortFunc(modified, func(a, b Listed) int { return comparePaths(a.Path, b.Path) })
	var out []Change
	for _, m := range modified {
		out = append(out, Change{Kind: Modified, Path: m.Path, FileID: m.FileID, Dir: m.Reference, DirKnown: true})
		if !m.Reference {
			continue
		}
		for _, c := range byDir[m.DirID] {
			if !fromEarlier {
				c = c.turned()
			}
			out = append(out, c)
		}
		delete(byDir, m.DirID)
	}
	for dir, changes := range byDir {
		return nil, fmt.Errorf("snapshot difference: %q changed in the directory with file id %d, which is not listed; the listing is incomplete", changes[0].Path, dir)
	}
	return out, nil
}

// turned is the change as the way back reports it: the paths stay.
func (c Change) turned() Change {
	switch c.Kind {
	case Created:
		c.Kind = Deleted
	case Deleted:
		c.Kind = Created
	case Renamed:
		c.Path, c.Target = c.Target, c.Path
	case Modified:
	}
	return c
}

func once(in []Listed) []Listed {
	seen := make(map[Listed]bool, len(in))
	out := make([]Listed, 0, len(in))
	for _, e := range in {
		if !seen[e] {
			seen[e] = true
			out = append(out, e)
		}
	}
	return out
}

package plan

import (
	"fmt"
	"hash/maphash"
	"maps"
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

// Page is one page of the listing. FromEarlier says that the snapshot asked from
// is the older one.
type Page struct {
	Modified, Created, Deleted []Listed
	FromEarlier                bool
}

// Assembler turns the pages of the listing, in their order, into the changes
// that the one-shot call would report, as org.apache.hadoop.hdfs.client.impl.
// SnapshotDiffReportGenerator does. A change is told as soon as its page is
// there, and once: a NameNode that ends a page inside a directory's deleted
// names may send created names again. Only what appeared and had another place
// before has to wait for the end, where it is known whether it came by a rename.
//
// It keeps 16 bytes of each change, so that a million of them is no matter.
type Assembler struct {
	each  func(Change) error
	told  map[[2]uint64]struct{}
	seeds [2]maphash.Seed

	listed  map[uint64]bool   // directories
	orphans map[uint64]string // by directory that is not listed yet, a name in it
	renamed map[uint64]bool   // file ids
	waiting map[uint64]string // created, perhaps by a rename: path by file id
	turn    bool
}

// NewAssembler returns an assembler that tells the changes to each.
func NewAssembler(each func(Change) error) *Assembler {
	return &Assembler{
		each: each, told: map[[2]uint64]struct{}{}, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		listed: map[uint64]bool{}, orphans: map[uint64]string{}, renamed: map[uint64]bool{}, waiting: map[uint64]string{},
	}
}

// Tell tells a change unless it was told before, and reports whether it was new.
func (a *Assembler) Tell(c Change) (bool, error) {
	key := [2]uint64{c.hash(a.seeds[0]), c.hash(a.seeds[1])}
	if _, known := a.told[key]; known {
		return false, nil
	}
	a.told[key] = struct{}{}
	return true, a.each(c)
}

func (c Change) hash(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, part := range []string{c.Kind.String(), c.Path, c.Target} {
		h.WriteString(part) //nolint:errcheck // never fails
		h.WriteByte(0)      //nolint:errcheck // no path holds it
	}
	return h.Sum64()
}

// Page takes a page and returns how many of its entries are new.
func (a *Assembler) Page(p Page) (fresh int, err error) {
	a.turn = !p.FromEarlier
	byDir := map[uint64][]Change{}
	for _, c := range p.Created {
		if !c.Reference {
			byDir[c.DirID] = append(byDir[c.DirID], Change{Kind: Created, Path: c.Path, FileID: c.FileID})
			continue
		}
		if c.FileID == 0 {
			return 0, unnumbered(c.Path)
		}
		a.member(c.DirID, c.Path)
		if _, known := a.waiting[c.FileID]; !known {
			a.waiting[c.FileID] = c.Path
			fresh++
		}
	}
	for _, d := range p.Deleted {
		change := Change{Kind: Deleted, Path: d.Path, FileID: d.FileID}
		if d.Target != "" {
			if d.FileID == 0 {
				return 0, unnumbered(d.Path)
			}
			a.renamed[d.FileID] = true
			change.Kind, change.Target = Renamed, d.Target
		}
		byDir[d.DirID] = append(byDir[d.DirID], change)
	}
	told, err := a.tellPage(p, byDir)
	return fresh + told, err
}

func unnumbered(path string) error {
	return fmt.Errorf("snapshot difference: %q was renamed but has no file id; use the one-shot report", path)
}

// tellPage tells each directory, and behind it its names, as the one-shot report
// does; first those of the directory that the page before ended in.
func (a *Assembler) tellPage(p Page, byDir map[uint64][]Change) (fresh int, err error) {
	tell := func(changes ...Change) {
		for _, c := range changes {
			if err != nil {
				return
			}
			var isNew bool
			if isNew, err = a.Tell(c); isNew {
				fresh++
			}
		}
	}
	names := func(dir uint64) {
		for _, c := range byDir[dir] {
			a.member(dir, c.Path)
			if a.turn {
				c = c.turned()
			}
			tell(c)
		}
		delete(byDir, dir)
	}
	here := map[uint64]bool{}
	for _, m := range p.Modified {
		here[m.DirID] = true
	}
	for _, list := range [][]Listed{p.Created, p.Deleted} {
		for _, e := range list {
			if !here[e.DirID] {
				names(e.DirID)
			}
		}
	}
	for _, m := range p.Modified {
		tell(Change{Kind: Modified, Path: m.Path, FileID: m.FileID, Dir: m.Reference, DirKnown: true})
		if m.Reference {
			a.listed[m.DirID] = true
			delete(a.orphans, m.DirID)
			names(m.DirID)
		}
	}
	return fresh, err
}

func (a *Assembler) member(dir uint64, path string) {
	if !a.listed[dir] {
		a.orphans[dir] = path
	}
}

// End tells what waited. A directory whose names came without itself means that
// the listing is not complete.
func (a *Assembler) End() error {
	for dir, path := range a.orphans {
		return fmt.Errorf("snapshot difference: %q changed in the directory with file id %d, which is not listed; the listing is incomplete", path, dir)
	}
	for id := range a.renamed {
		delete(a.waiting, id) // the other end of a rename
	}
	for _, id := range slices.Sorted(maps.Keys(a.waiting)) {
		c := Change{Kind: Created, Path: a.waiting[id], FileID: id}
		if a.turn {
			c = c.turned()
		}
		if _, err := a.Tell(c); err != nil {
			return err
		}
	}
	return nil
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

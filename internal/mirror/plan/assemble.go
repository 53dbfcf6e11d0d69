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

// Hash tells pages apart.
func (p Page) Hash(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, list := range [][]Listed{p.Modified, p.Created, p.Deleted} {
		maphash.WriteComparable(&h, len(list))
		for _, e := range list {
			maphash.WriteComparable(&h, e)
		}
	}
	return h.Sum64()
}

// Assembler turns the pages of the listing, in their order, into the changes
// that the one-shot call would report, as org.apache.hadoop.hdfs.client.impl.
// SnapshotDiffReportGenerator does. A change is told as soon as its page is
// there. Only what appeared and had another place before has to wait for the
// end, where it is known whether it came by a rename: what is held grows with
// the renames and with the directories.
type Assembler struct {
	each func(Change) error

	listed  map[uint64]bool   // directories
	orphans map[uint64]string // by directory that is not listed yet, a name in it
	renamed map[uint64]bool   // file ids
	waiting map[uint64]string // created, perhaps by a rename: path by file id
	turn    bool
}

// NewAssembler returns an assembler that tells the changes to each. One that a
// NameNode sends twice is told twice, see Once.
func NewAssembler(each func(Change) error) *Assembler {
	return &Assembler{each: each, listed: map[uint64]bool{}, orphans: map[uint64]string{}, renamed: map[uint64]bool{}, waiting: map[uint64]string{}}
}

// Once lets each change through once. It keeps 16 bytes of every change.
func Once(each func(Change) error) func(Change) error {
	told := map[[2]uint64]struct{}{}
	seeds := [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	return func(c Change) error {
		key := [2]uint64{c.hash(seeds[0]), c.hash(seeds[1])}
		if _, known := told[key]; known {
			return nil
		}
		told[key] = struct{}{}
		return each(c)
	}
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

// Page takes a page.
func (a *Assembler) Page(p Page) error {
	a.turn = !p.FromEarlier
	byDir := map[uint64][]Change{}
	for _, c := range p.Created {
		if !c.Reference {
			byDir[c.DirID] = append(byDir[c.DirID], Change{Kind: Created, Path: c.Path, FileID: c.FileID})
			continue
		}
		if c.FileID == 0 {
			return unnumbered(c.Path)
		}
		a.member(c.DirID, c.Path)
		if !a.renamed[c.FileID] {
			a.waiting[c.FileID] = c.Path
		}
	}
	for _, d := range p.Deleted {
		change := Change{Kind: Deleted, Path: d.Path, FileID: d.FileID}
		if d.Target != "" {
			if d.FileID == 0 {
				return unnumbered(d.Path)
			}
			a.renamed[d.FileID] = true
			delete(a.waiting, d.FileID) // the other end
			change.Kind, change.Target = Renamed, d.Target
		}
		byDir[d.DirID] = append(byDir[d.DirID], change)
	}
	return a.tellPage(p, byDir)
}

func unnumbered(path string) error {
	return fmt.Errorf("snapshot difference: %q was renamed but has no file id; use the one-shot report", path)
}

// tellPage tells each directory, and behind it its names, as the one-shot report
// does; first those of the directory that the page before ended in.
func (a *Assembler) tellPage(p Page, byDir map[uint64][]Change) error {
	here := map[uint64]bool{}
	for _, m := range p.Modified {
		here[m.DirID] = true
	}
	for _, names := range [][]Listed{p.Created, p.Deleted} {
		for _, e := range names {
			if here[e.DirID] {
				continue
			}
			if err := a.tellNames(e.DirID, byDir); err != nil {
				return err
			}
		}
	}
	for _, m := range p.Modified {
		if err := a.each(Change{Kind: Modified, Path: m.Path, FileID: m.FileID, Dir: m.Reference, DirKnown: true}); err != nil {
			return err
		}
		if !m.Reference {
			continue
		}
		a.listed[m.DirID] = true
		delete(a.orphans, m.DirID)
		if err := a.tellNames(m.DirID, byDir); err != nil {
			return err
		}
	}
	return nil
}

func (a *Assembler) tellNames(dir uint64, byDir map[uint64][]Change) error {
	for _, c := range byDir[dir] {
		a.member(dir, c.Path)
		if a.turn {
			c = c.turned()
		}
		if err := a.each(c); err != nil {
			return err
		}
	}
	delete(byDir, dir)
	return nil
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
	for _, id := range slices.Sorted(maps.Keys(a.waiting)) {
		c := Change{Kind: Created, Path: a.waiting[id], FileID: id}
		if a.turn {
			c = c.turned()
		}
		if err := a.each(c); err != nil {
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

package plan

import (
	"slices"
	"strings"
)

// dirs are the directories that changes are in, each kept once: millions of
// changes are in few directories, and their names are most of what a difference
// weighs.
type dirs struct {
	paths []string
	ids   map[string]uint32
}

func (d *dirs) id(path string) uint32 {
	if id, ok := d.ids[path]; ok {
		return id
	}
	if d.ids == nil {
		d.ids = map[string]uint32{}
	}
	path = strings.Clone(path)
	id := uint32(len(d.paths))
	d.ids[path], d.paths = id, append(d.paths, path)
	return id
}

// item is a path, in the tree that the table it is read with is of.
type item struct {
	dir           uint32
	isDir, kindOf bool // kindOf: it is known whether it is a directory
	name          string
}

// item keeps nothing of the path but its last name.
func (d *dirs) item(c Change) item {
	return item{dir: d.id(parent(c.Path)), isDir: c.Dir, kindOf: c.DirKnown, name: strings.Clone(base(c.Path))}
}

// list is paths in the order of comparePaths.
type list struct {
	dirs  []string // the table
	items []item
}

// sorted orders items by a table and drops repetitions; one that knows its kind
// is the one that stays.
func sorted(table []string, items []item) list {
	l := list{table, items}
	slices.SortFunc(items, l.compare)
	out := items[:0]
	for _, e := range items {
		if n := len(out); n == 0 || l.compare(out[n-1], e) != 0 {
			out = append(out, e)
		} else if e.kindOf {
			out[n-1].isDir, out[n-1].kindOf = e.isDir, true
		}
	}
	l.items = out
	return l
}

// by is the list with its paths in another tree.
func (l list) by(table []string) list {
	l.dirs = table
	slices.SortFunc(l.items, l.compare)
	return l
}

// twice returns a path that is in the list twice: of two directories one was
// said to have come to the place of the other.
func (l list) twice() (path string, found bool) {
	for i := 1; i < len(l.items); i++ {
		if l.compare(l.items[i-1], l.items[i]) == 0 {
			return l.path(i), true
		}
	}
	return "", false
}

func (l list) path(i int) string { return join(l.dirs[l.items[i].dir], l.items[i].name) }

func (l list) compare(a, b item) int {
	if a.dir == b.dir {
		return strings.Compare(a.name, b.name)
	}
	return compareIn(l.dirs[a.dir], a.name, l.dirs[b.dir], b.name)
}

// compareIn is comparePaths of two names in two directories.
func compareIn(aDir, a, bDir, b string) int {
	if aDir == bDir {
		return strings.Compare(a, b)
	}
	if rest, ok := within(bDir, aDir); ok {
		if c := comparePaths(a, rest); c != 0 {
			return c
		}
		return -1 // a is the directory that b is in
	}
	if rest, ok := within(aDir, bDir); ok {
		if c := comparePaths(rest, b); c != 0 {
			return c
		}
		return 1
	}
	return comparePaths(aDir, bDir)
}

func (l list) has(path string) bool {
	dir, name := parent(path), base(path)
	_, found := slices.BinarySearchFunc(l.items, path, func(e item, _ string) int {
		return compareIn(l.dirs[e.dir], e.name, dir, name)
	})
	return found
}

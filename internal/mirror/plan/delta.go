package plan

import (
	"iter"
	"slices"
)

// move is an entry that is in both trees under two paths.
type move struct{ from, to string }

// entry is a path in the older tree and in the newer one.
type entry struct {
	from, to string
	dir      bool
	dirKnown bool
}

// moves maps where entries were to where they are.
type moves map[string]string

// follow returns where path is after the moves: with the nearest of its
// ancestors, or itself, that moved; what is above that one is in its target.
func (m moves) follow(path string) string {
	for dir := path; dir != "" && len(m) > 0; dir = parent(dir) {
		if to, ok := m[dir]; ok {
			return to + path[len(dir):]
		}
	}
	return path
}

// Way is how to come from one state of a tree to another: every path in it names
// the tree its field says, from the older state to the newer. Operations and
// copies are made as they are asked for.
type Way struct {
	older, newer []string // where the directories are
	moved        []move   // sorted by where they were, once they are checked
	gone         list     // older
	made         list     // newer
	touched      list     // older; newer through the table
	touchedMoved []entry  // those that moved themselves
}

// inverted is the way back.
func (w *Way) inverted() *Way {
	out := &Way{older: w.newer, newer: w.older, gone: w.made, touched: w.touched}
	for _, m := range w.moved {
		out.moved = append(out.moved, move{m.to, m.from})
	}
	for i := range w.gone.items { // whether they are directories is not known
		w.gone.items[i].isDir, w.gone.items[i].kindOf = false, false
	}
	out.made = w.gone
	for _, e := range w.touchedMoved {
		out.touchedMoved = append(out.touchedMoved, entry{from: e.to, to: e.from, dir: e.dir, dirKnown: e.dirKnown})
	}
	return out
}

// Counts are the changes by kind.
func (w *Way) Counts() Counts {
	return Counts{Modified: len(w.touched.items) + len(w.touchedMoved), Created: len(w.made.items), Deleted: len(w.gone.items), Renamed: len(w.moved)}
}

// merged gives sequences that are each sorted backwards by a key as one.
func merged[T any](key func(T) string, seqs ...iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		type head struct {
			item T
			next func() (T, bool)
		}
		var heads []head
		for _, seq := range seqs {
			next, stop := iter.Pull(seq)
			defer stop()
			if item, ok := next(); ok {
				heads = append(heads, head{item, next})
			}
		}
		for len(heads) > 0 {
			first := 0
			for i := range heads {
				if comparePaths(key(heads[i].item), key(heads[first].item)) > 0 {
					first = i
				}
			}
			if !yield(heads[first].item) {
				return
			}
			var more bool
			if heads[first].item, more = heads[first].next(); !more {
				heads = slices.Delete(heads, first, first+1)
			}
		}
	}
}

package plan

import (
	"fmt"
	"slices"
)

// check refuses what no two trees can have as their difference, and names that
// are our own. It leaves the moves in order.
func (w *Way) check() error {
	slices.SortFunc(w.moved, func(a, b move) int { return comparePaths(a.from, b.from) })
	if path, twice := w.gone.twice(); twice {
		return fmt.Errorf("the difference contradicts itself: %q went twice", path)
	}
	if path, twice := w.made.twice(); twice {
		return fmt.Errorf("the difference contradicts itself: %q appeared twice", path)
	}
	arrived := make(map[string]string, len(w.moved)) // to the older path
	for i, m := range w.moved {
		if i > 0 && w.moved[i-1].from == m.from || w.gone.has(m.from) {
			return fmt.Errorf("the difference contradicts itself: %q went twice", m.from)
		}
		if _, twice := arrived[m.to]; twice || w.made.has(m.to) {
			return fmt.Errorf("the difference contradicts itself: %q appeared twice", m.to)
		}
		arrived[m.to] = m.from
	}
	into := make([]string, 0, len(w.moved)+len(w.newer))
	for _, m := range w.moved {
		if reserved(m.to) {
			return ours(m.to)
		}
		into = append(into, parent(m.to))
	}
	seen := make([]bool, len(w.made.dirs))
	for i, e := range w.made.items {
		if dir := w.made.dirs[e.dir]; reserved(dir) || dir == "" && reserved(e.name) {
			return ours(w.made.path(i))
		}
		if !seen[e.dir] {
			seen[e.dir] = true
			into = append(into, w.made.dirs[e.dir])
		}
	}
	known := map[string]bool{}
	for _, dir := range into {
		if known[dir] {
			continue
		}
		if known[dir] = true; !w.standing(dir, arrived) {
			return fmt.Errorf("the difference contradicts itself: %q appeared, or something in it, in a directory that went", dir)
		}
	}
	return nil
}

func ours(path string) error {
	return fmt.Errorf("%q begins with %q, which drover needs for itself: rename it in the source", path, StagingPrefix)
}

// standing reports whether directory dir of the newer tree can be there: in
// something new, or as an older directory that nothing took away.
func (w *Way) standing(dir string, arrived map[string]string) bool {
	older, top := dir, ""
	for at := dir; at != ""; at = parent(at) {
		if w.made.has(at) {
			return true
		}
		if from, moved := arrived[at]; moved {
			older, top = from+dir[len(at):], from
			break
		}
	}
	for at := older; at != top; at = parent(at) {
		if w.went(at) {
			return false
		}
	}
	return true
}

// went reports whether something took a path of the older tree away.
func (w *Way) went(path string) bool {
	_, moved := slices.BinarySearchFunc(w.moved, path, func(m move, path string) int { return comparePaths(m.from, path) })
	return moved || w.gone.has(path)
}

// dropRides drops the moves that happen with their directory: an entry that was
// moved away and came back while its directory was renamed.
func (w *Way) dropRides() {
	now := make(moves, len(w.moved))
	for _, m := range w.moved {
		now[m.from] = m.to
	}
	inGone := func(path string) bool {
		for ; path != ""; path = parent(path) {
			if w.gone.has(path) {
				return true
			}
		}
		return false
	}
	w.moved = slices.DeleteFunc(w.moved, func(m move) bool {
		return m.to == join(now.follow(parent(m.from)), base(m.from)) && !inGone(m.from)
	})
}

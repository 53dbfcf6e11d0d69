package plan

import (
	"fmt"
	"slices"
)

// check refuses what no two trees can have as their difference, and names that
// are our own.
func (d *delta) check() error {
	leaving := map[string]bool{}
	for _, path := range slices.Concat(d.gone, movedFrom(d.moved)) {
		if leaving[path] {
			return fmt.Errorf("the difference contradicts itself: %q went twice", path)
		}
		leaving[path] = true
	}
	arriving := map[string]string{} // to the older path, "" when new
	for _, e := range d.made {
		if _, twice := arriving[e.to]; twice {
			return fmt.Errorf("the difference contradicts itself: %q appeared twice", e.to)
		}
		arriving[e.to] = ""
	}
	for _, m := range d.moved {
		if _, twice := arriving[m.to]; twice {
			return fmt.Errorf("the difference contradicts itself: %q appeared twice", m.to)
		}
		arriving[m.to] = m.from
	}
	for path := range arriving {
		if reserved(path) {
			return fmt.Errorf("%q begins with %q, which drover needs for itself: rename it in the source", path, StagingPrefix)
		}
		if !standing(parent(path), arriving, leaving) {
			return fmt.Errorf("the difference contradicts itself: %q appeared in a directory that went", path)
		}
	}
	return nil
}

// standing reports whether directory dir of the newer tree can be there: in
// something new, or as an older directory that nothing took away.
func standing(dir string, arriving map[string]string, leaving map[string]bool) bool {
	older, top := dir, ""
	for at := dir; at != ""; at = parent(at) {
		from, arrived := arriving[at]
		if !arrived {
			continue
		}
		if from == "" {
			return true
		}
		older, top = from+dir[len(at):], from
		break
	}
	for at := older; at != top; at = parent(at) {
		if leaving[at] {
			return false
		}
	}
	return true
}

// dropRides drops the moves that happen with their directory: an entry that was
// moved away and came back while its directory was renamed.
func (d *delta) dropRides() {
	now := make(moves, len(d.moved))
	for _, m := range d.moved {
		now[m.from] = m.to
	}
	went := make(map[string]bool, len(d.gone))
	for _, path := range d.gone {
		went[path] = true
	}
	inGone := func(path string) bool {
		for ; path != ""; path = parent(path) {
			if went[path] {
				return true
			}
		}
		return false
	}
	d.moved = slices.DeleteFunc(d.moved, func(m move) bool {
		return m.to == join(now.follow(parent(m.from)), base(m.from)) && !inGone(m.from)
	})
}

package plan

import (
	"fmt"
)

// move is an entry that is in both trees under two paths.
type move struct{ from, to string }

// entry is a path in the older tree, in the newer one, or both.
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
	for dir := path; dir != ""; dir = parent(dir) {
		if to, ok := m[dir]; ok {
			return to + path[len(dir):]
		}
	}
	return path
}

// delta is a difference in which every path names the tree its field says:
// from the older state, to the newer.
type delta struct {
	moved   []move
	gone    []string // older
	made    []entry  // to only
	touched []entry
}

// resolve checks a difference and turns its paths into those of the two trees.
func resolve(d Diff) (*delta, error) {
	changes, err := distinct(d.Changes)
	if err != nil {
		return nil, err
	}
	if d.Backward {
		for i := range changes {
			changes[i] = changes[i].turned()
		}
	}
	out := forward(changes)
	if d.Backward {
		out = out.inverted()
	}
	if err := out.check(); err != nil {
		return nil, err
	}
	out.dropRides()
	return out, nil
}

// distinct checks each change by itself and drops repetitions.
func distinct(in []Change) ([]Change, error) {
	seen := make(map[[3]string]int, len(in))
	out := make([]Change, 0, len(in))
	for _, c := range in {
		if !c.Kind.known() {
			return nil, fmt.Errorf("the change of %q has the unknown kind %q", c.Path, c.Kind)
		}
		if err := checkPath(c.Path); err != nil {
			return nil, err
		}
		if err := checkPath(c.Target); err != nil {
			return nil, err
		}
		if c.Kind != Modified && c.Path == "" || (c.Kind == Renamed) != (c.Target != "") {
			return nil, fmt.Errorf("the change %s of %q to %q makes no sense", c.Kind, c.Path, c.Target)
		}
		key := [3]string{c.Kind.String(), c.Path, c.Target}
		if i, ok := seen[key]; ok {
			if c.DirKnown {
				out[i] = c
			}
			continue
		}
		seen[key] = len(out)
		out = append(out, c)
	}
	return out, nil
}

// forward resolves changes whose paths name the older tree.
func forward(changes []Change) *delta {
	d := &delta{}
	now := moves{}
	dirs := map[string]bool{"": true}
	for _, c := range changes {
		if c.Kind == Renamed {
			now[c.Path] = c.Target
		}
		if c.Kind != Modified {
			dirs[parent(c.Path)] = true
		}
	}
	for _, c := range changes {
		switch c.Kind {
		case Renamed:
			d.moved = append(d.moved, move{c.Path, c.Target})
		case Deleted:
			d.gone = append(d.gone, c.Path)
		case Created:
			to := join(now.follow(parent(c.Path)), base(c.Path))
			d.made = append(d.made, entry{to: to, dir: c.Dir, dirKnown: c.DirKnown})
		case Modified:
			e := entry{from: c.Path, to: now.follow(c.Path), dir: c.Dir, dirKnown: c.DirKnown}
			if dirs[c.Path] {
				e.dir, e.dirKnown = true, true
			}
			d.touched = append(d.touched, e)
		}
	}
	return d
}

// inverted is the way back.
func (d *delta) inverted() *delta {
	out := &delta{}
	for _, m := range d.moved {
		out.moved = append(out.moved, move{m.to, m.from})
	}
	for _, e := range d.made {
		out.gone = append(out.gone, e.to)
	}
	for _, path := range d.gone {
		out.made = append(out.made, entry{to: path})
	}
	for _, e := range d.touched {
		out.touched = append(out.touched, entry{from: e.to, to: e.from, dir: e.dir, dirKnown: e.dirKnown})
	}
	return out
}

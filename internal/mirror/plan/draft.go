package plan

import "fmt"

// Draft collects the changes of a difference for a plan, in any order; one that
// comes twice counts once. A change is kept as its last name and the number of
// its directory, a rename as both paths.
type Draft struct {
	from, to string
	dirs     dirs
	modified []item
	created  []item
	deleted  []item
	renamed  map[move]bool
}

// NewDraft begins a plan that leads from one snapshot to another.
func NewDraft(from, to string) *Draft {
	return &Draft{from: from, to: to, renamed: map[move]bool{}}
}

// Add takes a change. One that makes no sense is an error.
func (d *Draft) Add(c Change) error {
	if err := c.check(); err != nil {
		return d.failed(err)
	}
	switch c.Kind {
	case Renamed:
		d.renamed[move{c.Path, c.Target}] = true
	case Modified:
		d.modified = append(d.modified, d.dirs.item(c))
	case Created:
		d.created = append(d.created, d.dirs.item(c))
	case Deleted:
		d.deleted = append(d.deleted, d.dirs.item(c))
	}
	return nil
}

func (d *Draft) failed(err error) error {
	return fmt.Errorf("plan the way from %s to %s: %w", titled(d.from), titled(d.to), err)
}

// check refuses a change that is none.
func (c Change) check() error {
	if !c.Kind.known() {
		return fmt.Errorf("the change of %q has the unknown kind %q", c.Path, c.Kind)
	}
	if err := checkPath(c.Path); err != nil {
		return err
	}
	if err := checkPath(c.Target); err != nil {
		return err
	}
	if c.Kind != Modified && c.Path == "" || (c.Kind == Renamed) != (c.Target != "") {
		return fmt.Errorf("the change %s of %q to %q makes no sense", c.Kind, c.Path, c.Target)
	}
	return nil
}

// Resolve makes the plan; backward means what it does in Diff. The draft is used
// up. A difference that contradicts itself is an error: nothing may be applied on
// the strength of it.
func (d *Draft) Resolve(backward bool) (*Way, error) {
	w := d.forward(backward)
	if backward {
		w = w.inverted()
	}
	if err := w.check(); err != nil {
		return nil, d.failed(err)
	}
	w.dropRides()
	return w, nil
}

// forward gives the changes from the older tree to the newer.
func (d *Draft) forward(backward bool) *Way {
	created, deleted := d.created, d.deleted
	if backward { // reported as the way back
		created, deleted = deleted, created
	}
	w := &Way{}
	now := make(moves, len(d.renamed))
	dirOf := make(map[string]bool, len(d.dirs.paths)) // of what came, went or moved
	for m := range d.renamed {
		if backward {
			m = move{m.to, m.from}
		}
		w.moved = append(w.moved, m)
		now[m.from] = m.to
		dirOf[parent(m.from)] = true
	}
	w.older, w.newer = d.dirs.paths, d.dirs.paths
	if len(now) > 0 {
		w.newer = make([]string, len(w.older))
		for i, path := range w.older {
			w.newer[i] = now.follow(path)
		}
	}
	for _, items := range [][]item{created, deleted} {
		for _, e := range items {
			dirOf[w.older[e.dir]] = true
		}
	}
	w.made = sorted(w.older, created).by(w.newer)
	w.gone = sorted(w.older, deleted)
	w.touch(sorted(w.older, d.modified), now, dirOf)
	*d = Draft{from: d.from, to: d.to}
	return w
}

// touch parts what was modified: what moved itself is not where its directory is
// now.
func (w *Way) touch(modified list, now moves, dirOf map[string]bool) {
	stayed := modified.items[:0]
	for i, e := range modified.items {
		path := modified.path(i)
		if dirOf[path] || path == "" {
			e.isDir, e.kindOf = true, true
		}
		if to, moved := now[path]; moved {
			w.touchedMoved = append(w.touchedMoved, entry{from: path, to: to, dir: e.isDir, dirKnown: e.kindOf})
			continue
		}
		stayed = append(stayed, e)
	}
	w.touched = list{w.older, stayed}
}

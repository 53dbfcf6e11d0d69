package plan

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Build makes the plan that brings a tree in the state of d.From into the state
// of d.To. The order of d.Changes does not matter, and an entry given twice
// counts once. A difference that contradicts itself is an error: nothing may be
// applied on the strength of it. A difference of millions is for a Draft.
func Build(d Diff) (Plan, error) {
	draft := NewDraft(d.From, d.To)
	for _, c := range d.Changes {
		if err := draft.Add(c); err != nil {
			return Plan{}, err
		}
	}
	way, err := draft.Resolve(d.Backward)
	if err != nil {
		return Plan{}, err
	}
	return way.Plan(), nil
}

// Plan is all of the way at once.
func (w *Way) Plan() Plan {
	return Plan{Ops: slices.Collect(w.Ops()), Copies: slices.Collect(w.Copies()), Counts: w.Counts()}
}

func titled(snapshot string) string {
	if snapshot == "" {
		return "the current tree"
	}
	return fmt.Sprintf("snapshot %q", snapshot)
}

// parked gives what has to go out of the way, the deepest first; moved says
// whether it comes back, and where to.
func (w *Way) parked() iter.Seq[entry] {
	gone := func(yield func(entry) bool) {
		for i := len(w.gone.items) - 1; i >= 0; i-- {
			if !yield(entry{from: w.gone.path(i)}) {
				return
			}
		}
	}
	moved := func(yield func(entry) bool) {
		for i := len(w.moved) - 1; i >= 0; i-- {
			if !yield(entry{from: w.moved[i].from, to: w.moved[i].to}) {
				return
			}
		}
	}
	return merged(func(e entry) string { return e.from }, gone, moved)
}

// Ops parks all that moves or goes, then places what moved. See the package.
func (w *Way) Ops() iter.Seq[Op] {
	return func(yield func(Op) bool) {
		n := 0
		var places []Op
		for e := range w.parked() {
			name := fmt.Sprintf("%08d", n)
			n++
			if !yield(Op{Kind: Park, From: e.from, To: name}) {
				return
			}
			if e.to != "" {
				places = append(places, Op{Kind: Place, From: name, To: e.to})
			}
		}
		if n > 0 && !yield(Op{Kind: SetMark, To: Mark}) {
			return
		}
		for _, dir := range w.newParents() {
			places = append(places, Op{Kind: Mkdir, To: dir})
		}
		slices.SortFunc(places, func(a, b Op) int { return comparePaths(a.To, b.To) })
		for _, op := range places {
			if !yield(op) {
				return
			}
		}
	}
}

// newParents returns the directories of the newer tree that something is placed
// in and that are in no older one: those whose nearest named ancestor, or
// themselves, were created rather than moved.
func (w *Way) newParents() []string {
	isMoved := make(map[string]bool, len(w.moved))
	for _, m := range w.moved {
		isMoved[m.to] = true
	}
	known := map[string]bool{"": false}
	var decide func(dir string) bool
	decide = func(dir string) bool {
		if made, ok := known[dir]; ok {
			return made
		}
		made := w.made.has(dir) || !isMoved[dir] && decide(parent(dir))
		known[dir] = made
		return made
	}
	var out []string
	for _, m := range w.moved {
		for dir := parent(m.to); decide(dir); dir = parent(dir) {
			out = append(out, dir)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Copies gives what is left to copy, deepest first, the root last. The root is
// in it whenever anything is: parking changes its times.
func (w *Way) Copies() iter.Seq[Copy] {
	targets := make([]string, len(w.moved))
	for i, m := range w.moved {
		targets[i] = m.to
	}
	slices.SortFunc(targets, comparePaths)
	made := func(yield func(Copy) bool) {
		for i := len(w.made.items) - 1; i >= 0; i-- {
			e, path := w.made.items[i], w.made.path(i)
			if !yield(Copy{Path: path, Dir: e.isDir, DirKnown: e.kindOf, Walk: e.isDir || !e.kindOf, Skip: arrivals(targets, path)}) {
				return
			}
		}
	}
	touched := w.touched.by(w.newer)
	modified := func(yield func(Copy) bool) {
		for i := len(touched.items) - 1; i >= 0; i-- {
			e := touched.items[i]
			if !yield(Copy{Path: touched.path(i), Prior: join(w.older[e.dir], e.name), Dir: e.isDir, DirKnown: e.kindOf}) {
				return
			}
		}
	}
	w.touched = touched
	slices.SortFunc(w.touchedMoved, func(a, b entry) int { return comparePaths(b.to, a.to) })
	moved := func(yield func(Copy) bool) {
		for _, e := range w.touchedMoved {
			if !yield(Copy{Path: e.to, Prior: e.from, Dir: e.dir, DirKnown: e.dirKnown}) {
				return
			}
		}
	}
	return w.rooted(merged(func(c Copy) string { return c.Path }, made, modified, moved))
}

// rooted adds the root where it is missing.
func (w *Way) rooted(copies iter.Seq[Copy]) iter.Seq[Copy] {
	return func(yield func(Copy) bool) {
		root := false
		for c := range copies {
			root = c.Path == ""
			if !yield(c) {
				return
			}
		}
		if !root && w.Counts() != (Counts{}) {
			yield(Copy{Dir: true, DirKnown: true})
		}
	}
}

// arrivals returns what of the sorted targets lies below dir, relative to it,
// the outermost only.
func arrivals(targets []string, dir string) []string {
	i, _ := slices.BinarySearchFunc(targets, dir, comparePaths)
	var out []string
	for ; i < len(targets); i++ {
		rest, ok := within(targets[i], dir)
		if !ok {
			break
		}
		if len(out) > 0 {
			if _, inside := within(rest, out[len(out)-1]); inside {
				continue
			}
		}
		out = append(out, rest)
	}
	return out
}

// reserved reports whether path begins with a name of our own.
func reserved(path string) bool { return strings.HasPrefix(path, StagingPrefix) }

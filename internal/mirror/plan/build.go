package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Build makes the plan that brings a tree in the state of d.From into the state
// of d.To. The order of d.Changes does not matter, and an entry given twice
// counts once. A difference that contradicts itself is an error: nothing may be
// applied on the strength of it.
func Build(d Diff) (Plan, error) {
	delta, err := resolve(d)
	if err != nil {
		return Plan{}, fmt.Errorf("plan the way from %s to %s: %w", titled(d.From), titled(d.To), err)
	}
	p := Plan{
		Ops:    delta.ops(),
		Copies: delta.copies(),
		Counts: Counts{Modified: len(delta.touched), Created: len(delta.made), Deleted: len(delta.gone), Renamed: len(delta.moved)},
	}
	return p, nil
}

func titled(snapshot string) string {
	if snapshot == "" {
		return "the current tree"
	}
	return fmt.Sprintf("snapshot %q", snapshot)
}

// ops parks all that moves or goes, then places what moved. See the package.
func (d *delta) ops() []Op {
	parked := slices.Concat(d.gone, movedFrom(d.moved))
	slices.SortFunc(parked, func(a, b string) int { return comparePaths(b, a) })
	place := make(map[string]string, len(d.moved))
	for _, m := range d.moved {
		place[m.from] = m.to
	}
	var ops, places []Op
	for i, path := range parked {
		name := fmt.Sprintf("%08d", i)
		ops = append(ops, Op{Kind: Park, From: path, To: name})
		if to, moves := place[path]; moves {
			places = append(places, Op{Kind: Place, From: name, To: to})
		}
	}
	if len(ops) > 0 {
		ops = append(ops, Op{Kind: SetMark, To: Mark})
	}
	for _, dir := range d.newParents() {
		places = append(places, Op{Kind: Mkdir, To: dir})
	}
	slices.SortFunc(places, func(a, b Op) int { return comparePaths(a.To, b.To) })
	return append(ops, places...)
}

func movedFrom(moves []move) []string {
	out := make([]string, len(moves))
	for i, m := range moves {
		out[i] = m.from
	}
	return out
}

// newParents returns the directories of the newer tree that something is placed
// in and that are in no older one: those whose nearest named ancestor, or
// themselves, were created rather than moved.
func (d *delta) newParents() []string {
	isNew := make(map[string]bool, len(d.made))
	for _, e := range d.made {
		isNew[e.to] = true
	}
	isMoved := make(map[string]bool, len(d.moved))
	for _, m := range d.moved {
		isMoved[m.to] = true
	}
	known := map[string]bool{"": false}
	var decide func(dir string) bool
	decide = func(dir string) bool {
		if made, ok := known[dir]; ok {
			return made
		}
		made := isNew[dir] || !isMoved[dir] && decide(parent(dir))
		known[dir] = made
		return made
	}
	var out []string
	for _, m := range d.moved {
		for dir := parent(m.to); decide(dir); dir = parent(dir) {
			out = append(out, dir)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// copies lists what is left to copy, deepest first, the root last. The root is
// in it whenever anything is: parking changes its times.
func (d *delta) copies() []Copy {
	targets := make([]string, len(d.moved))
	for i, m := range d.moved {
		targets[i] = m.to
	}
	slices.SortFunc(targets, comparePaths)
	var out []Copy
	root := false
	for _, e := range d.touched {
		root = root || e.to == ""
		out = append(out, Copy{Path: e.to, Prior: e.from, Dir: e.dir, DirKnown: e.dirKnown})
	}
	for _, e := range d.made {
		skip := arrivals(targets, e.to)
		c := Copy{Path: e.to, Dir: e.dir, DirKnown: e.dirKnown, Walk: e.dir || !e.dirKnown, Skip: skip}
		out = append(out, c)
	}
	if !root && len(d.touched)+len(d.made)+len(d.gone)+len(d.moved) > 0 {
		out = append(out, Copy{Dir: true, DirKnown: true})
	}
	slices.SortFunc(out, func(a, b Copy) int { return comparePaths(b.Path, a.Path) })
	return out
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

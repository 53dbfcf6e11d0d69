package plantest

import (
	"strings"

	"drover/internal/mirror/plan"
)

// Difference returns what a NameNode reports between two snapshots of one tree,
// the older first, with what the paged listing knows of kinds and inodes left
// out.
func Difference(from, to *Node) []plan.Change {
	r := reporter{later: map[uint64]string{}, nodes: map[uint64]*Node{}, earlier: map[uint64]bool{}}
	to.Walk(func(path string, n *Node) bool {
		r.later[n.ID], r.nodes[n.ID] = path, n
		return true
	})
	r.visit(from, func(string, *Node) {}, func(n *Node) { r.earlier[n.ID] = true })
	r.visit(from, r.report, func(*Node) {})
	return r.out
}

// reporter walks the older tree as DirectorySnapshottableFeature.
// computeDiffRecursively does: into everything that is still in the newer one.
type reporter struct {
	later   map[uint64]string // path in the newer tree
	nodes   map[uint64]*Node  // state in the newer tree
	earlier map[uint64]bool   // inodes the walk met
	out     []plan.Change
}

func (r *reporter) visit(from *Node, report func(string, *Node), met func(*Node)) {
	from.Walk(func(path string, n *Node) bool {
		met(n)
		if r.nodes[n.ID] == nil {
			return false
		}
		report(path, n)
		return true
	})
}

func (r *reporter) report(path string, n *Node) {
	now := r.nodes[n.ID]
	changed := n.Mode != now.Mode || n.Size != now.Size
	var names []plan.Change
	at := func(name string) string { return strings.TrimPrefix(path+"/"+name, "/") }
	for _, name := range now.Names() {
		kid := now.Kids[name]
		if old := n.Kids[name]; old != nil && old.ID == kid.ID {
			continue
		}
		changed = true
		if !r.earlier[kid.ID] {
			names = append(names, plan.Change{Kind: plan.Created, Path: at(name)})
		}
	}
	for _, name := range n.Names() {
		kid := n.Kids[name]
		if new := now.Kids[name]; new != nil && new.ID == kid.ID {
			continue
		}
		changed = true
		c := plan.Change{Kind: plan.Deleted, Path: at(name)}
		if target, there := r.later[kid.ID]; there {
			c.Kind, c.Target = plan.Renamed, target
		}
		names = append(names, c)
	}
	if changed {
		r.out = append(r.out, plan.Change{Kind: plan.Modified, Path: path})
		r.out = append(r.out, names...)
	}
}

// Turned returns a difference as a NameNode reports it when the later snapshot
// is named first.
func Turned(changes []plan.Change) []plan.Change {
	out := make([]plan.Change, len(changes))
	for i, c := range changes {
		switch c.Kind {
		case plan.Created:
			c.Kind = plan.Deleted
		case plan.Deleted:
			c.Kind = plan.Created
		case plan.Renamed:
			c.Path, c.Target = c.Target, c.Path
		case plan.Modified:
		}
		out[i] = c
	}
	return out
}

// Unreported lists the files, by path in the newer tree, that changed in a way
// no difference shows: other content of the same length.
func Unreported(from, to *Node) map[string]bool {
	before := map[uint64]*Node{}
	from.Walk(func(_ string, n *Node) bool {
		before[n.ID] = n
		return true
	})
	out := map[string]bool{}
	to.Walk(func(path string, n *Node) bool {
		if old := before[n.ID]; old != nil && old.Size == n.Size && old.Data != n.Data {
			out[path] = true
		}
		return true
	})
	return out
}

package tree

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Model is a tree in memory: what must be there after the ops it was given. It
// belongs to one goroutine. Attributes it keeps only as far as a Mutator needs
// them; two HDFS given the same ops are compared with each other instead.
type Model struct {
	root    *item
	files   []*item
	dirs    []*item // the root is not among them
	outside []*item // what was moved out, in order
}

// item is a file or directory.
type item struct {
	name     string
	parent   *item // nil for the root and outside
	dir      bool
	children map[string]*item
	content  Content
	attr     Attr
	at       int // its place in files or dirs
}

// NewModel reads nodes, parents before children.
func NewModel(nodes Nodes) (*Model, error) {
	m := &Model{root: &item{dir: true, children: map[string]*item{}}}
	for n, err := range nodes {
		if err != nil {
			return nil, err
		}
		if n.Path == "" {
			m.root.attr = n.Attr.clone()
			continue
		}
		if err := m.add(n); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Model) add(n Node) error {
	parent, name, err := m.parent(n.Path)
	if err != nil {
		return err
	}
	if parent.children[name] != nil {
		return fmt.Errorf("%s %q: it is there already", Create, n.Path)
	}
	i := &item{name: name, dir: n.Dir, content: n.Content, attr: n.Attr.clone()}
	if n.Dir {
		i.children = map[string]*item{}
	}
	m.link(parent, i)
	return nil
}

// link puts an item with all below it into a directory.
func (m *Model) link(parent, i *item) {
	i.parent = parent
	parent.children[i.name] = i
	i.each(func(x *item) {
		list := m.list(x)
		x.at = len(*list)
		*list = append(*list, x)
	})
}

// unlink takes an item with all below it out of the tree.
func (m *Model) unlink(i *item) {
	delete(i.parent.children, i.name)
	i.parent = nil
	i.each(func(x *item) {
		list := m.list(x)
		last := (*list)[len(*list)-1]
		(*list)[x.at], last.at = last, x.at
		*list = (*list)[:len(*list)-1]
	})
}

func (m *Model) list(i *item) *[]*item {
	if i.dir {
		return &m.dirs
	}
	return &m.files
}

// each visits an item and all below it, parents first, siblings by name.
func (i *item) each(visit func(*item)) {
	visit(i)
	for _, name := range slices.Sorted(maps.Keys(i.children)) {
		i.children[name].each(visit)
	}
}

// path is the item's path in the tree, or its name outside it.
func (i *item) path() string {
	if i.parent == nil {
		return i.name
	}
	return path.Join(i.parent.path(), i.name)
}

// below reports whether the item is d or lies below it.
func (i *item) below(d *item) bool {
	for at := i; at != nil; at = at.parent {
		if at == d {
			return true
		}
	}
	return false
}

// find returns the item at a path, or nil.
func (m *Model) find(name string) *item {
	at := m.root
	if name == "" {
		return at
	}
	for part := range strings.SplitSeq(name, "/") {
		if at = at.children[part]; at == nil {
			return nil
		}
	}
	return at
}

// parent returns the directory a path is in, and the last part of the path.
func (m *Model) parent(name string) (*item, string, error) {
	dir, last := path.Split(name)
	parent := m.find(strings.TrimSuffix(dir, "/"))
	if last == "" || parent == nil || !parent.dir {
		return nil, "", fmt.Errorf("%q: no directory there", name)
	}
	return parent, last, nil
}

// Nodes gives the tree as it is now, parents first, siblings by name.
func (m *Model) Nodes() []Node {
	var out []Node
	m.root.each(func(i *item) {
		out = append(out, Node{Path: i.path(), Dir: i.dir, Content: i.content, Attr: i.attr.clone()})
	})
	return out
}

// Apply changes the model as HDFS would change the tree. An op that HDFS would
// refuse is an error.
func (m *Model) Apply(op Op) error {
	var err error
	switch op.Kind {
	case Mkdir:
		err = m.add(Node{Path: op.Path, Dir: true})
	case Create:
		err = m.create(op)
	case Rename, MoveIn, MoveOut:
		err = m.move(op)
	default:
		err = m.change(op)
	}
	if err != nil {
		return fmt.Errorf("%s in model: %w", op.Kind, err)
	}
	return nil
}

func (m *Model) create(op Op) error {
	if old := m.find(op.Path); old != nil && op.Replace && !old.dir {
		m.unlink(old)
	}
	n := Node{Path: op.Path, Attr: *cmp.Or(op.Attr, &Attr{})}
	if op.Piece != nil {
		n.Content = *op.Piece
	}
	return m.add(n)
}

func (m *Model) move(op Op) error {
	from := m.find(op.Path)
	if op.Kind == MoveIn {
		at := slices.IndexFunc(m.outside, func(i *item) bool { return i.name == op.Path })
		if at < 0 {
			return fmt.Errorf("%q: not outside", op.Path)
		}
		from = m.outside[at]
		m.outside = slices.Delete(m.outside, at, at+1)
	}
	if from == nil || from == m.root {
		return fmt.Errorf("%q: nothing to move there", op.Path)
	}
	if op.Kind == MoveOut {
		m.unlink(from)
		from.name = op.To
		m.outside = append(m.outside, from)
		return nil
	}
	parent, name, err := m.parent(op.To)
	if err != nil {
		return err
	}
	if parent.below(from) {
		return fmt.Errorf("%q: cannot move it below itself, to %q", op.Path, op.To)
	}
	if old := parent.children[name]; old != nil {
		if !op.Replace || old.dir || from.dir {
			return fmt.Errorf("%q: %q is there already", op.Path, op.To)
		}
		m.unlink(old)
	}
	if op.Kind == Rename {
		m.unlink(from)
	}
	from.name = name
	m.link(parent, from)
	return nil
}

// change applies the ops that concern one item.
func (m *Model) change(op Op) error {
	i := m.find(op.Path)
	if i == nil {
		return fmt.Errorf("%q: not there", op.Path)
	}
	attr := cmp.Or(op.Attr, &Attr{})
	switch op.Kind {
	case Delete:
		if i == m.root {
			return fmt.Errorf("the root stays")
		}
		m.unlink(i)
	case Append:
		i.content = appended{i.content, *op.Piece}
	case Truncate:
		i.content = truncated{i.content, op.Size}
	case SetXAttr:
		if i.attr.XAttrs == nil {
			i.attr.XAttrs = map[string][]byte{}
		}
		maps.Copy(i.attr.XAttrs, attr.XAttrs)
	case DropXAttr:
		for name := range attr.XAttrs {
			delete(i.attr.XAttrs, name)
		}
	case SetACL:
		i.attr.ACL = attr.ACL
	case SetMode:
		i.attr.Mode = attr.Mode
	case SetOwner:
		i.attr.Owner, i.attr.Group = attr.Owner, attr.Group
	case SetRep:
		i.attr.Replication = attr.Replication
	case SetPolicy:
		i.attr.Policy = attr.Policy
	case SetTimes:
		i.attr.ModTime, i.attr.AccessTime = attr.ModTime, attr.AccessTime
	}
	return nil
}

// Package plantest is a file system in memory with what the planner of package
// plan depends on: inodes that keep their number through renames, snapshots, and
// the difference of two snapshots as a NameNode reports it. What it reports is
// held to what a real NameNode reports by a test of package apply.
package plantest

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Node is a file or a directory. Two states of one inode have the same ID.
type Node struct {
	ID   uint64
	Dir  bool
	Mode uint16
	Size int64
	// Data changes with every change of the content.
	Data uint64
	Kids map[string]*Node // of a directory
}

// FS is a tree of nodes. Its paths are those of package plan.
type FS struct {
	root *Node
	last uint64
	data uint64
}

// New returns a file system that holds only its root.
func New() *FS {
	return &FS{root: &Node{ID: 1, Dir: true, Mode: 0o755, Kids: map[string]*Node{}}, last: 1}
}

// Find returns the node at path under n, nil when there is none.
func (n *Node) Find(path string) *Node {
	if path == "" {
		return n
	}
	for name := range strings.SplitSeq(path, "/") {
		if n == nil {
			return nil
		}
		n = n.Kids[name]
	}
	return n
}

// Names returns a directory's names, sorted.
func (n *Node) Names() []string { return slices.Sorted(maps.Keys(n.Kids)) }

// Walk calls each for n and all below it, directories before their content,
// names in order. A false from each leaves out what is below a directory.
func (n *Node) Walk(each func(path string, n *Node) bool) { n.walk("", each) }

func (n *Node) walk(path string, each func(string, *Node) bool) {
	if !each(path, n) {
		return
	}
	for _, name := range n.Names() {
		n.Kids[name].walk(strings.TrimPrefix(path+"/"+name, "/"), each)
	}
}

// Snapshot returns a copy of a tree, with the same inode numbers.
func (n *Node) Snapshot() *Node {
	out := *n
	if n.Dir {
		out.Kids = make(map[string]*Node, len(n.Kids))
		for name, kid := range n.Kids {
			out.Kids[name] = kid.Snapshot()
		}
	}
	return &out
}

// Copied returns a file system whose root is a copy of a tree with inodes of its
// own, as another cluster would hold it.
func Copied(n *Node) *FS {
	f := New()
	f.root = n.Snapshot()
	f.root.Walk(func(_ string, n *Node) bool {
		f.last++
		n.ID = f.last
		f.data = max(f.data, n.Data)
		return true
	})
	return f
}

// Find returns the node at path, nil when there is none.
func (f *FS) Find(path string) *Node { return f.root.Find(path) }

// split returns the directory of path, which must exist, and the last name.
func (f *FS) split(op, path string) (*Node, string, error) {
	dir, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = path[:i], path[i+1:]
	}
	n := f.Find(dir)
	if n == nil {
		return nil, "", fmt.Errorf("%s %q: no directory: %w", op, path, fs.ErrNotExist)
	}
	if !n.Dir || name == "" {
		return nil, "", fmt.Errorf("%s %q: no directory: %w", op, path, fs.ErrInvalid)
	}
	return n, name, nil
}

func (f *FS) add(op, path string, n *Node) error {
	dir, name, err := f.split(op, path)
	if err != nil {
		return err
	}
	if dir.Kids[name] != nil {
		return fmt.Errorf("%s %q: %w", op, path, fs.ErrExist)
	}
	f.last++
	n.ID = f.last
	dir.Kids[name] = n
	return nil
}

// Mkdir makes one directory; its parent must be there.
func (f *FS) Mkdir(path string) error {
	return f.add("mkdir", path, &Node{Dir: true, Mode: 0o755, Kids: map[string]*Node{}})
}

// Create makes a file where nothing is.
func (f *FS) Create(path string, size int64) error {
	f.data++
	return f.add("create", path, &Node{Mode: 0o644, Size: size, Data: f.data})
}

// Resize appends to or truncates a file.
func (f *FS) Resize(path string, size int64) error {
	n := f.Find(path)
	if n == nil || n.Dir {
		return fmt.Errorf("resize %q: no file: %w", path, fs.ErrNotExist)
	}
	f.data++
	n.Size, n.Data = size, f.data
	return nil
}

// Chmod sets the mode.
func (f *FS) Chmod(path string, mode uint16) error {
	n := f.Find(path)
	if n == nil {
		return fmt.Errorf("chmod %q: %w", path, fs.ErrNotExist)
	}
	n.Mode = mode
	return nil
}

// Rename moves an entry to a free path whose directory is there, as rename2
// without overwrite does.
func (f *FS) Rename(from, to string) error {
	dir, name, err := f.split("rename", from)
	if err != nil {
		return err
	}
	n := dir.Kids[name]
	if n == nil {
		return fmt.Errorf("rename %q: %w", from, fs.ErrNotExist)
	}
	if strings.HasPrefix(to+"/", from+"/") {
		return fmt.Errorf("rename %q to %q: into itself: %w", from, to, fs.ErrInvalid)
	}
	toDir, toName, err := f.split("rename to", to)
	if err != nil {
		return err
	}
	if toDir.Kids[toName] != nil {
		return fmt.Errorf("rename %q to %q: %w", from, to, fs.ErrExist)
	}
	delete(dir.Kids, name)
	toDir.Kids[toName] = n
	return nil
}

// Delete removes an entry and all below it.
func (f *FS) Delete(path string) error {
	dir, name, err := f.split("delete", path)
	if err != nil {
		return err
	}
	if dir.Kids[name] == nil {
		return fmt.Errorf("delete %q: %w", path, fs.ErrNotExist)
	}
	delete(dir.Kids, name)
	return nil
}

package apply_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/plan/plantest"
)

// root of the mirrored tree in the file system of memory.
const root = "/tree"

var errCrash = errors.New("crash")

// memory is a Target over plantest's file system. It can crash at its n-th
// changing call, before or after the call had its effect, and then at every
// later one until it is repaired.
type memory struct {
	fs        *plantest.FS
	snapshots []namenode.Snapshot
	states    map[string]*plantest.Node

	calls   int
	crashAt int // 0: never
	after   bool
}

// hold returns a target whose tree is a copy of n.
func hold(n *plantest.Node) *memory {
	top := plantest.New().Find("")
	top.Kids["tree"] = n
	return &memory{fs: plantest.Copied(top), states: map[string]*plantest.Node{}}
}

func (m *memory) tree() *plantest.Node { return m.fs.Find("tree") }

func (m *memory) change(do func() error) error {
	m.calls++
	if m.crashAt > 0 && m.calls >= m.crashAt {
		if m.after && m.calls == m.crashAt {
			return errors.Join(errCrash, do())
		}
		return errCrash
	}
	return do()
}

func rel(path string) string { return strings.TrimPrefix(path, "/") }

func (m *memory) Stat(_ context.Context, path string) (namenode.Status, error) {
	n := m.fs.Find(rel(path))
	if n == nil {
		return namenode.Status{}, fmt.Errorf("stat %s: %w", path, fs.ErrNotExist)
	}
	return status("", n), nil
}

func status(name string, n *plantest.Node) namenode.Status {
	s := namenode.Status{Name: name, Type: namenode.File, FileID: n.ID, Size: n.Size, Mode: n.Mode}
	if n.Dir {
		s.Type = namenode.Dir
	}
	return s
}

func (m *memory) List(_ context.Context, dir string, each func([]namenode.Status) error) error {
	var page []namenode.Status
	n := m.fs.Find(rel(dir))
	for _, name := range n.Names() {
		page = append(page, status(name, n.Kids[name]))
	}
	return each(page)
}

func (m *memory) Mkdirs(_ context.Context, path string, _ uint16, _ bool) error {
	return m.change(func() error {
		if n := m.fs.Find(rel(path)); n != nil && n.Dir {
			return nil
		}
		return m.fs.Mkdir(rel(path))
	})
}

func (m *memory) Rename(_ context.Context, src, dst string, _ bool) error {
	return m.change(func() error { return m.fs.Rename(rel(src), rel(dst)) })
}

func (m *memory) Delete(_ context.Context, path string, _ bool) (bool, error) {
	err := m.change(func() error { return m.fs.Delete(rel(path)) })
	return err == nil, err
}

func (m *memory) CreateSnapshot(_ context.Context, _, name string) (string, error) {
	return name, m.change(func() error {
		m.snapshots = append(m.snapshots, namenode.Snapshot{Name: name, ID: uint32(len(m.snapshots) + 1)})
		m.states[name] = m.tree().Snapshot()
		return nil
	})
}

func (m *memory) RenameSnapshot(_ context.Context, _, from, to string) error {
	return m.change(func() error {
		for i, s := range m.snapshots {
			if s.Name == from {
				m.snapshots[i].Name = to
			}
		}
		m.states[to] = m.states[from]
		delete(m.states, from)
		return nil
	})
}

func (m *memory) Snapshots(context.Context, string) ([]namenode.Snapshot, error) {
	return m.snapshots, nil
}

// SnapshotDiff compares with the current tree only, in either direction.
func (m *memory) SnapshotDiff(_ context.Context, _, from, to string) ([]namenode.DiffEntry, error) {
	changes := plantest.Difference(m.states[from+to], m.tree())
	if from == "" {
		changes = plantest.Turned(changes)
	}
	var out []namenode.DiffEntry
	for _, c := range changes {
		out = append(out, namenode.DiffEntry{Kind: byte(c.Kind), Path: c.Path, Target: c.Target})
	}
	return out, nil
}

func (m *memory) SnapshotDiffListing(context.Context, string, string, string, func(namenode.DiffPage) error) error {
	return errors.ErrUnsupported
}

// copies does copies on the tree from the state newer.
func (m *memory) copies(newer, older *plantest.Node, list []plan.Copy) error {
	top := plantest.New().Find("")
	top.Kids["tree"] = newer
	was := plantest.New().Find("")
	was.Kids["tree"] = older
	for _, c := range list {
		isNew := c.New()
		c.Path = strings.TrimSuffix("tree/"+c.Path, "/")
		if !isNew {
			c.Prior = strings.TrimSuffix("tree/"+c.Prior, "/")
		}
		if err := plantest.Apply(m.fs, top, was, c); err != nil {
			return fmt.Errorf("copy %+v: %w", c, err)
		}
	}
	return nil
}

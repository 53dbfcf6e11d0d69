package plantest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"drover/internal/mirror/plan"
)

// Apply does one copy of a plan on a target, from the newer tree. It fails where
// the plan is wrong about the trees: a prior path that is not the same inode, a
// kind that is not so, a new entry that is there already.
func Apply(target *FS, newer, older *Node, c plan.Copy) error {
	n := newer.Find(c.Path)
	if n == nil {
		return errors.New("the newer tree has no such path")
	}
	if c.DirKnown && c.Dir != n.Dir {
		return errors.New("wrong kind")
	}
	if c.New() {
		if n.Dir && !c.Walk {
			return errors.New("a new directory that is not walked")
		}
		return create(target, n, c.Path, "", c.Skip)
	}
	if old := older.Find(c.Prior); old == nil || old.ID != n.ID {
		return errors.New("prior path is of another inode")
	}
	there := target.Find(c.Path)
	if there == nil || there.Dir != n.Dir {
		return errors.New("the target has no such entry")
	}
	there.Mode, there.Size, there.Data = n.Mode, n.Size, n.Data
	return nil
}

// create makes n and all below it but what is skipped.
func create(target *FS, n *Node, path, rel string, skip []string) error {
	if slices.Contains(skip, rel) && rel != "" {
		return nil
	}
	there := target.Find(path)
	switch {
	case there == nil && n.Dir:
		if err := target.Mkdir(path); err != nil {
			return err
		}
	case there == nil:
		if err := target.Create(path, n.Size); err != nil {
			return err
		}
	case !there.Dir || !n.Dir:
		return fmt.Errorf("%q is there already", path)
	}
	there = target.Find(path)
	there.Mode, there.Size, there.Data = n.Mode, n.Size, n.Data
	for _, name := range n.Names() {
		if err := create(target, n.Kids[name], path+"/"+name, strings.TrimPrefix(rel+"/"+name, "/"), skip); err != nil {
			return err
		}
	}
	return nil
}

// Compare returns the first difference of two trees in names, kinds, sizes,
// content and modes, "" when there is none. The content of the paths in except
// is not looked at.
func Compare(got, want *Node, except map[string]bool) string {
	diff := ""
	want.Walk(func(path string, w *Node) bool {
		g := got.Find(path)
		switch {
		case diff != "":
		case g == nil:
			diff = fmt.Sprintf("%q is missing", path)
		case g.Dir != w.Dir || g.Size != w.Size || g.Mode != w.Mode:
			diff = fmt.Sprintf("%q is %+v, want %+v", path, *g, *w)
		case g.Data != w.Data && !except[path]:
			diff = fmt.Sprintf("%q has other content", path)
		}
		return true
	})
	got.Walk(func(path string, _ *Node) bool {
		if diff == "" && want.Find(path) == nil {
			diff = fmt.Sprintf("%q should not be there", path)
		}
		return true
	})
	return diff
}

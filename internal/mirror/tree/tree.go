// Package tree reads HDFS trees for mirroring: what is in them, in a fixed
// order and in little memory however large they are, written to manifests that
// batches work from; and it gives a copy the attributes of its original.
//
// Paths inside a tree are relative to its root, without a leading slash, "" for
// the root itself; names are kept byte by byte.
package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"
	"unique"

	"golang.org/x/sync/errgroup"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/storage"
)

// Tree is a directory of an HDFS.
type Tree struct {
	NN *namenode.Client
	// Store reads and writes whole files of the same HDFS; what only looks at
	// names and attributes leaves it nil.
	Store storage.Store
	// Root is absolute and clean.
	Root string
	// DataNodesByName reaches DataNodes by host name instead of the address
	// they registered (dfs.client.use.datanode.hostname).
	DataNodesByName bool
}

// Path returns the absolute path of a path in the tree.
func (t Tree) Path(rel string) string {
	switch {
	case rel == "":
		return t.Root
	case t.Root == "/":
		return "/" + rel
	}
	return t.Root + "/" + rel
}

// At returns the tree as a snapshot of its root keeps it. An empty name is the
// tree as it is now.
func (t Tree) At(snapshot string) Tree {
	if snapshot != "" {
		t.Root = t.Path(".snapshot/" + snapshot)
	}
	return t
}

// join appends a name to a path in a tree.
func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

const (
	// DefaultParallel is the number of listings under way at once.
	DefaultParallel = 8
	// attributeCalls bounds the attribute calls of one page under way at once;
	// they share a connection.
	attributeCalls = 32
)

// ListOptions say what to list.
type ListOptions struct {
	// Parallel is the number of listings under way at once; DefaultParallel
	// when zero.
	Parallel int
	// Under limits the listing to these paths and what is below them; empty
	// means the whole tree. None may lie below another.
	Under []string
	// Skip leaves out these paths and what is below them.
	Skip []string
	// Attributes adds ACLs, extended attributes and storage policies. HDFS does not say which
	// files have extended attributes: that is one more call for each entry,
	// NoXAttrs saves it.
	Attributes bool
	NoXAttrs   bool
	// Progress, when not nil, is called now and then.
	Progress func(Totals)
}

// List calls each with every entry, by one goroutine, in an order that depends
// on the tree alone: a directory before what it holds, its entries in the order
// of namenode.CompareNames, behind each directory its content. Two trees can be
// compared by listing both. An error of each ends the listing and is returned as
// it is.
//
// What List holds grows with the tree's depth, not with its size.
func List(ctx context.Context, t Tree, opt ListOptions, each func(Entry) error) (Totals, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := newLister(ctx, t, opt)
	var n Totals
	w := newWalker(ctx, l.page, l.parallel(), l.skip, func(e Entry) error {
		n.add(e)
		if opt.Progress != nil && (n.Files+n.Dirs)%progressEach == 0 {
			opt.Progress(n)
		}
		return each(e)
	})
	under := opt.Under
	if len(under) == 0 {
		under = []string{""}
	}
	for _, p := range under {
		if l.skip(p) {
			continue
		}
		e, err := l.stat(ctx, p)
		if err != nil {
			return n, err
		}
		if err := w.each(e); err != nil {
			return n, err
		}
		if !e.IsDir() || e.Children == 0 {
			continue
		}
		if err := w.under(p); err != nil {
			return n, err
		}
	}
	return n, nil
}

// progressEach is how many entries pass between two calls of Progress.
const progressEach = 5000

// lister turns the NameNode's listings into entries.
type lister struct {
	tree  Tree
	opt   ListOptions
	skips map[string]bool
}

func newLister(_ context.Context, t Tree, opt ListOptions) *lister {
	l := &lister{tree: t, opt: opt, skips: map[string]bool{}}
	for _, p := range opt.Skip {
		l.skips[p] = true
	}
	return l
}

func (l *lister) parallel() int {
	if l.opt.Parallel > 0 {
		return l.opt.Parallel
	}
	return DefaultParallel
}

func (l *lister) skip(p string) bool { return l.skips[p] }

func (l *lister) stat(ctx context.Context, rel string) (Entry, error) {
	e, err := Stat(ctx, l.tree, rel)
	if err == nil && l.opt.Attributes {
		err = l.attributes(ctx, &e)
	}
	return e, err
}

// Stat returns the entry at a path, without ACL and extended attributes. A
// symbolic link is an entry of its own.
func Stat(ctx context.Context, t Tree, rel string) (Entry, error) {
	s, err := t.NN.StatLink(ctx, t.Path(rel))
	if err != nil {
		return Entry{}, err
	}
	e := FromStatus(rel, s)
	return e, OwnPolicy(ctx, t.NN, t.Path(rel), &e)
}

// page is a fetch.
func (l *lister) page(ctx context.Context, dir, after string) (page, error) {
	var start []byte
	if after != "" {
		start = []byte(after)
	}
	list, remaining, err := l.tree.NN.ListPage(ctx, l.tree.Path(dir), start, false)
	if err != nil {
		return page{}, err
	}
	out := page{entries: make([]Entry, len(list)), more: remaining > 0}
	if out.more && len(list) == 0 {
		return page{}, fmt.Errorf("list %s: %d entries announced and none sent", l.tree.Path(dir), remaining)
	}
	for i, s := range list {
		if !utf8.ValidString(s.Name) {
			// Java's names are text; nothing else would survive a manifest.
			return page{}, fault.As(fault.Unsupported, fmt.Errorf("list %s: the name %q is not UTF-8; rename it", l.tree.Path(dir), s.Name))
		}
		out.entries[i] = FromStatus(join(dir, s.Name), s)
		out.last = s.Name
	}
	if !l.opt.Attributes {
		return out, nil
	}
	if err := ownPolicies(ctx, l.tree.NN, l.tree.Path(dir), out.entries); err != nil {
		return page{}, err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(attributeCalls)
	for i := range out.entries {
		if e := &out.entries[i]; !l.opt.NoXAttrs || e.HasACL {
			group.Go(func() error { return l.attributes(gctx, e) })
		}
	}
	return out, group.Wait()
}

// attributes fills what a status does not say. A file that is gone meanwhile,
// from a live tree, keeps none.
func (l *lister) attributes(ctx context.Context, e *Entry) error {
	if e.Kind == Symlink {
		return nil
	}
	err := attributes(ctx, l.tree, e, !l.opt.NoXAttrs)
	if errors.Is(err, fs.ErrNotExist) && !strings.Contains(l.tree.Root, "/.snapshot/") {
		return nil
	}
	return err
}

// FromStatus makes an entry of what the NameNode says of a path; its Policy is
// the one in force until OwnPolicy has looked at it. Owners are few and entries
// are many: their names are kept once.
func FromStatus(rel string, s namenode.Status) Entry {
	e := Entry{
		Path: rel, Kind: File, Mode: s.Mode & 0o1777,
		Owner: unique.Make(s.Owner).Value(), Group: unique.Make(s.Group).Value(),
		MTime: s.ModTime, FileID: s.FileID, Policy: s.StoragePolicy,
		HasACL: s.HasACL, Encrypted: s.Encrypted, Children: s.Children,
	}
	switch s.Type {
	case namenode.Dir:
		e.Kind = Directory
	case namenode.Symlink:
		e.Kind = Symlink
	case namenode.File:
		e.Size, e.ATime = s.Size, s.AccessTime
		e.Replication, e.BlockSize = s.Replication, s.BlockSize
	}
	if s.ErasureCoded {
		e.Erasure = s.ECPolicy
		if e.Erasure == "" {
			e.Erasure = "an unknown policy"
		}
	}
	return e
}

// Parent returns the path of the directory a path lies in, "" for the root's
// entries.
func Parent(rel string) string {
	dir := path.Dir(rel)
	if dir == "." {
		return ""
	}
	return dir
}

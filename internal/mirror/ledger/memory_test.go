package ledger_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"drover/internal/mirror/ledger"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/plan/plantest"
	"drover/internal/mirror/tree"
	"drover/internal/storage"
	"drover/internal/storage/storagetest"
)

// blockSize of the files in memory: small, so that they have several blocks.
const blockSize = 4

// state is a Source over plantest's file system.
type state struct{ root *plantest.Node }

func (s state) Root() string { return "/tree" }

func (s state) find(rel string) (*plantest.Node, error) {
	n := s.root.Find(rel)
	if n == nil {
		return nil, fmt.Errorf("source %s: %w", rel, fs.ErrNotExist)
	}
	return n, nil
}

func entry(rel string, n *plantest.Node) tree.Entry {
	e := tree.Entry{Path: rel, Kind: tree.File, Mode: n.Mode, Owner: "o", Group: "g", MTime: 1_700_000_000_000 + int64(n.Data), FileID: n.ID}
	if n.Dir {
		e.Kind = tree.Directory
		return e
	}
	e.Size, e.BlockSize = n.Size, blockSize
	return e
}

func (s state) Stat(_ context.Context, rel string) (tree.Entry, error) {
	n, err := s.find(rel)
	if err != nil {
		return tree.Entry{}, err
	}
	return entry(rel, n), nil
}

func (s state) Scan(ctx context.Context, each func(tree.Entry) error) error {
	return s.List(ctx, "", nil, each)
}

func (s state) List(_ context.Context, under string, skip []string, each func(tree.Entry) error) error {
	n, err := s.find(under)
	if err != nil {
		return err
	}
	found := map[string]tree.Entry{}
	n.Walk(func(rel string, n *plantest.Node) bool {
		at := strings.Trim(under+"/"+rel, "/")
		if slices.Contains(skip, at) {
			return false
		}
		found[at] = entry(at, n)
		return true
	})
	for _, at := range slices.SortedFunc(maps.Keys(found), ledger.ComparePaths) {
		if err := each(found[at]); err != nil {
			return err
		}
	}
	return nil
}

// content is what the file holds: other bytes for each change of it.
func content(n *plantest.Node) []byte {
	text := binary.BigEndian.AppendUint64(nil, n.Data)
	return bytes.Repeat(text, int(n.Size)/len(text)+1)[:n.Size]
}

func (s state) Open(_ context.Context, rel string) (io.ReadCloser, error) {
	n, err := s.find(rel)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(content(n))), nil
}

func (s state) Checksum(_ context.Context, rel string) (storage.Checksum, error) {
	n, err := s.find(rel)
	if err != nil {
		return storage.Checksum{}, err
	}
	sum := storage.NewSummer(blockSize)
	sum.Write(content(n)) //nolint:errcheck // never fails
	return sum.Checksum(), nil
}

// holding returns what a target holds, by path: files their bytes, directories
// nil.
func holding(t *testing.T, store storage.Reader, root string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	var walk func(dir string)
	walk = func(dir string) {
		list, err := store.List(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			rel := strings.TrimPrefix(o.Path, root+"/")
			if o.IsDir {
				out[rel] = nil
				walk(o.Path)
				continue
			}
			out[rel] = storagetest.Get(t, store, o.Path)
		}
	}
	walk(root)
	return out
}

// differs compares a target with the state it should be in, but for the content
// of some files; "" when it is.
func differs(got map[string][]byte, want *plantest.Node, except map[string]bool) string {
	seen := 0
	diff := ""
	want.Walk(func(rel string, n *plantest.Node) bool {
		if rel == "" || diff != "" {
			return diff == ""
		}
		seen++
		data, there := got[rel]
		switch {
		case !there:
			diff = fmt.Sprintf("%q is missing", rel)
		case n.Dir != (data == nil):
			diff = fmt.Sprintf("%q is of the wrong kind", rel)
		case !n.Dir && !bytes.Equal(data, content(n)) && !except[rel]:
			diff = fmt.Sprintf("%q holds %x, want %x", rel, data, content(n))
		}
		return true
	})
	if diff == "" && seen != len(got) {
		diff = fmt.Sprintf("%d entries too many: %q", len(got)-seen, slices.Sorted(maps.Keys(got)))
	}
	return diff
}

// pair returns two states of a tree, the plan from one to the other, and the
// files whose change no difference reports.
func pair(t *testing.T, seed uint64, before, between int) (from, to *plantest.Node, p plan.Plan, unreported map[string]bool) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 11))
	f := plantest.New()
	for _, dir := range []string{"tree", "out"} {
		if err := f.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	mutate := func(n int) {
		for range n {
			if err := f.Do(plantest.Random(rng, f, "tree", "tree", "out")); err != nil {
				t.Fatal(err)
			}
		}
	}
	mutate(before)
	from = f.Find("tree").Snapshot()
	mutate(between)
	to = f.Find("tree").Snapshot()
	p, err := plan.Build(plan.Diff{From: "s1", To: "s2", Changes: plantest.Difference(from, to)})
	if err != nil {
		t.Fatal(err)
	}
	return from, to, p, plantest.Unreported(from, to)
}

var errCrash = errors.New("crash")

// crashing fails at its n-th call that changes the store, before or after the
// call had its effect, and at every call after it, until it is repaired.
type crashing struct {
	store interface {
		storage.Store
		storage.Copier
	}
	storage.Store
	calls, at int // at 0: never
	after     bool
}

func (c *crashing) change(do func() error) error {
	c.calls++
	switch {
	case c.at == 0 || c.calls < c.at:
		return do()
	case c.calls == c.at && c.after:
		return errors.Join(errCrash, do())
	}
	return errCrash
}

func (c *crashing) Create(ctx context.Context, name string, opt storage.CreateOptions) (w storage.Writer, err error) {
	err = c.change(func() error {
		w, err = c.store.Create(ctx, name, opt)
		return err
	})
	return crashingWriter{w, c}, err
}

type crashingWriter struct {
	storage.Writer
	c *crashing
}

func (w crashingWriter) Commit() error { return w.c.change(w.Writer.Commit) }

func (c *crashing) Mkdirs(ctx context.Context, dir string) error {
	return c.change(func() error { return c.store.Mkdirs(ctx, dir) })
}

func (c *crashing) Remove(ctx context.Context, name string) error {
	return c.change(func() error { return c.store.Remove(ctx, name) })
}

func (c *crashing) RemoveAll(ctx context.Context, name string) error {
	return c.change(func() error { return c.store.RemoveAll(ctx, name) })
}

func (c *crashing) Copy(ctx context.Context, from, to string) error {
	return c.change(func() error { return c.store.Copy(ctx, from, to) })
}

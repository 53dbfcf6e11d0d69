package tree

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"drover/internal/hadoop/namenode"
	"drover/internal/heaptest"
)

// forest is a tree in memory: the names in each directory, sorted.
type forest map[string][]string

// grow makes a random tree.
func grow(r *rand.Rand, files forest, dir string, depth int) {
	n := r.IntN(12)
	names := map[string]bool{}
	for range n {
		names[fmt.Sprintf("%c%d", "aäZ-~"[r.IntN(5)], r.IntN(50))] = true
	}
	list := make([]string, 0, n)
	for name := range names {
		list = append(list, name)
	}
	slices.SortFunc(list, namenode.CompareNames)
	files[dir] = list
	for _, name := range list {
		if depth > 0 && r.IntN(3) == 0 {
			grow(r, files, join(dir, name), depth-1)
		}
	}
}

// fetch serves pages of the given size.
func (f forest) fetch(size int) fetch {
	return func(_ context.Context, dir, after string) (page, error) {
		list, ok := f[dir]
		if !ok {
			return page{}, errors.New("not a directory: " + dir)
		}
		i := 0
		for after != "" && i < len(list) && namenode.CompareNames(list[i], after) <= 0 {
			i++
		}
		end := min(len(list), i+size)
		out := page{more: end < len(list)}
		for _, name := range list[i:end] {
			e := Entry{Path: join(dir, name), Kind: File}
			if kids, ok := f[e.Path]; ok {
				e.Kind, e.Children = Directory, len(kids)
			}
			out.entries = append(out.entries, e)
			out.last = name
		}
		return out, nil
	}
}

// want is the order promised, told simply.
func (f forest) want(dir string) (out []string) {
	for _, name := range f[dir] {
		out = append(out, join(dir, name))
		out = append(out, f.want(join(dir, name))...)
	}
	return out
}

func TestWalkOrderDoesNotDependOnPages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		f := forest{}
		grow(r, f, "", 4)
		want := f.want("")
		for _, size := range []int{1, 2, 3, 1000} {
			for _, parallel := range []int{1, 2, 7} {
				var got []string
				w := newWalker(t.Context(), f.fetch(size), parallel, func(string) bool { return false }, func(e Entry) error {
					got = append(got, e.Path)
					return nil
				})
				if err := w.under(""); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("pages of %d, %d at once: got %v, want %v", size, parallel, got, want)
				}
			}
		}
	}
}

func TestWalkSkipsAndEnds(t *testing.T) {
	f := forest{"": {"a", "b", "c"}, "a": {"x"}, "b": {"x"}, "c": {"x"}}
	var got []string
	skip := func(p string) bool { return p == "b" || p == "c/x" }
	w := newWalker(t.Context(), f.fetch(1), 2, skip, func(e Entry) error { got = append(got, e.Path); return nil })
	if err := w.under(""); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "a/x", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	stop := errors.New("enough")
	w = newWalker(t.Context(), f.fetch(1), 2, skip, func(Entry) error { return stop })
	if err := w.under(""); !errors.Is(err, stop) {
		t.Errorf("got %v, want the caller's error", err)
	}
	broken := func(ctx context.Context, dir, after string) (page, error) {
		if dir == "c" {
			return page{}, errors.New("namenode gone")
		}
		return f.fetch(1)(ctx, dir, after)
	}
	w = newWalker(t.Context(), broken, 2, func(string) bool { return false }, func(Entry) error { return nil })
	if err := w.under(""); err == nil || !strings.Contains(err.Error(), "namenode gone") {
		t.Errorf("got %v, want the listing's error: a part is no listing", err)
	}
}

// TestAWalkThatEndsLeavesNothingBehind ends a walk while it fetches ahead.
func TestAWalkThatEndsLeavesNothingBehind(t *testing.T) {
	f := forest{"": {"a", "b", "c", "d"}, "a": {"x"}, "b": {"x"}, "c": {"x"}, "d": {"x"}}
	var begun, ended atomic.Int32
	ahead := make(chan struct{}, 4)
	slow := func(ctx context.Context, dir, after string) (page, error) {
		if dir == "" {
			return f.fetch(10)(ctx, dir, after)
		}
		begun.Add(1)
		ahead <- struct{}{}
		<-ctx.Done()
		ended.Add(1)
		return page{}, ctx.Err()
	}
	stop := errors.New("enough")
	w := newWalker(t.Context(), slow, 2, func(string) bool { return false }, func(Entry) error {
		<-ahead
		return stop
	})
	if err := w.under(""); !errors.Is(err, stop) {
		t.Fatalf("got %v, want the caller's error", err)
	}
	if b, e := begun.Load(), ended.Load(); b == 0 || b != e {
		t.Errorf("%d fetches begun, %d ended when the walk returned", b, e)
	}
}

// wide is a tree of 1,000 directories with 1,000 files each, made up as it is
// listed.
func wide(_ context.Context, dir, after string) (page, error) {
	const n, size = 1000, 1000
	var out page
	for i := range n {
		name := fmt.Sprintf("%s-%06d", strings.Repeat("n", 20), i)
		if after != "" && name <= after {
			continue
		}
		if len(out.entries) == size {
			out.more = true
			break
		}
		e := Entry{
			Path: join(dir, name), Kind: File, Size: 4096, Mode: 0o644, Owner: "hdfs", Group: "supergroup",
			MTime: 1_700_000_000_000, ATime: 1_700_000_000_000, Replication: 3, BlockSize: 128 << 20, FileID: uint64(16000 + i),
		}
		if dir == "" {
			e.Kind, e.Children, e.Size = Directory, -1, 0
		}
		out.entries = append(out.entries, e)
		out.last = name
	}
	return out, nil
}

func TestAMillionEntriesInLittleMemory(t *testing.T) {
	dir := t.TempDir()
	var index Index
	used := heaptest.Peak(func() {
		var err error
		index, err = writeShards(Tree{Root: "/wide"}, dir, ShardOptions{}, func(each func(Entry) error) (n Totals, err error) {
			w := newWalker(t.Context(), wide, DefaultParallel, func(string) bool { return false }, func(e Entry) error {
				n.add(e)
				return each(e)
			})
			return n, w.under("")
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%d MiB", used>>20)
	if index.Totals.Files != 1_000_000 || index.Totals.Dirs != 1000 || index.Shards.Count != 100 || index.Dirs.Count != 1000 {
		t.Errorf("index %+v", index)
	}
	if used > 64<<20 {
		t.Errorf("%d MiB of heap for a million entries, want less than 64", used>>20)
	}
}

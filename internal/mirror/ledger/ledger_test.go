package ledger_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drover/internal/mirror/ledger"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/plan/plantest"
	"drover/internal/mirror/tree"
	"drover/internal/storage"
	"drover/internal/storage/local"
	"drover/internal/storage/mem"
)

// damage cuts the files of a pattern in half.
func damage(t *testing.T, pattern string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing to damage: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text[:len(text)/2], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestComparePaths(t *testing.T) {
	// As a NameNode lists: what is not ASCII first.
	want := []string{"", "日本", "A", "a", "a/b", "a/b/c", "a/b-c", "a-b", "a0", "b", "gr", "größe", "größe/a", "größer"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, ledger.ComparePaths)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// wide is a source of n empty files in directories of a thousand.
type wide struct {
	n int
	state
}

func (w wide) List(_ context.Context, _ string, _ []string, each func(tree.Entry) error) error {
	if err := each(tree.Entry{Kind: tree.Directory}); err != nil {
		return err
	}
	for i := range w.n {
		dir := fmt.Sprintf("d%05d", i/1000)
		if i%1000 == 0 {
			if err := each(tree.Entry{Path: dir, Kind: tree.Directory}); err != nil {
				return err
			}
		}
		if err := each(tree.Entry{Path: fmt.Sprintf("%s/f%08d", dir, i), Kind: tree.File}); err != nil {
			return err
		}
	}
	return nil
}

func (wide) Scan(context.Context, func(tree.Entry) error) error { return nil }

func (w wide) Stat(_ context.Context, rel string) (tree.Entry, error) {
	e := tree.Entry{Path: rel, Kind: tree.Directory}
	if strings.Contains(rel, "f") {
		e.Kind, e.Mode = tree.File, 0o600
	}
	return e, nil
}

func (wide) Open(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("")), nil
}

// TestARoundWritesOnlyTheShardsItChanges: the cost of a round is that of its
// changes, not that of the tree.
func TestARoundWritesOnlyTheShardsItChanges(t *testing.T) {
	store := &storedFiles{Store: mem.New()}
	target := ledger.Target{Store: store, Root: "/copy"}
	l := &ledger.Ledger{Store: store, Dir: "/ledger", Scratch: t.TempDir()}
	first, err := ledger.Baseline(t.Context(), target, l, wide{n: 30_000}, "s1", ledger.Options{})
	if err != nil || first.Totals.Files != 30_000 || len(first.Shards) < 7 {
		t.Fatalf("got %+v in %d shards, %v", first.Totals, len(first.Shards), err)
	}
	store.names = nil
	p := plan.Plan{Copies: []plan.Copy{{Path: "d00001/f00001500", Prior: "d00001/f00001500"}, {Path: "d00028/f00028500", Prior: "d00028/f00028500"}}}
	if _, err := ledger.Apply(t.Context(), target, l, wide{}, ledger.Round{From: "s1", To: "s2", Plan: p}, ledger.Options{}); err != nil {
		t.Fatal(err)
	}
	shards := 0
	for _, name := range store.names {
		if strings.HasPrefix(name, "/ledger/shards/") {
			shards++
		}
	}
	if shards != 3 { // two of the generation, one of the round's parts
		t.Errorf("%d shards were written, want 3: %q", shards, store.names)
	}
	next, err := l.Current(t.Context())
	if err != nil || next.Totals != first.Totals || len(next.Shards) != len(first.Shards) {
		t.Errorf("got %+v in %d shards, %v", next.Totals, len(next.Shards), err)
	}
}

// storedFiles notes what is written.
type storedFiles struct {
	*mem.Store
	names []string
}

func (s *storedFiles) Create(ctx context.Context, name string, opt storage.CreateOptions) (storage.Writer, error) {
	if strings.HasPrefix(name, "/ledger") {
		s.names = append(s.names, name)
	}
	return s.Store.Create(ctx, name, opt)
}

// TestManyRounds goes through generations without a crash, on two kinds of
// store, with whatever random changes do to each other.
func TestManyRounds(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) storage.Store{
		"objects":     func(*testing.T) storage.Store { return mem.New() },
		"directories": localStore,
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				from, to, p, except := pair(t, seed+1000, 40, 30)
				store := open(t)
				target := ledger.Target{Store: store, Root: "/copy"}
				l := &ledger.Ledger{Store: store, Dir: "/ledger", Scratch: t.TempDir()}
				if _, err := ledger.Baseline(t.Context(), target, l, state{from}, "s1", ledger.Options{}); err != nil {
					t.Fatal(err)
				}
				if _, err := ledger.Apply(t.Context(), target, l, state{to}, ledger.Round{From: "s1", To: "s2", Plan: p}, ledger.Options{Chunk: 9}); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if diff := differs(holding(t, store, "/copy"), to, except); diff != "" {
					t.Fatalf("seed %d: %s", seed, diff)
				}
				settled(t, store, target, l, to, except)
			}
		})
	}
}

// settled fails the test if the target drifted from its ledger, or where the
// store keeps times these are not those of the source.
func settled(t *testing.T, store storage.Store, target ledger.Target, l *ledger.Ledger, want *plantest.Node, except map[string]bool) {
	t.Helper()
	g, err := l.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.Drift(t.Context(), target, l, g, func(d ledger.Drifted) error { return fmt.Errorf("%s", d) }); err != nil {
		t.Fatal(err)
	}
	if _, keeps := store.(storage.Dresser); !keeps {
		return
	}
	want.Walk(func(rel string, n *plantest.Node) bool {
		if except[rel] {
			return true
		}
		o, err := store.Stat(t.Context(), strings.TrimSuffix("/copy/"+rel, "/"))
		if e := entry(rel, n); err != nil || o.ModTime.UnixMilli() != e.MTime {
			t.Fatalf("%q was modified at %v, %v, want %d", rel, o.ModTime, err, e.MTime)
		}
		return true
	})
}

func localStore(t *testing.T) storage.Store {
	t.Helper()
	store, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return store
}

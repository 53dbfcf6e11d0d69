package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"drover/internal/mirror/ledger"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/plan/plantest"
	"drover/internal/mirror/tree"
	"drover/internal/storage"
	"drover/internal/storage/storagetest"
)

// unread is a source whose files nobody may read.
type unread struct{ state }

func (unread) Open(_ context.Context, rel string) (io.ReadCloser, error) {
	return nil, fmt.Errorf("%s was read at the source", rel)
}

// script makes a tree of steps such as "mkdir d", "create d/f", "rename a b",
// "delete a", "chmod a" and "grow a".
func script(t *testing.T, f *plantest.FS, steps string) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(steps), ";") {
		w := strings.Fields(line)
		if w[0] == "grow" {
			if err := f.Resize("tree/"+w[1], 33); err != nil {
				t.Fatal(err)
			}
			continue
		}
		m := plantest.Mutation{Op: w[0], Path: "tree/" + w[1], Size: 10, Mode: 0o711}
		if len(w) > 2 {
			m.To = "tree/" + w[2]
		}
		if err := f.Do(m); err != nil {
			t.Fatal(err)
		}
	}
}

func scripted(t *testing.T, before, between string) (from, to *plantest.Node, p plan.Plan) {
	t.Helper()
	f := plantest.New()
	if err := f.Mkdir("tree"); err != nil {
		t.Fatal(err)
	}
	script(t, f, before)
	from = f.Find("tree").Snapshot()
	script(t, f, between)
	to = f.Find("tree").Snapshot()
	p, err := plan.Build(plan.Diff{From: "s1", To: "s2", Changes: plantest.Difference(from, to)})
	if err != nil {
		t.Fatal(err)
	}
	return from, to, p
}

func TestRenamesAreCopiesInsideTheTarget(t *testing.T) {
	for name, c := range map[string]struct {
		before, between string
		copied, removed int64
	}{
		"a file":                      {"create a", "rename a b", 1, 1},
		"a swap":                      {"create a; create b", "rename a x; rename b a; rename x b", 2, 0},
		"a chain":                     {"create a; create b; create c", "rename c d; rename b c; rename a b", 3, 1},
		"a chain the other way":       {"create d; create c; create b", "rename b a; rename c b; rename d c", 3, 1},
		"a directory":                 {"mkdir d; create d/f; mkdir d/e; create d/e/g", "rename d x", 2, 2},
		"two directories swapped":     {"mkdir a; mkdir b; create a/f; create b/f", "rename a x; rename b a; rename x b", 2, 0},
		"a file under its own name":   {"create a", "rename a x; mkdir a; rename x a/a", 1, 1},
		"names of files and of dirs":  {"create a; mkdir b; create b/f", "rename a x; rename b a; rename x b", 2, 2},
		"another mode":                {"create a", "chmod a", 0, 0},
		"another mode and name":       {"create a", "chmod a; rename a b", 1, 1},
		"back while its dir went on":  {"mkdir d; create d/f; create d/g", "rename d/f x; rename d e; mkdir d; rename x d/f", 1, 1},
		"into an empty dir and empty": {"mkdir d; mkdir e; create d/f", "rename d/f e/f", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			from, to, p := scripted(t, c.before, c.between)
			r := newRig(t)
			if err := r.baseline(from); err != nil {
				t.Fatal(err)
			}
			got, err := ledger.Apply(t.Context(), r.target, r.ledger, unread{state{to}}, ledger.Round{From: "s1", To: "s2", Plan: p}, one)
			if err != nil {
				t.Fatal(err)
			}
			if want := (ledger.Changed{Copied: c.copied, Removed: c.removed}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			r.is("s2", to, nil)
		})
	}
}

func TestAFileThatChangedAtTheTargetIsNotCopiedInside(t *testing.T) {
	from, to, p := scripted(t, "create a", "rename a b")
	r := newRig(t)
	if err := r.baseline(from); err != nil {
		t.Fatal(err)
	}
	storagetest.Put(t, r.store, "/copy/a", []byte("0123456789"))
	if err := r.round(to, p); err != nil {
		t.Fatal(err)
	}
	r.is("s2", to, nil)
}

func TestARoundBringsWhatIsNewAndWhatChanged(t *testing.T) {
	from, to, p := scripted(t, "create a; create b; mkdir d", "delete b; create c; create d/e; grow a; mkdir x; mkdir x/empty")
	r := newRig(t)
	if err := r.baseline(from); err != nil {
		t.Fatal(err)
	}
	done := 0
	opt := one
	opt.Done = func(ledger.Record) { done++ }
	got, err := ledger.Apply(t.Context(), r.target, r.ledger, state{to}, ledger.Round{From: "s1", To: "s2", Plan: p}, opt)
	if want := (ledger.Changed{Brought: 3, Removed: 1, Bytes: 33 + 2*10}); err != nil || got != want || done != 3 {
		t.Errorf("got %+v, %v, %d told, want %+v", got, err, done, want)
	}
	r.is("s2", to, nil)
	if again, err := ledger.Apply(t.Context(), r.target, r.ledger, unread{state{to}}, ledger.Round{From: "s1", To: "s2", Plan: p}, one); err != nil || again != (ledger.Changed{}) {
		t.Errorf("again: %+v, %v, want nothing done", again, err)
	}
}

func TestDriftIsToldAndTakenBack(t *testing.T) {
	from, _, _ := scripted(t, "create a; create b; mkdir d; create d/f; mkdir e; create g", "chmod a")
	r := newRig(t)
	if err := r.baseline(from); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for _, err := range []error{
		r.store.Remove(ctx, "/copy/a"), r.store.Remove(ctx, "/copy/g"), r.store.RemoveAll(ctx, "/copy/d"), r.store.Mkdirs(ctx, "/copy/a/b"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	storagetest.Put(t, r.store, "/copy/b", []byte("9876543210"))
	storagetest.Put(t, r.store, "/copy/e/new/f", nil)
	g, err := r.ledger.Current(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = ledger.Drift(ctx, r.target, r.ledger, g, func(d ledger.Drifted) error {
		got = append(got, d.How+" "+d.Path)
		return nil
	})
	want := "changed a,extra a/b,changed b,missing d,missing d/f,extra e/new,missing g"
	if text := strings.Join(got, ","); err != nil || text != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
	n, err := ledger.Restore(ctx, r.target, r.ledger, state{from}, "s1", one)
	if err != nil || n != 7 {
		t.Errorf("restored %d, %v, want 7", n, err)
	}
	r.is("s1", from, nil)
}

func TestMendBringsWhatNoListingShows(t *testing.T) {
	from, to, _ := scripted(t, "create a; create b", "chmod b")
	r := newRig(t)
	if err := r.baseline(from); err != nil {
		t.Fatal(err)
	}
	to.Find("a").Data += 1000 // written anew to its old length: no difference names it
	if n, err := ledger.Mend(t.Context(), r.target, r.ledger, state{to}, "s1", []string{"a", "b"}, one); err != nil || n != 2 {
		t.Errorf("mended %d, %v, want 2", n, err)
	}
	r.is("s1", to, nil)
}

func TestWhatCannotBeMirroredIsRefused(t *testing.T) {
	from, to, p := scripted(t, "create a", "mkdir d; create d/b; create d/c")
	r := newRig(t)
	var refused *tree.Unsupported
	if _, err := ledger.Baseline(t.Context(), r.target, r.ledger, linked{state{from}}, "s1", one); !errors.As(err, &refused) || refused.First[0] != "a (symbolic link)" {
		t.Errorf("baseline: got %v, want it refused by name", err)
	}
	if r.store.calls != 0 {
		t.Errorf("%d calls changed the target before the tree was refused", r.store.calls)
	}
	if err := r.baseline(from); err != nil {
		t.Fatal(err)
	}
	r.store.calls = 0
	_, err := ledger.Apply(t.Context(), r.target, r.ledger, linked{state{to}}, ledger.Round{From: "s1", To: "s2", Plan: p}, one)
	if !errors.As(err, &refused) || refused.Count != 2 || r.store.calls != 0 {
		t.Errorf("round: got %v after %d calls, want both refused by name and nothing changed", err, r.store.calls)
	}
}

// linked shows files as symbolic links.
type linked struct{ state }

func (l linked) Scan(ctx context.Context, each func(tree.Entry) error) error {
	return l.List(ctx, "", nil, each)
}

func (l linked) List(ctx context.Context, under string, skip []string, each func(tree.Entry) error) error {
	return l.state.List(ctx, under, skip, func(e tree.Entry) error {
		if !e.IsDir() {
			e.Kind = tree.Symlink
		}
		return each(e)
	})
}

func TestARoundFromAnotherSnapshotIsRefused(t *testing.T) {
	from, to, p := scripted(t, "create a", "rename a b")
	r := newRig(t)
	if err := r.baseline(from); err != nil {
		t.Fatal(err)
	}
	_, err := ledger.Apply(t.Context(), r.target, r.ledger, state{to}, ledger.Round{From: "s0", To: "s2", Plan: p}, one)
	if err == nil || !strings.Contains(err.Error(), `is at snapshot "s1"`) {
		t.Errorf("got %v, want a refusal that names the snapshot of the ledger", err)
	}
	if _, err := ledger.Baseline(t.Context(), r.target, r.ledger, state{to}, "s2", one); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second baseline: got %v, want a refusal", err)
	}
}

// spoiling changes what is written and says that all is well.
type spoiling struct {
	*crashing
	spoil func(b []byte) []byte
}

func (s spoiling) Create(ctx context.Context, name string, opt storage.CreateOptions) (storage.Writer, error) {
	w, err := s.crashing.Create(ctx, name, opt)
	return spoilingWriter{w, s.spoil}, err
}

type spoilingWriter struct {
	storage.Writer
	spoil func(b []byte) []byte
}

func (w spoilingWriter) Write(b []byte) (int, error) {
	_, err := w.Writer.Write(w.spoil(b))
	return len(b), err
}

func TestAFileThatTheTargetDidNotKeepIsAnError(t *testing.T) {
	for name, spoil := range map[string]func(b []byte) []byte{
		"half of it is kept": func(b []byte) []byte { return b[:len(b)/2] },
		"a bit turned":       func(b []byte) []byte { return append([]byte{b[0] ^ 1}, b[1:]...) },
	} {
		t.Run(name, func(t *testing.T) {
			from, _, _ := scripted(t, "create a", "chmod a")
			r := newRig(t)
			r.target.Store = spoiling{r.store, spoil}
			if err := r.baseline(from); err == nil || !strings.Contains(err.Error(), "read back /copy/a") {
				t.Errorf("got %v, want the file that was read back named", err)
			}
		})
	}
}

func TestWhatIsThereIsReadBackAfterACrashAndNotBroughtAgain(t *testing.T) {
	from, _, _ := scripted(t, "create a; create b; create c", "chmod a")
	r := newRig(t)
	r.store.at = 8 // the call that completes c
	if err := r.baseline(from); !errors.Is(err, errCrash) {
		t.Fatalf("got %v, want the crash", err)
	}
	r.store.at = 0
	source := &counted{state: state{from}}
	if _, err := ledger.Baseline(t.Context(), r.target, r.ledger, source, "s1", one); err != nil {
		t.Fatal(err)
	}
	if source.reads != 1 {
		t.Errorf("%d files were read at the source, want c alone", source.reads)
	}
	r.is("s1", from, nil)
}

// counted counts the files that are read.
type counted struct {
	state
	reads int
}

func (c *counted) Open(ctx context.Context, rel string) (io.ReadCloser, error) {
	c.reads++
	return c.state.Open(ctx, rel)
}

func TestTheCopyOfAShardOnThisMachineMayBeLostOrDamaged(t *testing.T) {
	from, _, _ := scripted(t, "create a", "chmod a")
	r := newRig(t)
	if err := r.baseline(from); err != nil {
		t.Fatal(err)
	}
	damage(t, filepath.Join(r.ledger.Scratch, "*.manifest"))
	r.is("s1", from, nil)
	r.ledger.Scratch = t.TempDir()
	r.is("s1", from, nil)
}

//go:build cluster

package tree_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"os/user"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/config"
	"drover/internal/hadoop/namenode"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/storage/open"
	"drover/internal/workload/tree"
)

// side is one HDFS with a directory of the test's own.
type side struct {
	tree.Target
	store storage.Store
}

func onSite(t *testing.T, site string) side {
	t.Helper()
	at, err := sandboxtest.Shared(t).Site(site)
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current() // who runs the NameNode is its superuser
	if err != nil {
		t.Fatal(err)
	}
	root := fmt.Sprintf("/workload-tree-test/%s-%d", t.Name(), time.Now().UnixNano())
	target, end, err := tree.Open(at.NameNode, me.Username, root)
	if err != nil {
		t.Fatal(err)
	}
	store, _, err := open.Root("hdfs://"+at.NameNode+"/", config.HDFS{NameNodes: []string{at.NameNode}, User: me.Username})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		_, errRoot := target.NameNode.Delete(ctx, target.Root, true)
		_, errOutside := target.NameNode.Delete(ctx, target.Outside, true)
		if err := errors.Join(errRoot, errOutside, store.Close(), end()); err != nil {
			t.Error(err)
		}
	})
	return side{target, store}
}

// both runs fn on two HDFS at once.
func both(t *testing.T, a, b side, fn func(side) error) {
	t.Helper()
	var wg sync.WaitGroup
	for _, s := range []side{a, b} {
		wg.Go(func() {
			if err := fn(s); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// TestTheSameSeedGivesTheSameTreeOnTwoHDFS writes a tree of every shape to two
// HDFS, changes both by the same seed, and compares everything HDFS keeps after
// each step; and the bytes with what the model says.
func TestTheSameSeedGivesTheSameTreeOnTwoHDFS(t *testing.T) {
	a, b := onSite(t, "a"), onSite(t, "b")
	nodes := tree.Generate(tree.Spec{Seed: 11, Superuser: true, Dirs: 8, Files: 40, Depth: 12, Wide: 20})
	m := model(t, tree.All(nodes))
	both(t, a, b, func(s side) error {
		_, err := tree.Write(t.Context(), s.Target, tree.All(nodes), 0)
		return err
	})
	if diff := cmp.Diff(describe(t, a, true), describe(t, b, true)); diff != "" {
		t.Fatalf("two trees of one seed differ:\n%s", diff)
	}
	mutator := tree.NewMutator(m, 12, tree.MutatorOptions{Superuser: true})
	for range 2 {
		ops, err := mutator.Draw(30)
		if err != nil {
			t.Fatal(err)
		}
		var logs [2]bytes.Buffer
		both(t, a, b, func(s side) error {
			log := &logs[0]
			if s.Root == b.Root {
				log = &logs[1]
			}
			return tree.NewApplier(s.Target, log).Apply(t.Context(), ops)
		})
		if logs[0].String() != logs[1].String() || bytes.Count(logs[0].Bytes(), []byte("\n")) != len(ops) {
			t.Errorf("logs of %d ops have %d and %d bytes, want equal ones, a line for each op", len(ops), logs[0].Len(), logs[1].Len())
		}
		// Times move with the clock where something was changed.
		if diff := cmp.Diff(describe(t, a, false), describe(t, b, false)); diff != "" {
			t.Fatalf("the same changes made different trees:\n%s", diff)
		}
		asModel(t, a, m)
	}
}

// describe is a line for everything in the tree, with all that HDFS keeps of it.
func describe(t *testing.T, s side, times bool) []string {
	t.Helper()
	var out []string
	var walk func(name string)
	walk = func(name string) {
		st, err := s.NameNode.Stat(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		acl, errA := s.NameNode.ACL(t.Context(), name)
		xattrs, errX := s.NameNode.XAttrs(t.Context(), name)
		if err := errors.Join(errA, errX); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(xattrs, func(a, b namenode.XAttr) int { return strings.Compare(a.Name, b.Name) })
		line := fmt.Sprintf("%q type=%d size=%d mode=%o %s:%s repl=%d block=%d policy=%d acl=%v xattrs=%q",
			strings.TrimPrefix(name, s.Root), st.Type, st.Size, st.Mode, st.Owner, st.Group, st.Replication, st.BlockSize, st.StoragePolicy, acl.Entries, xattrs)
		if times {
			line += fmt.Sprintf(" times=%d,%d", st.ModTime, st.AccessTime)
		}
		if !st.IsDir() {
			sum, err := s.store.Checksum(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, line+" sum="+sum.Sum)
			return
		}
		out = append(out, line)
		err = s.NameNode.List(t.Context(), name, func(page []namenode.Status) error {
			for _, entry := range page {
				walk(path.Join(name, entry.Name))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	walk(s.Root)
	return out
}

// asModel wants exactly the model's names, and in each file the model's bytes.
func asModel(t *testing.T, s side, m *tree.Model) {
	t.Helper()
	var want []string
	for _, n := range m.Nodes() {
		want = append(want, fmt.Sprintf("%q", strings.TrimSuffix("/"+n.Path, "/")))
		if n.Dir {
			continue
		}
		r, err := s.store.Open(t.Context(), path.Join(s.Root, n.Path))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		if expected := contentOf(t, n); !bytes.Equal(got, expected) {
			t.Errorf("%q has %d bytes with digest %s, want %d with %s", n.Path, len(got), tree.Digest(got), len(expected), tree.Digest(expected))
		}
	}
	var got []string
	for _, line := range describe(t, s, false) {
		name, _, _ := strings.Cut(line, " type=")
		got = append(got, name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the tree has other names than the model:\n%s", diff)
	}
}

func contentOf(t *testing.T, n tree.Node) []byte {
	t.Helper()
	if n.Content == nil {
		return nil
	}
	return read(t, n.Content)
}

// TestTheNameNodeTakesNoColon is why no generator makes one.
func TestTheNameNodeTakesNoColon(t *testing.T) {
	a := onSite(t, "a")
	if err := a.NameNode.Mkdirs(t.Context(), a.Root+"/d", 0o755, true); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"with:colon", ":", "trailing:"} {
		made := a.NameNode.Mkdirs(t.Context(), path.Join(a.Root, name), 0o755, false)
		renamed := a.NameNode.Rename(t.Context(), a.Root+"/d", path.Join(a.Root, name), false)
		if made == nil || renamed == nil {
			t.Errorf("%q: mkdirs gave %v, rename %v: HDFS takes colons after all", name, made, renamed)
		}
	}
}

func TestARealTreeIsTakenOver(t *testing.T) {
	a := onSite(t, "a")
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("go env GOROOT: %v", err)
	}
	local := tree.Local{Dir: filepath.Join(strings.TrimSpace(string(root)), "src", "encoding"), MaxFiles: 150}
	stats, err := tree.Write(t.Context(), a.Target, local.Nodes(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Files < 100 || stats.Bytes == 0 {
		t.Errorf("got %+v, want over a hundred files", stats)
	}
	asModel(t, a, model(t, local.Nodes()))
}

// TestTheWriterLosesNothingAndKnows fences a writer by a quota, holds it, moves
// it to the other HDFS, and checks its ledger against both.
func TestTheWriterLosesNothingAndKnows(t *testing.T) {
	a, b := onSite(t, "a"), onSite(t, "b")
	ledger := filepath.Join(t.TempDir(), "ledger")
	w, err := tree.StartWriter(t.Context(), a.Target, tree.WriterConfig{Rate: 400, Workers: 4, LedgerPath: ledger})
	if err != nil {
		t.Fatal(err)
	}
	until := func(what string, reached func(tree.WriterStats) bool) tree.WriterStats {
		t.Helper()
		deadline := time.NewTimer(30 * time.Second)
		defer deadline.Stop()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			s := w.Stats()
			if reached(s) {
				return s
			}
			select {
			case <-deadline.C:
				t.Fatalf("the writer never %s: %+v", what, s)
			case <-tick.C:
			}
		}
	}
	until("wrote", func(s tree.WriterStats) bool { return s.Acked >= 300 })
	if err := a.NameNode.SetQuota(t.Context(), a.Root, 1, namenode.KeepQuota); err != nil {
		t.Fatal(err)
	}
	until("noticed the quota", func(s tree.WriterStats) bool { return s.Refused > 0 && s.Frozen })
	if err := a.NameNode.SetQuota(t.Context(), a.Root, namenode.ClearQuota, namenode.KeepQuota); err != nil {
		t.Fatal(err)
	}
	before := w.Stats().Acked
	until("went on after the quota", func(s tree.WriterStats) bool { return s.Acked > before+50 })
	if err := w.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	held := w.Stats()
	check := func(s side, until int64) tree.LedgerCheck {
		t.Helper()
		got, err := tree.CheckLedger(t.Context(), s.store, s.Root, ledger, until)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	frozen := time.Now().UnixMilli()
	if got := check(a, 0); got.Lost != 0 || got.Unknown != 0 || got.Changes != held.Acked || !held.Frozen {
		t.Errorf("at the freeze: %+v, want %d changes and none lost; writer %+v", got, held.Acked, held)
	}
	copyTree(t, a, b)
	w.Switch(b.Target)
	until("wrote at the target", func(s tree.WriterStats) bool { return s.Target >= 100 })
	end, err := w.Stop(t.Context())
	if err != nil || end.Errors != 0 || end.FreezeMillis <= 0 {
		t.Errorf("stop: %v, %+v", err, end)
	}
	if got := check(b, 0); got.Lost != 0 || got.Changes != end.Acked {
		t.Errorf("at the end: %+v, want %d changes and none lost", got, end.Acked)
	}
	if got := check(a, frozen); got.Lost != 0 {
		t.Errorf("at the source, up to the freeze: %+v, want none lost", got)
	}
	if got := check(a, 0); got.Lost == 0 {
		t.Error("the source has what was written to the target only: the check does not look")
	}
}

// copyTree copies files by reading and writing: the mirror is tested elsewhere.
func copyTree(t *testing.T, from, to side) {
	t.Helper()
	var walk func(name string)
	walk = func(name string) {
		list, err := from.store.List(t.Context(), path.Join(from.Root, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := to.store.Mkdirs(t.Context(), path.Join(to.Root, name)); err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			below := path.Join(name, path.Base(o.Path))
			if o.IsDir {
				walk(below)
				continue
			}
			copyFile(t, from, to, below)
		}
	}
	walk("")
}

func copyFile(t *testing.T, from, to side, name string) {
	t.Helper()
	r, err := from.store.Open(t.Context(), path.Join(from.Root, name))
	if err != nil {
		t.Fatal(err)
	}
	w, err := to.store.Create(t.Context(), path.Join(to.Root, name), storage.CreateOptions{BlockSize: tree.MiB, Replication: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(w, r)
	if err := errors.Join(err, w.Commit(), r.Close()); err != nil {
		t.Fatal(err)
	}
}

//go:build cluster

package apply_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"drover/internal/mirror/apply"
	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/plan/plantest"
	"drover/internal/sandbox"
)

// TestRandomRoundsBetweenTwoClusters mirrors random changes from one HDFS to
// another round by round; every second round is first carried out in part, or
// whole, and taken back.
func TestRandomRoundsBetweenTwoClusters(t *testing.T) {
	source, target := open(t, "a"), open(t, "b")
	for seed := range uint64(3) {
		w := newWalk(source, 100+seed)
		m := mirror{source: w, target: target, root: target.allow(fmt.Sprint("tree", seed))}
		w.mutate(25)
		source.snapshot(w.root, "s0")
		empty := source.tree(w.root + "/.snapshot/s0")
		for _, name := range empty.Names() {
			m.copies("s0", []plan.Copy{{Path: name, Walk: true}})
		}
		target.snapshot(m.root, "s0")
		for n := range 8 {
			w.mutate(1 + w.rng.IntN(20))
			m.round(n)
		}
	}
}

// mirror is a source that changes and the tree that follows it.
type mirror struct {
	source *walk
	target *rig
	root   string
}

func (m *mirror) round(n int) {
	t, nn := m.target.t, m.target.nn
	t.Helper()
	from, to := fmt.Sprint("s", n), fmt.Sprint("s", n+1)
	m.source.r.snapshot(m.source.root, to)
	d, err := diff.Between(t.Context(), m.source.r.nn, m.source.root, from, to)
	m.target.must(err)
	p, err := plan.Build(d)
	m.target.must(err)
	log := strings.Join(m.source.logs[len(m.source.logs)-1], "\n")
	if n%2 == 1 {
		m.inPart(p, from, to, m.source.rng.IntN(len(p.Ops)+2))
	}
	staging, err := apply.PrepareStaging(t.Context(), nn, m.root, to, "before-"+to)
	m.target.must(err)
	if err := apply.Ops(t.Context(), nn, m.root, staging, p.Ops, 0, func(int) error { return nil }); err != nil {
		t.Fatalf("%v\n%s\n%+v", err, log, p.Ops)
	}
	m.copies(to, p.Copies)
	m.target.must(apply.Finish(t.Context(), nn, staging, p.Ops))
	m.same(to, log)
	m.target.snapshot(m.root, to)
}

// inPart carries a round out up to an operation, twice, or to its end, and takes
// it back.
func (m *mirror) inPart(p plan.Plan, from, to string, upTo int) {
	t, nn, ctx := m.target.t, m.target.nn, m.target.t.Context()
	t.Helper()
	before := "undone-" + to
	staging, err := apply.PrepareStaging(ctx, nn, m.root, before, before)
	m.target.must(err)
	ops := p.Ops[:min(upTo, len(p.Ops))]
	for range 2 {
		m.target.must(apply.Ops(ctx, nn, m.root, staging, ops, 0, func(int) error { return nil }))
	}
	moved := 0
	if upTo > len(p.Ops) {
		m.copies(to, p.Copies)
		m.target.must(apply.Finish(ctx, nn, staging, p.Ops))
	}
	undo, err := apply.Restore(ctx, nn, m.root, before, func(_ context.Context, list []plan.Copy) error {
		for _, c := range list {
			if c.New() {
				moved++
			}
		}
		m.copiesFrom(m.target, m.root+"/.snapshot/"+before, list)
		return nil
	})
	m.target.must(err)
	if upTo <= len(p.Ops) && moved > 0 {
		t.Errorf("taking back %d operations copied %d entries, want renames only: %+v", upTo, moved, undo)
	}
	m.same(from, fmt.Sprintf("taken back after %d of %d\n%+v", upTo, len(p.Ops), undo))
	m.target.must(apply.Retake(ctx, nn, m.root, from, from+"-aside"))
	d, err := diff.Between(ctx, nn, m.root, from, "")
	m.target.must(err)
	if len(d.Changes) > 0 {
		t.Errorf("after restore and retake %+v differ", d.Changes)
	}
}

func (m *mirror) copies(snapshot string, list []plan.Copy) {
	m.target.t.Helper()
	m.copiesFrom(m.source.r, m.source.root+"/.snapshot/"+snapshot, list)
}

// copiesFrom does copies of files by size alone, and of modes.
func (m *mirror) copiesFrom(from *rig, tree string, list []plan.Copy) {
	m.target.t.Helper()
	for _, c := range list {
		m.copy(from, strings.TrimSuffix(tree+"/"+c.Path, "/"), strings.TrimSuffix(m.root+"/"+c.Path, "/"), "", c)
	}
}

func (m *mirror) copy(from *rig, src, dst, rel string, c plan.Copy) {
	t, ctx := m.target.t, m.target.t.Context()
	t.Helper()
	if rel != "" && slices.Contains(c.Skip, rel) {
		return
	}
	s, err := from.nn.Stat(ctx, src)
	m.target.must(err)
	if c.DirKnown && rel == "" && c.Dir != s.IsDir() {
		t.Fatalf("%+v has the wrong kind", c)
	}
	if !s.IsDir() {
		m.target.must(m.target.create(dst, s.Size))
	}
	if s.IsDir() && c.New() {
		m.target.must(m.target.nn.Mkdirs(ctx, dst, 0o755, false))
		for name := range from.tree(src).Kids {
			m.copy(from, src+"/"+name, dst+"/"+name, strings.TrimPrefix(rel+"/"+name, "/"), c)
		}
	}
	m.target.must(m.target.nn.SetPermission(ctx, dst, s.Mode))
}

// same compares names, kinds, sizes and modes with a snapshot of the source.
func (m *mirror) same(snapshot, log string) {
	m.target.t.Helper()
	got, want := m.target.tree(m.root), m.source.r.tree(m.source.root+"/.snapshot/"+snapshot)
	if d := plantest.Compare(got, want, nil); d != "" {
		m.target.t.Fatalf("%s: %s\n%s", snapshot, d, log)
	}
}

// TestTheTextOfTheToolSaysTheSame compares what `hdfs snapshotDiff` prints with
// the calls' answer.
func TestTheTextOfTheToolSaysTheSame(t *testing.T) {
	r := open(t, "a")
	w := newWalk(r, 7)
	w.mutate(40)
	r.snapshot(w.root, "s1")
	w.mutate(25)
	site, err := r.sandbox.Site("a")
	r.must(err)
	// Without -fs the tool asks fs.defaultFS, whatever the path says. "." is the
	// current tree: the way back; the document's example is the other direction.
	out, err := r.sandbox.RunJava(t.Context(), "a", sandbox.JavaOptions{}, "org.apache.hadoop.hdfs.tools.snapshot.SnapshotDiff",
		"-fs", "hdfs://"+site.NameNode, w.root, ".", "s1")
	r.must(err)
	got, err := plan.Parse(strings.NewReader(string(out.Stdout)))
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out.Stdout, out.Stderr)
	}
	want, err := diff.OneShot(t.Context(), r.nn, w.root, "", "s1")
	r.must(err)
	if got.From != want.From || got.To != want.To || got.Backward != want.Backward || !slices.Equal(got.Changes, want.Changes) {
		t.Errorf("the text reads as\n%+v, the call says\n%+v", got, want)
	}
	if len(got.Changes) < 5 {
		t.Errorf("only %d changes", len(got.Changes))
	}
}

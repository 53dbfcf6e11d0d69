//go:build cluster

package activities_test

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"drover/activities"
	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
	"drover/internal/mirror/verify"
	"drover/internal/report"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
	work "drover/internal/workload/tree"
)

// mirror is a tree on each of two HDFS, of one test's own, and what makes one
// follow the other.
type mirror struct {
	*follower
	t              *testing.T
	order          order
	source, target work.Target
	model          *work.Model
	applier        *work.Applier
	rounds         int
}

var made atomic.Int64

// sandboxMirror is a mirror from one cluster of the shared sandbox to the other.
func sandboxMirror(t *testing.T) (*mirror, *sandbox.Sandbox) {
	t.Helper()
	box := sandboxtest.Shared(t)
	me, err := user.Current() // who runs the NameNodes is their superuser
	if err != nil {
		t.Fatal(err)
	}
	addresses := map[string][]string{}
	for _, site := range sandbox.SiteNames() {
		at, err := box.Site(site)
		if err != nil {
			t.Fatal(err)
		}
		addresses[site] = []string{at.NameNode}
	}
	return newMirror(t, addresses, me.Username), box
}

// newMirror makes a mirror from site a to site b, without a tree yet.
func newMirror(t *testing.T, nameNodes map[string][]string, user string) *mirror {
	t.Helper()
	name := fmt.Sprintf("%s-%d-%d", strings.ToLower(t.Name()[4:min(len(t.Name()), 24)]), time.Now().UnixNano(), made.Add(1))
	root := "/mirror-test/" + strings.ReplaceAll(strings.ReplaceAll(name, "/", "-"), "'", "")
	m := &mirror{t: t, order: order{
		NameNodes: nameNodes, Users: map[string]string{"a": user, "b": user}, StateDir: t.TempDir(), History: filepath.Join(t.TempDir(), "history"),
		At: activities.MirrorAt{Pair: activities.Pair{Source: "a", Target: "b"}, SourcePath: root, TargetPath: root, RunKey: "test"},
	}}
	m.source, m.target = m.open("a", root), m.open("b", root)
	m.must(m.target.NameNode.Mkdirs(t.Context(), filepath.Dir(root), 0o755, true))
	m.follower = m.again(m.order)
	return m
}

// open gives the tree of a site, which is removed with the test.
func (m *mirror) open(site, root string) work.Target {
	m.t.Helper()
	nn, err := namenode.Open(namenode.Config{Addresses: m.order.NameNodes[site], User: m.order.Users[site]})
	m.must(err)
	target := work.Target{NameNode: nn, DataNodes: datanode.New(datanode.Config{Name: nn.Name()}), Root: root, Outside: root + ".outside"}
	m.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		all, err := nn.Snapshots(ctx, root)
		if err != nil {
			all = nil // it was never made, or allows none
		}
		err = nil
		for _, s := range all {
			err = errors.Join(err, nn.DeleteSnapshot(ctx, root, s.Name))
		}
		for _, dir := range []string{root, target.Outside} {
			_, gone := nn.Delete(ctx, dir, true)
			err = errors.Join(err, gone)
		}
		if err = errors.Join(err, target.DataNodes.Close(), nn.Close()); err != nil {
			m.t.Errorf("remove %s at %s: %v", root, site, err)
		}
	})
	return target
}

func (m *mirror) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// again makes another follower of the same mirror, in the place of one whose
// process has ended.
func (m *mirror) again(o order) *follower {
	m.t.Helper()
	f, done, err := follow(o)
	m.must(err)
	m.t.Cleanup(func() {
		if err := done(); err != nil {
			m.t.Error(err)
		}
	})
	return f
}

// write makes the tree at the source.
func (m *mirror) write(nodes work.Nodes) work.Stats {
	m.t.Helper()
	stats, err := work.Write(m.t.Context(), m.source, nodes, 0)
	m.must(err)
	m.model, err = work.NewModel(nodes)
	m.must(err)
	m.applier = work.NewApplier(m.source, nil)
	return stats
}

// change makes changes to the source.
func (m *mirror) change(ops []work.Op) {
	m.t.Helper()
	if err := m.applier.Apply(m.t.Context(), ops); err != nil {
		m.t.Fatal(err)
	}
}

// snapshot names the snapshot after so many rounds; that of the baseline is 0.
func snapshot(rounds int) string { return fmt.Sprintf("s%05d", rounds) }

// begin copies the baseline.
func (m *mirror) begin() activities.MirrorCopied {
	m.t.Helper()
	copied, err := m.baseline(m.t.Context(), snapshot(0))
	m.must(err)
	return copied
}

// follow runs one round.
func (m *mirror) follow() activities.MirrorCopied {
	m.t.Helper()
	copied, err := m.round(m.t.Context(), snapshot(m.rounds), snapshot(m.rounds+1))
	m.must(err)
	m.rounds++
	return copied
}

// unreported are the kinds of differences that no snapshot diff shows.
var unreported = []verify.Kind{verify.ModTime, verify.Policy}

// trees gives both sides to compare.
func (m *mirror) trees() (source, target tree.Tree) {
	return tree.Tree{NN: m.source.NameNode, Root: m.source.Root}, tree.Tree{NN: m.target.NameNode, Root: m.target.Root}
}

// equal compares the target with a snapshot of the source, content and
// attributes.
func (m *mirror) equal(snapshot string, ignore ...verify.Kind) verify.Result {
	m.t.Helper()
	source, target := m.trees()
	res, err := verify.Trees(m.t.Context(), source.At(snapshot), target, verify.Options{Metadata: true, Ignore: ignore, Max: 10})
	m.must(err)
	if res.Verdict != report.Match || res.Dirs == 0 {
		m.t.Fatalf("the target against %s of the source: %+v", snapshot, res)
	}
	return res
}

// untouched wants the target as its own snapshot.
func (m *mirror) untouched(snapshot string) {
	m.t.Helper()
	drift, err := m.acts.FindMirrorDrift(m.t.Context(), driftInput(m.at, snapshot))
	m.must(err)
	if drift.Changed > 0 {
		m.t.Errorf("the target differs from its snapshot %s: %v", snapshot, drift.First)
	}
}

// driftInput asks for a look at some files, too.
func driftInput(at activities.MirrorAt, snapshot string) activities.MirrorDriftInput {
	return activities.MirrorDriftInput{MirrorSnapshotInput: activities.MirrorSnapshotInput{MirrorAt: at, Snapshot: snapshot}, Samples: 20}
}

//go:build cluster

package check_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"drover/internal/config"
	"drover/internal/hadoop/namenode"
	"drover/internal/hbase"
	"drover/internal/hbase/check"
	"drover/internal/preflight"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/storage/open"
)

// world is both clusters of the shared sandbox as preflight looks at them, and
// names of one test's own.
type world struct {
	t      *testing.T
	ctx    context.Context
	a, b   check.Side
	suffix string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s := sandboxtest.Shared(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, suffix: strings.ToLower(rand.Text()[:8])}
	side := func(name string) check.Side {
		site, err := s.Site(name)
		w.must(err)
		c, err := hbase.Open(hbase.Config{Quorum: site.Quorum, ZNodeParent: site.ZNodeParent, RootDir: site.RootDir})
		w.must(err)
		w.closeLater(c.Close)
		return w.on(c, config.HDFS{NameNodes: []string{site.NameNode}, User: "hbase"}, site.RootDir)
	}
	w.a, w.b = side("a"), side("b")
	w.a.Site, w.b.Site = "a", "b"
	return w
}

// on is a cluster whose files lie below root.
func (w *world) on(c *hbase.Cluster, at config.HDFS, root string) check.Side {
	w.t.Helper()
	store, path, err := open.Root(root, at)
	w.must(err)
	w.closeLater(store.Close)
	nn, err := namenode.Open(namenode.Config{Addresses: at.NameNodes, User: at.User})
	w.must(err)
	w.closeLater(nn.Close)
	return check.Side{Cluster: c, Store: store, Usage: store.Usage, Root: path, NameNode: nn}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) closeLater(end func() error) {
	w.t.Cleanup(func() {
		if err := end(); err != nil {
			w.t.Error(err)
		}
	})
}

// later runs a clean-up with a context that outlives the test's.
func (w *world) later(undo func(context.Context) error) {
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := undo(ctx); err != nil {
			w.t.Error(err)
		}
	})
}

// preflight judges what is seen of the two sides.
func (w *world) preflight(source, target check.Side, tables ...hbase.TableName) []preflight.Finding {
	w.t.Helper()
	facts, err := check.Gather(w.ctx, check.Request{Source: source, Target: target, Tables: tables, PeerID: "check_" + w.suffix, RunKey: "check" + w.suffix})
	w.must(err)
	return check.Judge(facts)
}

// find returns the one finding of that id about subject.
func (w *world) find(found []preflight.Finding, id, subject string) preflight.Finding {
	w.t.Helper()
	var all []preflight.Finding
	for _, f := range found {
		if f.ID == id && f.Subject == subject {
			all = append(all, f)
		}
	}
	if len(all) != 1 || all[0].Seen == "" || all[0].Do == "" {
		w.t.Fatalf("%d findings %s about %s, want one: %+v", len(all), id, subject, found)
	}
	return all[0]
}

// lacks fails the test if any of the ids was found about subject.
func (w *world) lacks(found []preflight.Finding, subject string, ids ...string) {
	w.t.Helper()
	for _, f := range found {
		if f.Subject == subject && slices.Contains(ids, f.ID) {
			w.t.Errorf("finding %+v, want none", f)
		}
	}
}

// TestPreflightOfAnHDFS puts an HDFS of its own, which it breaks, under the
// target.
func TestPreflightOfAnHDFS(t *testing.T) {
	w := newWorld(t)
	h := sandboxtest.OwnHDFS(t, nil)
	super := h.Client()
	w.must(super.Mkdirs(w.ctx, "/hbase", 0o755, true))
	w.must(super.SetOwner(w.ctx, "/hbase", "hbase", ""))
	target := func(user string) check.Side {
		s := w.on(w.b.Cluster, config.HDFS{NameNodes: h.Addresses(), User: user}, "hdfs://own/hbase")
		s.Site = "own"
		return s
	}
	admin, worker := target(h.Superuser()), target("hbase")
	// What every HBase has there.
	for _, name := range []string{"/hbase/hbase.id", "/hbase/hbase.version"} {
		w.write(worker, name)
	}

	t.Run("a sound one", func(t *testing.T) {
		w := w.part(t)
		found := w.preflight(w.a, admin)
		w.lacks(found, "own", "datanode-closed", "datanodes-unlisted", "target-space")
		w.lacks(found, "own hdfs", "cluster-unreachable")
	})
	t.Run("only superusers may list its DataNodes", func(t *testing.T) {
		w := w.part(t)
		found := w.preflight(w.a, worker)
		if f := w.find(found, "datanodes-unlisted", "own"); !strings.Contains(f.Seen, "only 1 DataNodes could be probed") {
			t.Errorf("seen %q, want the one that holds hbase.id", f.Seen)
		}
	})
	t.Run("a DataNode that takes no connection", func(t *testing.T) {
		w := w.part(t)
		nodes, err := super.LiveDataNodes(w.ctx)
		w.must(err)
		h.Kill(sandboxtest.DataNode)
		for _, side := range []check.Side{admin, worker} {
			f := w.find(w.preflight(w.a, side), "datanode-closed", "own")
			if f.Severity != preflight.Block || !strings.Contains(f.Seen, "1 of 1 ") || !strings.Contains(f.Seen, nodes[0].Addr(false)) || !strings.Contains(f.Seen, "refused") {
				t.Errorf("finding %+v, want that %s, the only one, is closed", f, nodes[0].Addr(false))
			}
		}
		h.Start(sandboxtest.DataNode)
		h.AwaitWritable()
	})
}

// part is the world of a subtest.
func (w *world) part(t *testing.T) *world {
	p := *w
	p.t = t
	return &p
}

// write makes a file of one block.
func (w *world) write(s check.Side, name string) {
	w.t.Helper()
	store, ok := s.Store.(open.Store)
	if !ok {
		w.t.Fatal("the side's store cannot be written to")
	}
	out, err := store.Create(w.ctx, name, storage.CreateOptions{})
	w.must(err)
	_, err = out.Write([]byte("x"))
	w.must(errors.Join(err, out.Commit()))
}

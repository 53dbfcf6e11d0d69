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

// until waits for a condition.
func (w *world) until(what string, done func() (bool, error)) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		w.must(err)
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			w.t.Fatalf("waited in vain until %s", what)
		}
	}
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
	for _, name := range []string{"/hbase/hbase.id", "/hbase/hbase.version", "/hbase/oldWALs/log"} {
		w.write(worker, name)
	}

	table := w.table(w.a, "hdfs", nil)
	w.fill(w.a, table)

	t.Run("a sound one", func(t *testing.T) {
		w := w.part(t)
		found := w.preflight(w.a, admin, table)
		w.lacks(found, "own", "datanode-closed", "datanodes-unlisted", "target-space", "target-names", "target-unwritable")
		w.lacks(found, "own hdfs", "cluster-unreachable")
		logs, err := check.LookAtLogs(w.ctx, w.a.NameNode, w.a.Root)
		w.must(err)
		if logs.Bytes == 0 || logs.Free == 0 || logs.Low() || logs.Full() {
			t.Errorf("%s: want those of a running HBase, and room", logs)
		}
	})
	t.Run("only superusers may list its DataNodes", func(t *testing.T) {
		w := w.part(t)
		found := w.preflight(w.a, worker)
		if f := w.find(found, "datanodes-unlisted", "own"); !strings.Contains(f.Seen, "only 1 DataNodes could be probed") {
			t.Errorf("seen %q, want the one that holds hbase.id", f.Seen)
		}
	})
	t.Run("a user who may not write, then not even list", func(t *testing.T) {
		w := w.part(t)
		ada := target("ada")
		w.lacks(w.preflight(ada, worker), "own", "source-unreadable", "target-unwritable")
		if f := w.find(w.preflight(w.a, ada), "target-unwritable", "own"); f.Severity != preflight.Block || !strings.HasSuffix(f.Seen, " /hbase") {
			t.Errorf("finding %+v, want that /hbase may not be written", f)
		}
		w.must(super.SetPermission(w.ctx, "/hbase", 0o700))
		ada.Cluster = w.a.Cluster // which knows the table
		found := w.preflight(ada, worker, table)
		if f := w.find(found, "source-unreadable", "own"); f.Severity != preflight.Block {
			t.Errorf("finding %+v, want a blocking one", f)
		}
		w.find(found, "quota-unread", "own")
		w.lacks(found, "own hdfs", "cluster-unreachable")
		w.lacks(found, "own hbase", "cluster-unreachable")
	})
	t.Run("quotas of its root directory", func(t *testing.T) {
		w := w.part(t)
		used, err := super.ContentSummary(w.ctx, "/hbase")
		w.must(err)
		w.must(super.SetQuota(w.ctx, "/hbase", used.Files+used.Dirs+1, used.SpaceConsumed))
		found := w.preflight(w.a, worker, table)
		w.find(found, "target-names", "own")
		for id, f := range map[string]preflight.Finding{
			"target-space": w.find(found, "target-space", "own"), "source-space": w.find(w.preflight(worker, w.b), "source-space", "own"),
		} {
			if f.Severity != preflight.Block || !strings.Contains(f.Seen, "0 B") || !strings.Contains(f.Seen, " free in the space quota of /hbase") {
				t.Errorf("%s: %+v, want that nothing is left of the quota of /hbase", id, f)
			}
		}
		w.must(super.SetQuota(w.ctx, "/hbase", namenode.ClearQuota, namenode.ClearQuota))
		w.lacks(w.preflight(w.a, worker, table), "own", "target-space", "target-names")
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
	})
	t.Run("a disk that is full", func(t *testing.T) { w.part(t).fullDisk(h, worker, table) })
}

// fullDisk starts the DataNode, which was ended, with all of its disk kept for
// others.
func (w *world) fullDisk(h *sandboxtest.HDFS, side check.Side, table hbase.TableName) {
	h.Set("dfs.datanode.du.reserved", "9000000000000000")
	h.Start(sandboxtest.DataNode)
	h.Await("its room is known", func(ctx context.Context, nn *namenode.Client) (bool, error) {
		s, err := nn.FsStats(ctx)
		return s.Remaining == 0, err
	})
	logs, err := check.LookAtLogs(w.ctx, h.Client(), side.Root)
	w.must(err)
	if !logs.Low() || !logs.Full() || logs.Bytes != 1 {
		w.t.Errorf("%s: want the one byte of logs, and no room", logs)
	}
	for id, found := range map[string][]preflight.Finding{"target-space": w.preflight(w.a, side, table), "source-space": w.preflight(side, w.b)} {
		if f := w.find(found, id, "own"); f.Severity != preflight.Block || !strings.Contains(f.Seen, "0 B") || !strings.Contains(f.Seen, " free on HDFS") {
			w.t.Errorf("%s: %+v, want that nothing is free", id, f)
		}
	}
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

//go:build cluster

package copy_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mirror "drover/internal/mirror/copy"
	"drover/internal/mirror/tree"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
)

// atWork is a network that knows which of some DataNodes answered last.
type atWork struct {
	nodes map[string]string // addresses by name
	mu    sync.Mutex
	name  string
}

func (a *atWork) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	return &answering{Conn: c, at: a, addr: addr}, err
}

func (a *atWork) last() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.name
}

type answering struct {
	net.Conn
	at   *atWork
	addr string
}

func (c *answering) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for name, addr := range c.at.nodes {
		if addr == c.addr {
			c.at.mu.Lock()
			c.at.name = name
			c.at.mu.Unlock()
		}
	}
	return n, err
}

// nodes is a world one side of which has several DataNodes, some killed.
type nodes struct {
	*world
	hdfs *sandboxtest.HDFS
}

// onOwn is a tree on the HDFS of several DataNodes.
func onOwn(t *testing.T, h *sandboxtest.HDFS, root string) tree.Tree {
	t.Helper()
	out := treeAt(t, h.Addresses()[0], h.Superuser(), root)
	if err := out.NN.Mkdirs(t.Context(), root, 0o755, true); err != nil {
		t.Fatal(err)
	}
	return out
}

// replicated writes a file of blocks of a MiB.
func (w *nodes) replicated(rel string, n, replication int) tree.Entry {
	w.t.Helper()
	wr, err := w.src.Store.Create(w.t.Context(), w.src.Path(rel), storage.CreateOptions{BlockSize: mib, Replication: replication})
	w.must(err)
	_, err = wr.Write(data(uint64(len(rel)), n))
	w.must(err)
	w.must(wr.Commit())
	// The entry says what is asked for; what a cluster of one node has is less.
	w.must(w.src.NN.SetReplication(w.t.Context(), w.src.Path(rel), replication))
	return w.stat(w.src, rel)
}

// lies gives the addresses of the DataNodes of each of a file's blocks.
func (w *nodes) lies(at tree.Tree, rel string) [][]string {
	w.t.Helper()
	l, err := at.NN.Blocks(w.t.Context(), at.Path(rel))
	w.must(err)
	var out [][]string
	for _, b := range l.Blocks {
		var addrs []string
		for _, n := range b.Nodes {
			addrs = append(addrs, n.Addr(false))
		}
		out = append(out, addrs)
	}
	return out
}

// killing copies a file and, when so many of its bytes have passed, kills the
// daemon that pick names. It returns that daemon's address.
func (w *nodes) killing(e tree.Entry, after int64, pick func(last string) string) string {
	w.t.Helper()
	network, opt := &atWork{nodes: w.hdfs.DataNodes()}, everything()
	opt.Dial, opt.BytesPerSecond = network.dial, 8*mib
	var passed int64
	var addr string
	opt.Moved = func(n int64) { // one file: one goroutine at a time
		if passed += n; addr == "" && passed > after {
			name := pick(network.last())
			addr = network.nodes[name]
			w.hdfs.Kill(name)
		}
	}
	res, err := mirror.File(w.t.Context(), w.src, e, w.dst, opt)
	w.must(err)
	if addr == "" {
		w.t.Fatalf("%s: no DataNode was killed", e.Path)
	}
	w.same(e, res)
	w.t.Logf("%s: killed %s, %+v", e.Path, addr, res)
	return addr
}

// TestDataNodesAreLostOutOfMany: four DataNodes, of which one after the other is
// killed: while it is read, as the first and as a later one of a pipeline, with
// the last block of a file that grows, until none is left. The NameNode counts on
// each of them all the time.
func TestDataNodesAreLostOutOfMany(t *testing.T) {
	// DataNodes that agree on the length of a block ask the dead ones, too.
	h := sandboxtest.OwnNodes(t, 4, map[string]string{
		"ipc.client.connect.max.retries": "1", "ipc.client.connect.retry.interval": "100",
		"dfs.namenode.redundancy.considerLoad": "false", // or a busy one is left out
	})
	began := time.Now()
	done := func(what string) { t.Logf("after %s: %s", time.Since(began).Round(time.Second/10), what) }
	root := fmt.Sprintf("/mirror-test/copy-%d", time.Now().UnixNano())
	own, shared := onOwn(t, h, root), treeOn(t, sandboxtest.Shared(t), "a", root)
	to := &nodes{world: &world{t: t, src: shared, dst: own}, hdfs: h}
	from := &nodes{world: &world{t: t, src: own, dst: shared}, hdfs: h}

	for replication := 2; replication <= 3; replication++ {
		e := to.replicated(fmt.Sprint("pipeline of ", replication), 2*mib+5, replication)
		res := to.copied(e)
		for i, at := range to.lies(own, e.Path) {
			if len(at) != replication {
				t.Errorf("block %d of %s is at %v, want it at %d", i, e.Path, at, replication)
			}
		}
		if res.Retries != 0 || !res.Relayed {
			t.Errorf("%s: %+v, want it relayed at once", e.Path, res)
		}
	}
	to.copied(to.replicated("grown", mib+700, 4)) // one will be left
	for i, at := range to.lies(own, "grown") {
		if len(at) != 4 {
			t.Fatalf("block %d of the file that will grow is at %v, want it at all", i, at)
		}
	}
	done("copied by pipelines")

	from.killing(from.replicated("read", 6*mib+5, 3), 2*mib+mib/2, func(last string) string { return last })
	done("killed while it was read")

	first := to.replicated("first", 8*mib+5, 3)
	gone := to.killing(first, 3*mib+mib/2, func(last string) string { return last })
	to.without(first, 4, gone)
	done("killed as the first of a pipeline")

	later := to.replicated("later", 8*mib+5, 2)
	gone = to.killing(later, 3*mib+mib/2, func(last string) string {
		for name := range h.DataNodes() {
			if name != last {
				return name
			}
		}
		return ""
	})
	to.without(later, 4, gone)
	done("killed as a later one")

	if left := len(h.DataNodes()); left != 1 {
		t.Fatalf("%d DataNodes are left, want 1", left)
	}
	to.copied(to.replicated("one left", 2*mib+5, 3))
	done("copied to the one left")
	if at := to.lies(own, "grown"); len(at[1]) < 2 {
		t.Fatalf("the grown file's last block is at %v, want it at dead nodes, too", at[1])
	}
	res := to.copied(to.grow(shared, "grown", data(9, mib)))
	if !res.Appended {
		t.Errorf("the grown file: %+v, want its tail appended", res)
	}
	done("appended where a pipeline was broken")
	to.noneLeft()
	done("lost the last one")
}

// without wants the blocks from the given one on not to be at a dead node, which
// the NameNode would go on choosing.
func (w *nodes) without(e tree.Entry, from int, dead string) {
	w.t.Helper()
	for i, at := range w.lies(w.dst, e.Path) {
		if i >= from && slices.Contains(at, dead) {
			w.t.Errorf("block %d of %s is said to be at %v, written after %s was killed", i, e.Path, at, dead)
		}
	}
}

// noneLeft kills the last DataNode: the failure names the file, and the copy is
// made once it is back.
func (w *nodes) noneLeft() {
	w.t.Helper()
	e := w.replicated("none left", 2*mib+5, 2)
	running := w.hdfs.DataNodes()
	for name := range running {
		w.hdfs.Kill(name)
	}
	opt := everything()
	opt.Attempts = 2
	_, err := mirror.File(w.t.Context(), w.src, e, w.dst, opt)
	if err == nil || !strings.Contains(err.Error(), w.src.Path(e.Path)) {
		w.t.Errorf("without a DataNode: %v, want an error that names the file", err)
	}
	w.t.Logf("without a DataNode: %v", err)
	for name, addr := range running {
		w.hdfs.Start(name)
		w.until(name+" listens", func() bool {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				return false
			}
			c.Close() //nolint:errcheck // it listens
			return true
		})
	}
	w.copied(e)
}

//go:build cluster

package copy_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"drover/internal/hadoop/datanode"
	mirror "drover/internal/mirror/copy"
	"drover/internal/sandbox/sandboxtest"
)

// TestARottenReplicaIsReadElsewhere: two of a block's three replicas have a wrong
// bit. The target's DataNodes refuse them; they were held to be broken, left out
// for ten minutes, and the same replica was read again. When no replica is sound
// what they refused was once taken for the copy.
func TestARottenReplicaIsReadElsewhere(t *testing.T) {
	// A node that is busy is left out by the NameNode itself.
	h := sandboxtest.OwnNodes(t, 3, map[string]string{"dfs.namenode.redundancy.considerLoad": "false"})
	root := fmt.Sprintf("/mirror-test/rotten-%d", time.Now().UnixNano())
	own := onOwn(t, h, root)
	to := onOwn(t, h, root+"-copy")
	w := &nodes{world: &world{t: t, src: own, dst: to}, hdfs: h}
	e, want := w.replicated("file", 6*mib+5, 3), data(4, 6*mib+5)
	w.until("every block has three replicas", func() bool {
		return !slices.ContainsFunc(w.lies(own, e.Path), func(at []string) bool { return len(at) < 3 })
	})
	rot := func(names ...string) {
		t.Helper()
		l, err := own.NN.Blocks(t.Context(), own.Path(e.Path))
		w.must(err)
		for _, b := range l.Blocks {
			for _, name := range names {
				h.Rot(name, b.ID)
			}
		}
	}
	first, others := sandboxtest.DataNode, []string{sandboxtest.DataNode + "-2", sandboxtest.DataNode + "-3"}
	rot(others...)
	res, err := mirror.File(t.Context(), own, e, to, everything())
	w.must(err)
	if got := w.get(to, e.Path); !bytes.Equal(got, want) {
		t.Errorf("the copy has %d bytes, and not those written", len(got))
	}
	if res.Retries != 0 || !res.Relayed {
		t.Errorf("%+v, want each block taken from the sound replica, in one attempt", res)
	}
	for i, at := range w.lies(to, e.Path) {
		if len(at) != 3 {
			t.Errorf("block %d lies at %v, want it at all three DataNodes: none of them failed", i, at)
		}
	}

	rot(first)
	w.must(second(to.NN.Delete(t.Context(), to.Path(e.Path), false)))
	opt := everything()
	opt.Attempts = 2
	_, err = mirror.File(t.Context(), own, e, to, opt)
	var damaged *datanode.DamagedError
	if !errors.As(err, &damaged) || !slices.Contains(w.addresses(), damaged.Node.Addr) {
		t.Errorf("no replica is sound: %v, want an error that names the block and its DataNode", err)
	}
	if there, err := to.NN.Blocks(t.Context(), to.Path(e.Path)); err == nil && there.Size > 0 {
		t.Errorf("the target has %d bytes of a file no block of which can be read", there.Size)
	}
	t.Log(err)
}

func second(_ bool, err error) error { return err }

func (w *nodes) addresses() []string {
	var out []string
	for _, addr := range w.hdfs.DataNodes() {
		out = append(out, addr)
	}
	return out
}

//go:build cluster

package hdfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/storage/hdfs"
	"drover/internal/storage/storagetest"
)

// TestADeadDataNodeIsLeftOut: of three DataNodes, all of which each block is to
// lie on, one is dead, and the NameNode does not know for ten minutes.
func TestADeadDataNodeIsLeftOut(t *testing.T) {
	from, dir := open(t, "a")
	h := sandboxtest.OwnNodes(t, 3, map[string]string{"dfs.replication": "3"})
	to, err := hdfs.Open(hdfs.Config{NameNodes: h.Addresses(), User: h.Superuser()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { to.Close() }) //nolint:errcheck // idle connections only
	want := storagetest.Bytes(3*mib + 7)
	src := write(t, from, dir+"/f", mib, want)
	for name := range h.DataNodes() {
		if name != sandboxtest.DataNode {
			h.Kill(name)
			break
		}
	}
	for n := range 3 {
		name := fmt.Sprintf("/nodes/written-%d", n)
		write(t, to, name, mib, want)
		if got := storagetest.Get(t, to, name); !bytes.Equal(got, want) {
			t.Errorf("%s is not what was written", name)
		}
		name = fmt.Sprintf("/nodes/relayed-%d", n)
		if done, err := to.Relay(t.Context(), from, src, name, func(int) error { return nil }); !done || err != nil {
			t.Fatalf("relay: %v, %v", done, err)
		}
		a, errA := from.Checksum(t.Context(), dir+"/f")
		b, errB := to.Checksum(t.Context(), name)
		if a != b || errA != nil || errB != nil {
			t.Errorf("%s: checksums %v %v, %v %v", name, a, b, errA, errB)
		}
	}
	for name := range h.DataNodes() {
		h.Kill(name)
	}
	w, err := to.Create(t.Context(), "/nodes/none", storage.CreateOptions{BlockSize: mib})
	if err == nil {
		_, err = w.Write(want)
		err = errors.Join(err, w.Abort())
	}
	if err == nil || !strings.Contains(err.Error(), "/nodes/none") {
		t.Errorf("without a DataNode: %v, want an error that names the file", err)
	}
	t.Logf("without a DataNode: %v", err)
}

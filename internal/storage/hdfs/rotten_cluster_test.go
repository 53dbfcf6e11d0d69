//go:build cluster

package hdfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"drover/internal/hadoop/namenode"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/storage/hdfs"
	"drover/internal/storage/storagetest"
)

// TestARottenReplicaIsNeverHandedOut: bytes of a replica with a wrong bit were
// given to the reader, without an error, and the file went on at another one.
func TestARottenReplicaIsNeverHandedOut(t *testing.T) {
	h := sandboxtest.OwnNodes(t, 3, map[string]string{"dfs.replication": "3", "dfs.namenode.redundancy.considerLoad": "false"})
	s, err := hdfs.Open(hdfs.Config{NameNodes: h.Addresses(), User: h.Superuser()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() }) //nolint:errcheck // idle connections only
	const name = "/rotten/f"
	want := storagetest.Bytes(2*mib + 700)
	write(t, s, name, mib, want)
	blocks := replicated(t, s, name, 3)
	called := map[string]string{} // by address
	for node, addr := range h.DataNodes() {
		called[addr] = node
	}
	rot := func(replica int) {
		for _, b := range blocks {
			h.Rot(called[b.Nodes[replica].Addr(false)], b.ID)
		}
	}
	for replica := range 2 { // the NameNode names the rotten ones first
		rot(replica)
		for _, size := range []int{100, 4096, 1 << 20} {
			got, err := inPieces(t, s, name, size)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("replica %d is rotten, too, pieces of %d bytes: %d bytes, %v, want what was written", replica, size, len(got), err)
			}
		}
	}
	rot(2)
	got, err := inPieces(t, s, name, 4096)
	if !bytes.HasPrefix(want, got) {
		t.Errorf("no replica is sound: the %d bytes handed out are not those written", len(got))
	}
	if err == nil {
		t.Fatal("no replica is sound: read to the end without an error")
	}
	t.Log(err)
	asked := []string{name, fmt.Sprintf("blk_%d", blocks[0].ID), "fsck"}
	for _, addr := range h.DataNodes() {
		asked = append(asked, addr)
	}
	for _, part := range asked {
		if strings.Count(err.Error(), part) == 0 {
			t.Errorf("%q does not name %s", err, part)
		}
	}
}

// replicated waits until each block of a file lies on so many DataNodes.
func replicated(t *testing.T, s *hdfs.Store, name string, replicas int) []namenode.Block {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		l, err := s.NameNode().Blocks(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		lacking := 0
		for _, b := range l.Blocks {
			lacking += replicas - len(b.Nodes)
		}
		if lacking == 0 {
			return l.Blocks
		}
		if time.Now().After(end) {
			t.Fatalf("%s lacks %d replicas after a minute", name, lacking)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}

// inPieces reads a file with a buffer of the given size and returns what came
// before the error.
func inPieces(t *testing.T, s storage.Reader, name string, size int) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // only read
	var got []byte
	for buf := make([]byte, size); ; {
		n, err := r.Read(buf)
		got = append(got, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
	}
}

// TestAFileBeingWrittenIsReadAsFarAsItsSize: of its last block the NameNode does
// not know how much is there.
func TestAFileBeingWrittenIsReadAsFarAsItsSize(t *testing.T) {
	s, dir := open(t, "a")
	want := storagetest.Bytes(2*mib + 300_000)
	w, err := s.Create(t.Context(), dir+"/f", storage.CreateOptions{BlockSize: mib})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort() //nolint:errcheck // nothing after Commit
	for at := 0; at < len(want); at += 700_000 {
		part := want[at:min(at+700_000, len(want))]
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
		o, err := s.Stat(t.Context(), dir+"/f")
		if err != nil {
			t.Fatal(err)
		}
		got, err := inPieces(t, s, dir+"/f", 32<<10)
		t.Logf("%d bytes written, size %d", at+len(part), o.Size)
		if err != nil || int64(len(got)) != o.Size || !bytes.HasPrefix(want, got) {
			t.Errorf("%d bytes written, size %d: read %d bytes, %v", at+len(part), o.Size, len(got), err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := storagetest.Get(t, s, dir+"/f"); !bytes.Equal(got, want) {
		t.Errorf("read %d bytes of %d at the end", len(got), len(want))
	}
}

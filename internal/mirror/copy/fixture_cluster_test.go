//go:build cluster

package copy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/user"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
	mirror "drover/internal/mirror/copy"
	"drover/internal/mirror/tree"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/storage/hdfs"
)

const mib = 1 << 20 // the sandbox's NameNodes refuse smaller blocks

// world is two trees, at two HDFS, of this test alone.
type world struct {
	t        *testing.T
	src, dst tree.Tree
}

func newWorld(t *testing.T) *world { return worldOn(t, sandboxtest.Shared(t)) }

func worldOn(t *testing.T, s *sandbox.Sandbox) *world {
	t.Helper()
	root := fmt.Sprintf("/mirror-test/copy-%d", time.Now().UnixNano())
	return &world{t: t, src: treeOn(t, s, "a", root), dst: treeOn(t, s, "b", root)}
}

// superuser is who the sandbox's daemons run as.
func superuser(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

func treeOn(t *testing.T, s *sandbox.Sandbox, site, root string) tree.Tree {
	t.Helper()
	at, err := s.Site(site)
	if err != nil {
		t.Fatal(err)
	}
	out := treeAt(t, at.NameNode, superuser(t), root)
	if err := out.NN.Mkdirs(t.Context(), root, 0o755, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		snapshots, err := out.NN.Snapshots(ctx, root)
		for _, snap := range snapshots {
			err = errors.Join(err, out.NN.DeleteSnapshot(ctx, root, snap.Name))
		}
		if len(snapshots) > 0 {
			err = errors.Join(err, out.NN.DisallowSnapshot(ctx, root))
		}
		if _, gone := out.NN.Delete(ctx, root, true); gone != nil {
			t.Errorf("remove %s at %s: %v, %v", root, site, gone, err)
		}
	})
	return out
}

func addresses(t *testing.T, site string) []string {
	t.Helper()
	at, err := sandboxtest.Shared(t).Site(site)
	if err != nil {
		t.Fatal(err)
	}
	return []string{at.NameNode}
}

func treeAt(t *testing.T, nameNode, as, root string) tree.Tree {
	t.Helper()
	nn, err := namenode.Open(namenode.Config{Addresses: []string{nameNode}, User: as})
	if err != nil {
		t.Fatal(err)
	}
	store, err := hdfs.Open(hdfs.Config{NameNodes: []string{nameNode}, User: as})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nn.Close(); store.Close() }) //nolint:errcheck // idle connections only
	return tree.Tree{NN: nn, Store: store, Root: root}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// data is n bytes that depend on the seed.
func data(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(b) //nolint:errcheck // never fails
	return b
}

// put writes a file with blocks of a MiB.
func (w *world) put(at tree.Tree, rel string, b []byte) tree.Entry {
	w.t.Helper()
	wr, err := at.Store.Create(w.t.Context(), at.Path(rel), storage.CreateOptions{BlockSize: mib})
	w.must(err)
	_, err = wr.Write(b)
	w.must(err)
	w.must(wr.Commit())
	return w.stat(at, rel)
}

func (w *world) stat(at tree.Tree, rel string) tree.Entry {
	w.t.Helper()
	e, err := tree.Stat(w.t.Context(), at, rel)
	w.must(err)
	w.must(tree.Attributes(w.t.Context(), at, &e))
	return e
}

func (w *world) get(at tree.Tree, rel string) []byte {
	w.t.Helper()
	r, err := at.Store.Open(w.t.Context(), at.Path(rel))
	w.must(err)
	defer r.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(r)
	w.must(err)
	return b
}

// grow appends to a file the way HDFS's client does: into its last block.
func (w *world) grow(at tree.Tree, rel string, more []byte) tree.Entry {
	w.t.Helper()
	ctx, nn, name := w.t.Context(), at.NN, at.Path(rel)
	release := nn.KeepLease(ctx)
	defer release()
	last, s, err := nn.Append(ctx, name, false)
	w.must(err)
	if last == nil {
		w.t.Fatalf("%s ends with a full block", name)
	}
	renewed, err := nn.UpdateBlockForPipeline(ctx, *last)
	w.must(err)
	dn := datanode.New(datanode.Config{Name: nn.Name()})
	defer dn.Close() //nolint:errcheck // idle connections only
	block := datanode.Block{ID: last.Proto(last.Length), Token: renewed.Token, Size: last.Length}
	for _, n := range last.Nodes {
		block.Nodes = append(block.Nodes, datanode.Node{Raw: n.Proto, Addr: n.Addr(false)})
	}
	out, err := dn.NewWriter(ctx, block, datanode.WriteOptions{Append: true, Generation: renewed.Generation})
	w.must(err)
	grown := *last
	grown.Generation = renewed.Generation
	w.must(nn.UpdatePipeline(ctx, *last, grown, last.Nodes, last.StorageIDs))
	_, err = out.Write(more)
	w.must(err)
	w.must(out.Close())
	w.until("the file is closed", func() bool {
		done, err := nn.Complete(ctx, name, grown.Proto(out.Size()), s.FileID)
		w.must(err)
		return done
	})
	return w.stat(at, rel)
}

func (w *world) until(what string, met func() bool) {
	w.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-deadline:
			w.t.Fatalf("not within a minute: %s", what)
		case <-tick.C:
		}
	}
}

func everything() mirror.Options { return mirror.Options{Preserve: tree.Everything(), Prove: true} }

// copied copies one file and checks that it is as the original.
func (w *world) copied(e tree.Entry) mirror.Result {
	w.t.Helper()
	res, err := mirror.File(w.t.Context(), w.src, e, w.dst, everything())
	w.must(err)
	w.same(e, res)
	return res
}

// same compares a file on both sides: attributes, Hadoop's checksum, bytes.
func (w *world) same(e tree.Entry, res mirror.Result) {
	w.t.Helper()
	want, got := e, w.stat(w.dst, e.Path)
	want.FileID, got.FileID = 0, 0
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s: attributes (-want +got): %s", e.Path, diff)
	}
	a, errA := w.src.Store.Checksum(w.t.Context(), w.src.Path(e.Path))
	b, errB := w.dst.Store.Checksum(w.t.Context(), w.dst.Path(e.Path))
	if errA != nil || errB != nil || a.Sum != b.Sum {
		w.t.Errorf("%s: checksums %v %v, %v %v", e.Path, a, errA, b, errB)
	}
	if res.Checksum != "" && res.Checksum != a.Sum {
		w.t.Errorf("%s: copy says checksum %s, HDFS %s", e.Path, res.Checksum, a.Sum)
	}
	if !bytes.Equal(w.get(w.src, e.Path), w.get(w.dst, e.Path)) {
		w.t.Errorf("%s: bytes differ", e.Path)
	}
}

//go:build cluster

package verify_test

import (
	"context"
	"fmt"
	"os/user"
	"path"
	"testing"
	"time"

	"drover/internal/config"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/storage/open"
)

// hdfsTree returns a directory of this test's own on a site's HDFS, which
// exists and is removed with its snapshots afterwards.
func hdfsTree(t *testing.T, site, name string) tree.Tree {
	t.Helper()
	s, err := sandboxtest.Shared(t).Site(site)
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current() // who runs the NameNode is its superuser
	if err != nil {
		t.Fatal(err)
	}
	store, root, err := open.Root(fmt.Sprintf("hdfs://%s/mirror-test/%s-%d", s.NameNode, name, time.Now().UnixNano()), config.HDFS{NameNodes: []string{s.NameNode}, User: me.Username})
	if err != nil {
		t.Fatal(err)
	}
	nn, err := namenode.Open(namenode.Config{Addresses: []string{s.NameNode}, User: me.Username})
	if err != nil {
		t.Fatal(err)
	}
	tr := tree.Tree{NN: nn, Store: store, Root: root}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		for _, err := range []error{clean(ctx, tr), nn.Close(), store.Close()} {
			if err != nil {
				t.Errorf("clean up: %v", err)
			}
		}
	})
	if err := nn.Mkdirs(t.Context(), root, 0o755, true); err != nil {
		t.Fatal(err)
	}
	return tr
}

func clean(ctx context.Context, tr tree.Tree) error {
	all, err := tr.NN.Snapshots(ctx, tr.Root)
	if err == nil {
		for _, s := range all {
			if err := tr.NN.DeleteSnapshot(ctx, tr.Root, s.Name); err != nil {
				return err
			}
		}
		if err := tr.NN.DisallowSnapshot(ctx, tr.Root); err != nil {
			return err
		}
	}
	_, err = tr.NN.Delete(ctx, tr.Root, true)
	return err
}

// write makes a file with all that can be chosen of it.
func write(t *testing.T, tr tree.Tree, rel string, data []byte, block int64) {
	t.Helper()
	w, err := tr.Store.Create(t.Context(), path.Join(tr.Root, rel), storage.CreateOptions{BlockSize: block, Replication: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	must(t, tr.NN.SetTimes(t.Context(), path.Join(tr.Root, rel), 1_700_000_000_123, -1))
}

func snapshot(t *testing.T, tr tree.Tree, name string) {
	t.Helper()
	_, err := tr.NN.CreateSnapshot(t.Context(), tr.Root, name)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

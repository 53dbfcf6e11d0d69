//go:build cluster

package retention_test

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/config"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/retention"
	"drover/internal/mirror/tree"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage/open"
	"drover/internal/storage/storagetest"
	work "drover/internal/workload/tree"
)

// TestWhatASnapshotAloneHolds plants files of known lengths whose lives end
// between snapshots in every way, and which grow and are cut, and holds the
// answer against it.
func TestWhatASnapshotAloneHolds(t *testing.T) {
	site, err := sandboxtest.Shared(t).Site("a")
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current() // who runs the NameNode is its superuser
	if err != nil {
		t.Fatal(err)
	}
	store, root, err := open.Root(fmt.Sprintf("hdfs://%s/mirror-test/held-%d", site.NameNode, time.Now().UnixNano()), config.HDFS{NameNodes: []string{site.NameNode}, User: me.Username})
	if err != nil {
		t.Fatal(err)
	}
	nn, err := namenode.Open(namenode.Config{Addresses: []string{site.NameNode}, User: me.Username})
	if err != nil {
		t.Fatal(err)
	}
	tr := tree.Tree{NN: nn, Store: store, Root: root}
	names := []string{"s1", "s2", "s3"}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		errs := []error{}
		for _, name := range names {
			errs = append(errs, nn.DeleteSnapshot(ctx, root, name))
		}
		errs = append(errs, nn.DisallowSnapshot(ctx, root), store.RemoveAll(ctx, root), nn.Close(), store.Close())
		if err := errors.Join(errs...); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	put := func(rel string, n int) { storagetest.Put(t, store, tr.Path(rel), storagetest.Bytes(n)) }
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	drop := func(rel string) { _, err := nn.Delete(t.Context(), tr.Path(rel), true); do(err) }
	move := func(from, to string) { do(nn.Rename(t.Context(), tr.Path(from), tr.Path(to), false)) }
	mark := func(name string) { _, err := nn.CreateSnapshot(t.Context(), root, name); do(err) }
	at, closed, err := work.Open(site.NameNode, me.Username, root)
	do(err)
	t.Cleanup(func() {
		if err := closed(); err != nil {
			t.Error(err)
		}
	})
	writer := work.NewApplier(at, nil)
	grow := func(rel string, n int64) {
		do(writer.Apply(t.Context(), []work.Op{{Kind: work.Append, Path: rel, Piece: &work.Piece{Seed: 1, Bytes: n}}}))
	}

	put("stays", 1)
	put("until-s1", 10)
	put("dir/until-s2", 100)
	put("dir/rescued", 1000)
	put("cut", 5_000_000)
	put("grows", 7)
	do(nn.AllowSnapshot(t.Context(), root))
	mark("s1")
	drop("until-s1")
	move("dir", "renamed")
	put("renamed/only-s2", 10_000)
	do(writer.Apply(t.Context(), []work.Op{{Kind: work.Truncate, Path: "cut", Size: 3_000_000}}))
	grow("grows", 20)
	mark("s2")
	move("renamed/rescued", "rescued")
	drop("renamed")
	put("only-s3", 100_000)
	grow("grows", 300)
	mark("s3")
	drop("only-s3")
	drop("grows")
	grow("stays", 4)

	got, err := retention.Held(t.Context(), tr, names)
	do(err)
	want := []retention.Holding{
		{Name: "s1", Files: 2, Bytes: 2_000_010}, {Name: "s2", Files: 1, Bytes: 10_000}, {Name: "s3", Files: 2, Bytes: 100_300},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("held alone (-want +got):\n%s", diff)
	}
}

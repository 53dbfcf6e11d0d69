//go:build cluster

package hdfs_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/storage/hdfs"
	"drover/internal/storage/storagetest"
)

// open returns the HDFS of a site and a directory of this test's own, which is
// removed afterwards.
func open(t *testing.T, site string) (*hdfs.Store, string) {
	t.Helper()
	s, err := sandboxtest.Shared(t).Site(site)
	if err != nil {
		t.Fatal(err)
	}
	store, err := hdfs.Open(hdfs.Config{NameNodes: []string{s.NameNode}, User: "hbase"})
	if err != nil {
		t.Fatal(err)
	}
	dir := "/storagetest-" + rand.Text()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		if err := store.RemoveAll(ctx, dir); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store, dir
}

func TestContract(t *testing.T) {
	storagetest.Suite{New: func(t *testing.T) (storage.Store, string) { return open(t, "a") }}.Run(t)
}

//go:build cluster

package hdfs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"drover/internal/storage"
	"drover/internal/storage/mem"
	"drover/internal/storage/storagetest"
)

const mib = 1 << 20 // the sandbox's NameNodes refuse smaller blocks

// write makes a file with the given block size.
func write(t *testing.T, store storage.Store, name string, block int64, data []byte) storage.Object {
	t.Helper()
	w, err := store.Create(t.Context(), name, storage.CreateOptions{BlockSize: block})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(errors.Join(err, w.Abort()))
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	o, err := store.Stat(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRelay(t *testing.T) {
	from, dir := open(t, "a")
	to, todir := open(t, "b")
	for _, size := range []int{0, 1, 512, 65537, mib, mib + 1, 3*mib - 1, 4 * mib} {
		want := storagetest.Bytes(size)
		src := write(t, from, dir+"/f", mib, want)
		storagetest.Put(t, to, todir+"/x/f", []byte("what was there before"))
		var moved int64
		done, err := to.Relay(t.Context(), from, src, todir+"/x/f", func(n int) error { moved += int64(n); return nil })
		if !done || err != nil || moved != int64(size) {
			t.Fatalf("%d bytes: %v, %v, %d moved", size, done, err, moved)
		}
		if got := storagetest.Get(t, to, todir+"/x/f"); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: the copy differs", size)
		}
		a, errA := from.Checksum(t.Context(), dir+"/f")
		b, errB := to.Checksum(t.Context(), todir+"/x/f")
		if a != b || errA != nil || errB != nil {
			t.Errorf("%d bytes: checksums %v %v, %v %v", size, a, b, errA, errB)
		}
	}
}

func TestRelayDeclinesWhatItCannotDo(t *testing.T) {
	from, dir := open(t, "a")
	to, todir := open(t, "b")
	src := write(t, from, dir+"/f", mib, storagetest.Bytes(100))
	other := mem.New()
	storagetest.Put(t, other, dir+"/f", storagetest.Bytes(100))
	stale := src
	stale.Size++
	none := func(int) error { return nil }
	for name, call := range map[string]func() (bool, error){
		"a source of another kind":       func() (bool, error) { return to.Relay(t.Context(), other, src, todir+"/f", none) },
		"a file that has another length": func() (bool, error) { return to.Relay(t.Context(), from, stale, todir+"/f", none) },
	} {
		if done, err := call(); done || err != nil {
			t.Errorf("%s: %v, %v, want it declined", name, done, err)
		}
	}
	gone := src
	gone.Path = dir + "/gone"
	if done, err := to.Relay(t.Context(), from, gone, todir+"/f", none); done || !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("an absent file: %v, %v, want ErrNotExist", done, err)
	}
	if _, err := to.Stat(t.Context(), todir+"/f"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
}

func TestRelayGivenUpLeavesNothing(t *testing.T) {
	from, dir := open(t, "a")
	to, todir := open(t, "b")
	src := write(t, from, dir+"/f", mib, storagetest.Bytes(3*mib))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	done, err := to.Relay(ctx, from, src, todir+"/f", func(int) error { cancel(); return ctx.Err() })
	if !done || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v, want context.Canceled", done, err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("gave up after %v", d)
	}
	if _, err := to.Stat(t.Context(), todir+"/f"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

// TestCompositeCRC shows that the sum of a file's bytes does not depend on how
// they are cut into blocks.
func TestCompositeCRC(t *testing.T) {
	store, dir := open(t, "a")
	data := storagetest.Bytes(3*mib + 1000)
	want := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	for _, block := range []int64{mib, 2 * mib, 8 * mib} {
		name := fmt.Sprintf("%s/%d", dir, block)
		write(t, store, name, block, data)
		if got, err := store.CompositeCRC(t.Context(), name); err != nil || got != want {
			t.Errorf("blocks of %d bytes: got %08x, %v, want %08x", block, got, err, want)
		}
	}
}

package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"drover/internal/storage"
)

func rename(t *testing.T, store storage.Store, dir string) {
	Put(t, store, dir+"/from/x/f", []byte("moved"))
	Put(t, store, dir+"/taken/g", []byte("kept"))
	if err := store.Rename(t.Context(), dir+"/from", dir+"/to"); err != nil {
		t.Fatal(err)
	}
	if got := string(Get(t, store, dir+"/to/x/f")); got != "moved" {
		t.Errorf("got %q, want %q", got, "moved")
	}
	wantAbsent(t, store, dir+"/from")
	if err := store.Rename(t.Context(), dir+"/to", dir+"/taken"); !errors.Is(err, storage.ErrExist) {
		t.Errorf("rename onto a directory: got %v, want ErrExist", err)
	}
	Put(t, store, dir+"/h", []byte("kept"))
	if err := store.Rename(t.Context(), dir+"/to/x/f", dir+"/h"); !errors.Is(err, storage.ErrExist) {
		t.Errorf("rename onto a file: got %v, want ErrExist", err)
	}
	if got := string(Get(t, store, dir+"/h")); got != "kept" {
		t.Errorf("got %q, want %q", got, "kept")
	}
	if err := store.Rename(t.Context(), dir+"/h", dir+"/no/parent"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("rename into an absent directory: got %v, want ErrNotExist", err)
	}
}

func remove(t *testing.T, store storage.Store, dir string) {
	Put(t, store, dir+"/tree/x/f", []byte("1"))
	if err := store.Remove(t.Context(), dir+"/tree"); !errors.Is(err, storage.ErrNotEmpty) {
		t.Errorf("remove a directory with entries: got %v, want ErrNotEmpty", err)
	}
	if err := store.Remove(t.Context(), dir+"/tree/x/f"); err != nil {
		t.Error(err)
	}
	if err := store.Remove(t.Context(), dir+"/tree/x"); err != nil {
		t.Errorf("remove an empty directory: %v", err)
	}
	Put(t, store, dir+"/tree/y/f", []byte("1"))
	if err := store.RemoveAll(t.Context(), dir+"/tree"); err != nil {
		t.Error(err)
	}
	wantAbsent(t, store, dir+"/tree/y/f")
	wantAbsent(t, store, dir+"/tree")
}

func checksum(t *testing.T, store storage.Store, dir string) {
	const block = 1 << 20
	for _, size := range []int{0, 1, 512, 513, block - 1, block, block + 1, 3*block + 700, 5 * block} {
		data := Bytes(size)
		w, err := store.Create(t.Context(), dir+"/f", storage.CreateOptions{BlockSize: block})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		got, err := store.Checksum(t.Context(), dir+"/f")
		if err != nil {
			t.Fatal(err)
		}
		sum := storage.NewSummer(got.BlockSize)
		for rest := data; len(rest) > 0; { // in pieces that fit nothing
			n := min(len(rest), 777)
			sum.Write(rest[:n]) //nolint:errcheck // never fails
			rest = rest[n:]
		}
		if want := sum.Checksum(); got != want {
			t.Errorf("checksum of %d bytes: got %+v, want %+v", size, got, want)
		}
	}
}

func ended(t *testing.T, store storage.Store, dir string) {
	Put(t, store, dir+"/f", []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"stat":        func() error { _, err := store.Stat(ctx, dir+"/f"); return err },
		"open":        func() error { _, err := store.Open(ctx, dir+"/f"); return err },
		"list":        func() error { _, err := store.List(ctx, dir); return err },
		"checksum":    func() error { _, err := store.Checksum(ctx, dir+"/f"); return err },
		"create":      func() error { _, err := store.Create(ctx, dir+"/g", storage.CreateOptions{}); return err },
		"mkdirs":      func() error { return store.Mkdirs(ctx, dir+"/d") },
		"remove":      func() error { return store.Remove(ctx, dir+"/f") },
		"remove tree": func() error { return store.RemoveAll(ctx, dir+"/f") },
	}
	for name, call := range map[string]func() error{
		"rename": func() error { return store.Rename(ctx, dir+"/f", dir+"/h") },
		"usage":  func() error { _, err := store.Usage(ctx); return err },
	} {
		calls[name] = func() error {
			err := call()
			if errors.Is(err, errors.ErrUnsupported) {
				return context.Canceled // there is nothing that could be cancelled
			}
			return err
		}
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", name, err)
		}
	}
	if got := string(Get(t, store, dir+"/f")); got != "x" {
		t.Errorf("a cancelled call changed the file to %q", got)
	}
}

func cancelledRead(t *testing.T, store storage.Store, dir string) {
	want := Bytes(8 << 20)
	Put(t, store, dir+"/f", want)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := store.Open(ctx, dir+"/f")
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 1000)
	if _, err := io.ReadFull(r, head); err != nil || !bytes.Equal(head, want[:1000]) {
		t.Fatalf("first read: %v", err)
	}
	cancel()
	began := time.Now()
	rest, err := io.ReadAll(r)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("read on after the end: got %d bytes, %v, want context.Canceled", len(rest), err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if d := time.Since(began); d > promptly {
		t.Errorf("gave up after %v, want at once", d)
	}
	if got := Get(t, store, dir+"/f"); !bytes.Equal(got, want) {
		t.Errorf("the store does not read well after a cancelled read")
	}
}

func usage(t *testing.T, store storage.Store, _ string) {
	u, err := store.Usage(t.Context())
	if err != nil || u.Capacity <= 0 || u.Free <= 0 || u.Used < 0 || u.Free > u.Capacity {
		t.Errorf("got %+v, %v", u, err)
	}
}

package storagetest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"drover/internal/storage"
)

// noRename: a store of objects refuses and changes nothing.
func noRename(t *testing.T, store storage.Store, dir string) {
	Put(t, store, dir+"/from/f", []byte("kept"))
	for _, from := range []string{dir + "/from/f", dir + "/from"} {
		if err := store.Rename(t.Context(), from, dir+"/to"); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("rename %s: got %v, want errors.ErrUnsupported", from, err)
		}
	}
	wantAbsent(t, store, dir+"/to")
	if got := string(Get(t, store, dir+"/from/f")); got != "kept" {
		t.Errorf("got %q, want %q", got, "kept")
	}
}

func noUsage(t *testing.T, store storage.Store, _ string) {
	if u, err := store.Usage(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %+v, %v, want errors.ErrUnsupported", u, err)
	}
}

// copied holds a Copier to its promises; a store that is none is done.
func copied(t *testing.T, store storage.Store, dir string) {
	c, ok := store.(storage.Copier)
	if !ok {
		return
	}
	want := Bytes(1<<20 + 7)
	Put(t, store, dir+"/a", want)
	Put(t, store, dir+"/taken", []byte("replaced"))
	for _, to := range []string{dir + "/new/deep/b", dir + "/taken", dir + "/taken"} {
		if err := c.Copy(t.Context(), dir+"/a", to); err != nil {
			t.Fatal(err)
		}
		if got := Get(t, store, to); !bytes.Equal(got, want) {
			t.Errorf("%s holds %d other bytes than what was copied", to, len(got))
		}
	}
	Put(t, store, dir+"/a", []byte("written anew"))
	if err := store.Remove(t.Context(), dir+"/taken"); err != nil {
		t.Error(err)
	}
	if got := Get(t, store, dir+"/new/deep/b"); !bytes.Equal(got, want) {
		t.Error("the copy changed with its original, or with another copy")
	}
	if err := c.Copy(t.Context(), dir+"/gone", dir+"/x"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("copy of what is not there: got %v, want ErrNotExist", err)
	}
	wantAbsent(t, store, dir+"/x")
	if err := store.Mkdirs(t.Context(), dir+"/d"); err != nil {
		t.Fatal(err)
	}
	if err := c.Copy(t.Context(), dir+"/a", dir+"/d"); !errors.Is(err, storage.ErrIsDir) {
		t.Errorf("copy onto a directory: got %v, want ErrIsDir", err)
	}
	objects, err := store.List(t.Context(), dir)
	if err != nil || len(objects) != 3 {
		t.Errorf("left behind: %+v, %v, want a, d and new", objects, err)
	}
}

// dressed holds a Dresser to its promises; a store that is none is done.
func dressed(t *testing.T, store storage.Store, dir string) {
	d, ok := store.(storage.Dresser)
	if !ok {
		return
	}
	Put(t, store, dir+"/d/f", []byte("x"))
	when := time.UnixMilli(1_234_567_890_123)
	for _, name := range []string{dir + "/d/f", dir + "/d"} {
		if err := d.Dress(t.Context(), name, storage.Attributes{Mode: 0o040, ModTime: when}); err != nil {
			t.Fatal(err)
		}
		if o, err := store.Stat(t.Context(), name); err != nil || !o.ModTime.Equal(when) {
			t.Errorf("%s: got %v, %v, want it modified at %v", name, o.ModTime, err, when)
		}
	}
	if got := string(Get(t, store, dir+"/d/f")); got != "x" {
		t.Errorf("got %q, want %q", got, "x")
	}
	if err := d.Dress(t.Context(), dir+"/gone", storage.Attributes{}); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("attributes of what is not there: got %v, want ErrNotExist", err)
	}
}

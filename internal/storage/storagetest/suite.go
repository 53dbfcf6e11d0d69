// Package storagetest proves that a driver keeps the contract of package
// storage, and injects faults into stores for tests of the engines above them.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"drover/internal/storage"
)

// Suite is what a driver hands in. New returns a store and an absolute path of
// a directory in it that does not exist and that the tests may use and leave
// behind.
type Suite struct {
	New func(t *testing.T) (store storage.Store, dir string)
	// Object says that the store is one of objects: it has no Rename and no
	// Usage, and says so.
	Object bool
}

// promptly is how soon a call must return once its context ended.
const promptly = time.Second

// Run runs every test of the contract.
func (s Suite) Run(t *testing.T) {
	tests := []struct {
		name string
		test func(*testing.T, storage.Store, string)
	}{
		{"what was committed is read back", readAfterWrite},
		{"an absent object is ErrNotExist to every reader", absent},
		{"absent objects are removed without complaint", removeAbsent},
		{"create makes parents and replaces a file", replace},
		{"create does not replace a directory", createOverDir},
		{"an aborted file leaves nothing", abort},
		{"a file whose context ends leaves nothing", cancelledWrite},
		{"a listing is sorted and complete", list},
		{"a file is not listed", listFile},
		{"rename moves a tree in one step and replaces nothing", s.either(rename, noRename)},
		{"a directory with entries is not removed, a tree is", remove},
		{"the checksum is the one Summer computes", checksum},
		{"an ended context fails every call at once", ended},
		{"a read under way ends with its context", cancelledRead},
		{"usage adds up", s.either(usage, noUsage)},
		{"a copy is a file of its own", copied},
		{"attributes are kept", dressed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store, dir := s.New(t)
			tt.test(t, store, dir)
		})
	}
}

// either picks the test that fits the store.
func (s Suite) either(test, object func(*testing.T, storage.Store, string)) func(*testing.T, storage.Store, string) {
	if s.Object {
		return object
	}
	return test
}

// Bytes returns n bytes that are the same in every run.
func Bytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{7})
	r.Read(b) //nolint:errcheck // never fails
	return b
}

// Put writes a file or fails the test.
func Put(t testing.TB, store storage.Store, name string, data []byte) {
	t.Helper()
	w, err := store.Create(t.Context(), name, storage.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(errors.Join(err, w.Abort()))
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// Get reads a file or fails the test.
func Get(t testing.TB, store storage.Reader, name string) []byte {
	t.Helper()
	r, err := store.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantAbsent(t *testing.T, store storage.Reader, name string) {
	t.Helper()
	if _, err := store.Stat(t.Context(), name); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("stat %s: got %v, want ErrNotExist", name, err)
	}
}

func readAfterWrite(t *testing.T, store storage.Store, dir string) {
	for _, size := range []int{0, 1, 511, 512, 513, 65536, 1<<20 + 7} {
		want := Bytes(size)
		Put(t, store, dir+"/f", want)
		if got := Get(t, store, dir+"/f"); !bytes.Equal(got, want) {
			t.Errorf("read %d bytes that differ from the %d written", len(got), size)
		}
		o, err := store.Stat(t.Context(), dir+"/f")
		if err != nil || o.Size != int64(size) || o.IsDir || o.Path != dir+"/f" {
			t.Errorf("stat after writing %d bytes: got %+v, %v", size, o, err)
		}
		if age := time.Since(o.ModTime); age < -time.Minute || age > 10*time.Minute {
			t.Errorf("modified %v ago, want about now", age)
		}
	}
}

func absent(t *testing.T, store storage.Store, dir string) {
	Put(t, store, dir+"/there", nil)
	calls := map[string]func() error{
		"stat":     func() error { _, err := store.Stat(t.Context(), dir+"/gone"); return err },
		"open":     func() error { _, err := store.Open(t.Context(), dir+"/gone"); return err },
		"list":     func() error { _, err := store.List(t.Context(), dir+"/gone"); return err },
		"checksum": func() error { _, err := store.Checksum(t.Context(), dir+"/gone"); return err },
		"rename":   func() error { return store.Rename(t.Context(), dir+"/gone", dir+"/new") },
	}
	for name, call := range calls {
		err := call()
		if name == "rename" && errors.Is(err, errors.ErrUnsupported) {
			continue // noRename
		}
		if !errors.Is(err, storage.ErrNotExist) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want ErrNotExist", name, err)
			continue
		}
		if !strings.Contains(err.Error(), dir+"/gone") {
			t.Errorf("%s: error %q does not name the path", name, err)
		}
	}
}

func removeAbsent(t *testing.T, store storage.Store, dir string) {
	if err := store.Remove(t.Context(), dir+"/gone"); err != nil {
		t.Errorf("remove: %v", err)
	}
	if err := store.RemoveAll(t.Context(), dir+"/gone"); err != nil {
		t.Errorf("remove tree: %v", err)
	}
	if err := store.Mkdirs(t.Context(), dir+"/a/b"); err != nil {
		t.Errorf("mkdirs: %v", err)
	}
	if err := store.Mkdirs(t.Context(), dir+"/a/b"); err != nil {
		t.Errorf("mkdirs again: %v", err)
	}
}

func replace(t *testing.T, store storage.Store, dir string) {
	Put(t, store, dir+"/a/b/f", []byte("first, and longer"))
	Put(t, store, dir+"/a/b/f", []byte("second"))
	if got := string(Get(t, store, dir+"/a/b/f")); got != "second" {
		t.Errorf("got %q, want %q", got, "second")
	}
}

func createOverDir(t *testing.T, store storage.Store, dir string) {
	if err := store.Mkdirs(t.Context(), dir+"/d"); err != nil {
		t.Fatal(err)
	}
	w, err := store.Create(t.Context(), dir+"/d", storage.CreateOptions{})
	if !errors.Is(err, storage.ErrIsDir) {
		t.Errorf("create over a directory: got %v, %v, want ErrIsDir", w, err)
	}
	if o, err := store.Stat(t.Context(), dir+"/d"); err != nil || !o.IsDir {
		t.Errorf("the directory is %+v, %v, want it kept", o, err)
	}
	if _, err := store.Open(t.Context(), dir+"/d"); !errors.Is(err, storage.ErrIsDir) {
		t.Errorf("open a directory: got %v, want ErrIsDir", err)
	}
}

func abort(t *testing.T, store storage.Store, dir string) {
	for _, size := range []int{0, 10, 300 << 10} {
		w, err := store.Create(t.Context(), dir+"/f", storage.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(Bytes(size)); err != nil {
			t.Fatal(err)
		}
		if err := w.Abort(); err != nil {
			t.Errorf("abort after %d bytes: %v", size, err)
		}
		wantAbsent(t, store, dir+"/f")
	}
	Put(t, store, dir+"/f", []byte("x"))
	w, err := store.Create(t.Context(), dir+"/g", storage.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Errorf("abort after commit: %v", err)
	}
	if _, err := store.Stat(t.Context(), dir+"/g"); err != nil {
		t.Errorf("abort after commit removed the file: %v", err)
	}
}

func cancelledWrite(t *testing.T, store storage.Store, dir string) {
	ctx, cancel := context.WithCancel(t.Context())
	w, err := store.Create(ctx, dir+"/f", storage.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(Bytes(200 << 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	began := time.Now()
	if err := w.Commit(); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: got %v, want context.Canceled", err)
	}
	if err := w.Abort(); err != nil {
		t.Errorf("abort: %v", err)
	}
	if d := time.Since(began); d > promptly {
		t.Errorf("gave up after %v, want at once", d)
	}
	wantAbsent(t, store, dir+"/f")
}

func list(t *testing.T, store storage.Store, dir string) {
	want := []string{dir + "/a", dir + "/a-b", dir + "/a0", dir + "/b", dir + "/é"}
	for _, name := range want {
		Put(t, store, name, []byte("12345"))
	}
	Put(t, store, dir+"/sub/inner", nil)
	want = append(want, dir+"/sub")
	slices.Sort(want)
	objects, err := store.List(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.Path)
		if isDir := o.Path == dir+"/sub"; o.IsDir != isDir || (!isDir && o.Size != 5) {
			t.Errorf("listed %+v", o)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
}

func listFile(t *testing.T, store storage.Store, dir string) {
	Put(t, store, dir+"/f", []byte("x"))
	if got, err := store.List(t.Context(), dir+"/f"); err == nil {
		t.Errorf("listing a file: got %v, want an error", got)
	}
}

package manifest_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/manifest"
)

type item struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

func nth(i int64) item {
	return item{Path: "/hbase/archive/" + strings.Repeat("x", int(i%7)) + "\n\"é", Size: i * 31}
}

func write(t *testing.T, path string, count int64) manifest.Summary {
	t.Helper()
	w, err := manifest.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range count {
		if err := w.Append(nth(i)); err != nil {
			t.Fatal(err)
		}
	}
	summary, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	if summary.Count != count {
		t.Fatalf("Commit of %d items: summary says %d", count, summary.Count)
	}
	return summary
}

func open(t *testing.T, path string) *manifest.Reader {
	t.Helper()
	r, err := manifest.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestRangeReadsExactlyItsItems(t *testing.T) {
	const count = 2*1024 + 5
	path := filepath.Join(t.TempDir(), "files")
	summary := write(t, path, count)
	r := open(t, path)
	if r.Summary() != summary {
		t.Errorf("Summary() = %v, want that of Commit %v", r.Summary(), summary)
	}
	if err := r.Verify(); err != nil {
		t.Errorf("Verify() of an untouched file: %v", err)
	}
	for _, span := range [][2]int64{{0, 0}, {0, 1}, {1023, 1025}, {1024, 2048}, {5, 2050}, {2052, 2053}, {2053, 2053}, {0, count}} {
		var got, want []item
		for i := span[0]; i < span[1]; i++ {
			want = append(want, nth(i))
		}
		next := span[0]
		err := manifest.Range(r, span[0], span[1], func(i int64, it item) error {
			if i != next {
				t.Errorf("range %v: item number %d, want %d", span, i, next)
			}
			next++
			got = append(got, it)
			return nil
		})
		if err != nil {
			t.Errorf("range %v: %v", span, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("range %v (-want +got):\n%s", span, diff)
		}
	}
}

func TestRangeOutsideIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "files")
	write(t, path, 10)
	r := open(t, path)
	for _, span := range [][2]int64{{-1, 2}, {0, 11}, {7, 6}} {
		err := manifest.Range(r, span[0], span[1], func(int64, item) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "outside of its 10 items") {
			t.Errorf("range %v: error %v, want one that names the 10 items", span, err)
		}
	}
}

func TestErrorOfTheCallerEndsTheRange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "files")
	write(t, path, 10)
	stop := errors.New("stop")
	calls := 0
	err := manifest.Range(open(t, path), 0, 10, func(int64, item) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("Range = %v after %d calls, want the caller's error after 1", err, calls)
	}
}

func TestEmptyManifest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "files")
	write(t, path, 0)
	r := open(t, path)
	if err := r.Verify(); err != nil {
		t.Errorf("Verify() = %v", err)
	}
	if err := manifest.Range(r, 0, 0, func(int64, item) error { return errors.New("called") }); err != nil {
		t.Errorf("Range(0, 0) = %v", err)
	}
}

func TestDamageIsFound(t *testing.T) {
	readAll := func(path string) error {
		r, err := manifest.Open(path)
		if err != nil {
			return err
		}
		err = manifest.Range(r, 0, r.Summary().Count, func(int64, item) error { return nil })
		return errors.Join(err, r.Close())
	}
	path := filepath.Join(t.TempDir(), "files")
	write(t, path, 3)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string][]byte{
		"ends early":         whole[:len(whole)-1],
		"ends in the items":  whole[:len(whole)/3],
		"empty file":         {},
		"a digit changed":    bytes.Replace(whole, []byte(`"size":31`), []byte(`"size":32`), 1),
		"an item is missing": append(append([]byte{}, whole[:21]...), whole[bytes.IndexByte(whole[21:], '\n')+22:]...),
		"another first line": bytes.Replace(whole, []byte(`Manifest":1`), []byte(`Manifest":9`), 1),
	}
	for name, content := range damages {
		t.Run(name, func(t *testing.T) {
			if bytes.Equal(content, whole) {
				t.Fatal("the test damaged nothing")
			}
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := readAll(path); !errors.Is(err, manifest.ErrDamaged) {
				t.Errorf("reading: %v, want ErrDamaged", err)
			}
		})
	}
}

func TestVerifyFindsWhatNoRangeReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "files")
	write(t, path, 3)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(content, []byte(`"size":31`), []byte(`"size":32`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Verify(); !errors.Is(err, manifest.ErrDamaged) {
		t.Errorf("Verify() = %v, want ErrDamaged", err)
	}
}

func TestNothingIsSeenBeforeCommit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "files")
	w, err := manifest.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(nth(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.Open(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open before Commit = %v, want fs.ErrNotExist", err)
	}
	if err := w.Discard(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("after Discard the directory holds %v, want nothing", left)
	}
}

func TestCommitReplacesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "files")
	write(t, path, 3)
	before := open(t, path)
	write(t, path, 4)
	if err := before.Verify(); err != nil {
		t.Errorf("a reader of the former file: %v", err)
	}
	if got := open(t, path).Summary().Count; got != 4 {
		t.Errorf("a new reader sees %d items, want 4", got)
	}
}

func TestSummaryDependsOnContent(t *testing.T) {
	dir := t.TempDir()
	a, b := write(t, filepath.Join(dir, "a"), 1500), write(t, filepath.Join(dir, "b"), 1500)
	c := write(t, filepath.Join(dir, "c"), 1501)
	if a != b || a == c {
		t.Errorf("summaries: same lists %v and %v, longer list %v", a, b, c)
	}
}

func TestMemoryStaysFlat(t *testing.T) {
	const count = 60_000
	path := filepath.Join(t.TempDir(), "files")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	w, err := manifest.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(count) {
		if err := w.Append(nth(i)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("writing %d items keeps %d bytes, want less than 1 MiB", count, grown)
	}
}

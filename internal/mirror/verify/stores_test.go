package verify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/mirror/verify"
	"drover/internal/report"
	"drover/internal/storage"
	"drover/internal/storage/local"
	"drover/internal/storage/mem"
	"drover/internal/storage/storagetest"
)

// put writes a file cut at a block size of its own.
func put(t *testing.T, s storage.Store, name string, data []byte, block int64) {
	t.Helper()
	w, err := s.Create(t.Context(), name, storage.CreateOptions{BlockSize: block})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// plant fills a store with the same tree every time.
func plant(t *testing.T, s storage.Store, root string, block int64) {
	t.Helper()
	for name, size := range map[string]int{
		"a-b/x": 10, "a/y": 5000, "a/é": 1, "a b/%20": 3, "empty": 0, "deep/er/and/deeper": 512, "big": 3<<20 + 7,
	} {
		put(t, s, root+"/"+name, storagetest.Bytes(size), block)
	}
	if err := s.Mkdirs(t.Context(), root+"/nothing/in/here"); err != nil {
		t.Fatal(err)
	}
}

func localStore(t *testing.T) (storage.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := local.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func TestEqualTreesMatchHoweverTheStoresKeepThem(t *testing.T) {
	onDisk, _ := localStore(t)
	again, _ := localStore(t)
	small, large := mem.New(), mem.New()
	for s, block := range map[storage.Store]int64{onDisk: 0, again: 0, small: 1 << 20, large: 2 << 20} {
		plant(t, s, "/r", block)
	}
	const bytes = 10 + 5000 + 1 + 3 + 512 + 3<<20 + 7
	for _, tc := range []struct {
		name string
		a, b storage.Reader
		want verify.Proof
	}{
		{"checksums of equal blocks", small, small, verify.Proof{Empty: 1, Checksum: 6}},
		{"blocks cut elsewhere", small, large, verify.Proof{Empty: 1, Checksum: 5, Read: 1, BytesRead: 2 * (3<<20 + 7)}},
		{"a checksum against bytes", small, onDisk, verify.Proof{Empty: 1, Read: 6, BytesRead: bytes}},
		{"bytes against a checksum", onDisk, large, verify.Proof{Empty: 1, Read: 6, BytesRead: bytes}},
		{"bytes against bytes", onDisk, again, verify.Proof{Empty: 1, Read: 6, BytesRead: 2 * bytes}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := verify.Stores(t.Context(), tc.a, "/r", tc.b, "/r/", verify.Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := verify.Result{Verdict: report.Match, Files: 7, Dirs: 10, Bytes: bytes, Proof: tc.want, Kinds: map[verify.Kind]int64{}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryPlantedDifferenceIsNamed(t *testing.T) {
	onDisk, _ := localStore(t)
	kept := mem.New()
	for _, s := range []storage.Store{onDisk, kept} {
		plant(t, s, "/r", 1<<20)
	}
	other := storagetest.Bytes(3<<20 + 7)
	other[2<<20+1] ^= 1
	for _, b := range []storage.Store{onDisk, kept} {
		t.Run(fmt.Sprintf("%T", b), func(t *testing.T) {
			put(t, b, "/r/big", other, 1<<20)
			put(t, b, "/r/a/y", storagetest.Bytes(5001), 1<<20)
			put(t, b, "/r/nothing/extra", nil, 1<<20)
			if err := errors.Join(b.RemoveAll(t.Context(), "/r/deep"), b.Remove(t.Context(), "/r/a-b/x")); err != nil {
				t.Fatal(err)
			}
			if err := b.Mkdirs(t.Context(), "/r/a-b/x"); err != nil {
				t.Fatal(err)
			}
			a := mem.New()
			plant(t, a, "/r", 1<<20)
			var heard []verify.Difference
			got, err := verify.Stores(t.Context(), a, "/r", b, "/r", verify.Options{Found: func(d verify.Difference) { heard = append(heard, d) }})
			if err != nil {
				t.Fatal(err)
			}
			want := []verify.Difference{
				{Path: "a-b/x", Kind: verify.Type, Source: "file", Target: "directory"},
				{Path: "a/y", Kind: verify.Size, Source: "5000", Target: "5001"},
				{Path: "big", Kind: verify.Content, Target: "other bytes from offset 2097153"},
				{Path: "deep", Kind: verify.Missing, Source: "directory"},
				{Path: "nothing/extra", Kind: verify.Extra, Target: "file"},
			}
			if diff := cmp.Diff(want, got.Differences); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
			slices.SortFunc(heard, func(a, b verify.Difference) int { return strings.Compare(a.Path, b.Path) })
			if diff := cmp.Diff(want, heard); diff != "" {
				t.Errorf("differences told (-want +got):\n%s", diff)
			}
			if got.Verdict != report.Differ || got.Differing != 5 {
				t.Errorf("verdict %s with %d, want differ with 5", got.Verdict, got.Differing)
			}
			few, err := verify.Stores(t.Context(), a, "/r", b, "/r", verify.Options{Max: 2})
			if err != nil || few.Differing != 5 || !cmp.Equal(few.Differences, want[:2]) {
				t.Errorf("with Max 2: %d differing, %v, %v, want all counted and the first two named", few.Differing, few.Differences, err)
			}
		})
	}
}

func TestSameSizeAndTimeWithOtherBytesIsFound(t *testing.T) {
	a, dirA := localStore(t)
	b, dirB := localStore(t)
	put(t, a, "/f", []byte("left"), 0)
	put(t, b, "/f", []byte("lexx"), 0)
	info, err := os.Stat(filepath.Join(dirA, "f"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(dirB, "f"), info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	got, err := verify.Stores(t.Context(), a, "/", b, "/", verify.Options{Times: true})
	want := []verify.Difference{{Path: "f", Kind: verify.Content, Target: "other bytes from offset 2"}}
	if err != nil || got.Verdict != report.Differ || !cmp.Equal(got.Differences, want) {
		t.Errorf("got %s %v, %v, want %v", got.Verdict, got.Differences, err, want)
	}
	got, err = verify.Stores(t.Context(), a, "/", b, "/", verify.Options{Times: true, NoContent: true})
	if err != nil || got.Verdict != report.Unproven || got.Differing != 0 {
		t.Errorf("without content: %s %v, %v, want unproven", got.Verdict, got.Differences, err)
	}
}

// TestABucketsTimesAreNoDifference: they say when an object was written there,
// and would make every file of a copy differ.
func TestABucketsTimesAreNoDifference(t *testing.T) {
	kept, dir := localStore(t)
	put(t, kept, "/f", []byte("left"), 0)
	if old := time.Unix(1_000_000_000, 0); os.Chtimes(filepath.Join(dir, "f"), old, old) != nil {
		t.Fatal("its time was not set")
	}
	bucket := mem.New()
	put(t, bucket, "/f", []byte("left"), 0)
	for _, sides := range [][2]storage.Store{{kept, bucket}, {bucket, kept}, {bucket, bucket}} {
		got, err := verify.Stores(t.Context(), sides[0], "/", sides[1], "/", verify.Options{Times: true, Metadata: true})
		if err != nil || got.Verdict != report.Match {
			t.Errorf("got %s %v, %v, want a match", got.Verdict, got.Differences, err)
		}
	}
}

// coarse tells the time of one file in seconds, and lists it more finely, as
// object stores do.
type coarse struct{ storage.Store }

func (c coarse) Stat(ctx context.Context, name string) (storage.Object, error) {
	o, err := c.Store.Stat(ctx, name)
	o.ModTime = o.ModTime.Truncate(time.Second)
	return o, err
}

// TestADifferenceInABucketIsNoChangeMeanwhile: the time that a bucket lists is
// not the one it tells of the same object alone.
func TestADifferenceInABucketIsNoChangeMeanwhile(t *testing.T) {
	source, bucket := mem.New(), mem.New()
	put(t, source, "/d/f", []byte("left"), 0)
	put(t, bucket, "/d/f", []byte("lexx"), 0)
	got, err := verify.Stores(t.Context(), source, "/", coarse{bucket}, "/", verify.Options{})
	want := []verify.Difference{{Path: "d/f", Kind: verify.Content, Target: "other bytes from offset 2"}}
	if err != nil || got.Verdict != report.Differ || !cmp.Equal(got.Differences, want) || got.Unproven > 0 {
		t.Errorf("got %s %v, %v, %v, want %v", got.Verdict, got.Differences, got.Gaps, err, want)
	}
}

var errBroken = errors.New("the cable is cut")

func TestAnInterruptedListingIsAnErrorOnEitherSide(t *testing.T) {
	for _, broken := range []string{"/r", "/r/deep/er"} {
		for _, target := range []bool{false, true} {
			good := mem.New()
			plant(t, good, "/r", 1<<20)
			bad := storagetest.WithFaults(t, good, storagetest.Fault{Op: storagetest.List, Suffix: broken, Err: errBroken})
			var a, b storage.Reader = bad, good
			if target {
				a, b = good, bad
			}
			got, err := verify.Stores(t.Context(), a, "/r", b, "/r", verify.Options{})
			if !errors.Is(err, errBroken) || got.Verdict != "" {
				t.Errorf("list of %s broken (target %v): verdict %q, error %v, want no verdict and the listing's error", broken, target, got.Verdict, err)
			}
		}
	}
}

// unsorted gives a listing as a careless driver would.
type unsorted struct{ storage.Reader }

func (u unsorted) List(ctx context.Context, dir string) ([]storage.Object, error) {
	list, err := u.Reader.List(ctx, dir)
	slices.Reverse(list)
	return list, err
}

func TestAListingOutOfOrderIsAnError(t *testing.T) {
	s := mem.New()
	plant(t, s, "/r", 1<<20)
	_, err := verify.Stores(t.Context(), unsorted{s}, "/r", s, "/r", verify.Options{})
	if err == nil || !strings.Contains(err.Error(), "not in order") {
		t.Errorf("got %v, want an error that says so", err)
	}
}

func TestAFileThatCannotBeReadIsUnprovenNeverEqual(t *testing.T) {
	good := mem.New()
	plant(t, good, "/r", 1<<20)
	for _, tc := range []struct {
		name   string
		faults []storagetest.Fault
		want   string
	}{
		{"neither its checksum nor its bytes", []storagetest.Fault{
			{Op: storagetest.Checksum, Suffix: "/big", Err: storage.ErrDenied}, {Op: storagetest.Open, Suffix: "/big", Err: storage.ErrDenied},
		}, "permission denied"},
		{"a read that breaks off", []storagetest.Fault{
			{Op: storagetest.Checksum, Suffix: "/big", Err: errBroken}, {Op: storagetest.Read, Suffix: "/big", Skip: 1, Err: errBroken},
		}, "cable is cut"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad := storagetest.WithFaults(t, good, tc.faults...)
			got, err := verify.Stores(t.Context(), good, "/r", bad, "/r", verify.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Verdict != report.Unproven || got.Unproven != 1 || len(got.Gaps) != 1 ||
				got.Gaps[0].Path != "big" || !strings.Contains(got.Gaps[0].Reason, tc.want) {
				t.Errorf("got %s, gaps %v, want unproven because of big: %s", got.Verdict, got.Gaps, tc.want)
			}
		})
	}
}

func TestAChecksumThatCannotBeHadIsReplacedByReading(t *testing.T) {
	good := mem.New()
	plant(t, good, "/r", 1<<20)
	bad := storagetest.WithFaults(t, good, storagetest.Fault{Op: storagetest.Checksum, Suffix: "/big", Err: errBroken})
	got, err := verify.Stores(t.Context(), bad, "/r", good, "/r", verify.Options{})
	if err != nil || got.Verdict != report.Match || got.Proof.Read != 1 {
		t.Errorf("got %+v, %v, want a match, big read on both sides", got, err)
	}
}

func TestAFileThatChangesMeanwhileIsUnproven(t *testing.T) {
	a, b := mem.New(), mem.New()
	put(t, a, "/f", bytes.Repeat([]byte("a"), 100), 1<<20)
	put(t, b, "/f", bytes.Repeat([]byte("b"), 100), 1<<20)
	rewrite := storagetest.Fault{Op: storagetest.Open, Suffix: "/f", Do: func() {
		put(t, b, "/f", bytes.Repeat([]byte("c"), 100), 1<<20)
	}}
	got, err := verify.Stores(t.Context(), a, "/", storagetest.WithFaults(t, b, rewrite), "/", verify.Options{})
	if err != nil || got.Verdict != report.Unproven || len(got.Gaps) != 1 || !strings.Contains(got.Gaps[0].Reason, "changed while") {
		t.Errorf("got %s %v, %v, want unproven: it changed", got.Verdict, got.Gaps, err)
	}
}

func TestOnlyThePathsAskedForAreCompared(t *testing.T) {
	a, b := mem.New(), mem.New()
	plant(t, a, "/r", 1<<20)
	plant(t, b, "/r", 1<<20)
	if err := b.RemoveAll(t.Context(), "/r/deep"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		paths   []string
		shallow bool
		files   int64
		want    report.Verdict
	}{
		{"elsewhere", []string{"a", "a/y", "a-b", "/a/"}, false, 3, report.Match},
		{"the difference", []string{"empty", "deep/er"}, false, 1, report.Differ},
		{"on neither side", []string{"gone"}, false, 0, report.Unproven},
		{"the root alone", []string{""}, true, 0, report.Match},
		{"nothing", []string{}, false, 0, report.Match},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := verify.Stores(t.Context(), a, "/r", b, "/r", verify.Options{Paths: tc.paths, Shallow: tc.shallow})
			if err != nil || got.Verdict != tc.want || got.Files != tc.files {
				t.Errorf("got %s with %d files, %v, want %s with %d", got.Verdict, got.Files, err, tc.want, tc.files)
			}
		})
	}
	if _, err := verify.Stores(t.Context(), a, "/r", b, "/absent", verify.Options{}); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("an absent root: %v, want ErrNotExist", err)
	}
}

func TestALinkIsUnproven(t *testing.T) {
	a, dir := localStore(t)
	put(t, a, "/f", []byte("x"), 0)
	if err := os.Symlink("f", filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	got, err := verify.Stores(t.Context(), a, "/", a, "/", verify.Options{})
	if err != nil || got.Verdict != report.Unproven || len(got.Gaps) != 1 || got.Gaps[0].Path != "l" {
		t.Errorf("got %s %v, %v, want the link unproven", got.Verdict, got.Gaps, err)
	}
}

func TestAnEndedContextEndsTheComparison(t *testing.T) {
	s := mem.New()
	plant(t, s, "/r", 1<<20)
	ctx, cancel := context.WithCancel(t.Context())
	bad := storagetest.WithFaults(t, s, storagetest.Fault{Op: storagetest.Checksum, Suffix: "/big", Do: cancel})
	got, err := verify.Stores(ctx, bad, "/r", s, "/r", verify.Options{})
	if !errors.Is(err, context.Canceled) || got.Verdict != "" {
		t.Errorf("verdict %q, error %v, want no verdict and context.Canceled", got.Verdict, err)
	}
}

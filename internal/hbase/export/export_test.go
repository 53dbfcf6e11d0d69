package export_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"drover/internal/fault"
	"drover/internal/hbase/export"
	"drover/internal/hbase/hbasepb"
	"drover/internal/hbase/snapshot"
	"drover/internal/storage"
	"drover/internal/storage/mem"
	"drover/internal/storage/storagetest"
)

const (
	sourceRoot = "/src/hbase"
	targetRoot = "/dst/hbase"
	fileCount  = 6
)

var errBroken = errors.New("connection reset")

// source returns a store with a snapshot "s" of fileCount files in one region
// and their contents by path below a data directory.
func source(t *testing.T) (*mem.Store, map[string][]byte) {
	t.Helper()
	name := &hbasepb.TableName{Namespace: []byte("default"), Qualifier: []byte("t")}
	ff := &hbasepb.SnapshotRegionManifest_FamilyFiles{FamilyName: []byte("f")}
	for i := range fileCount {
		ff.StoreFiles = append(ff.StoreFiles, &hbasepb.SnapshotRegionManifest_StoreFile{
			Name: proto.String(fmt.Sprintf("%032x", i)), FileSize: proto.Uint64(uint64(1000 + 70_000*i)),
		})
	}
	manifest := &hbasepb.SnapshotDataManifest{
		TableSchema: &hbasepb.TableSchema{TableName: name},
		RegionManifests: []*hbasepb.SnapshotRegionManifest{{
			RegionInfo: &hbasepb.RegionInfo{RegionId: proto.Uint64(1), TableName: name}, FamilyFiles: []*hbasepb.SnapshotRegionManifest_FamilyFiles{ff},
		}},
	}
	s := mem.New()
	put := func(file string, m proto.Message) {
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		storagetest.Put(t, s, snapshot.Path(sourceRoot, "s")+"/"+file, b)
	}
	put(snapshot.DescriptionFile, &hbasepb.SnapshotDescription{Name: proto.String("s"), Table: proto.String("t"), Version: proto.Int32(2)})
	put(snapshot.ManifestFile, manifest)
	contents := map[string][]byte{}
	_, err := snapshot.Walk(t.Context(), s, sourceRoot, "s", snapshot.Visitor{File: func(f snapshot.StoreFile) {
		b := storagetest.Bytes(int(f.File.Size))
		storagetest.Put(t, s, f.File.Candidates(sourceRoot)[0], b)
		contents[f.File.Path()] = b
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s, contents
}

func job(from storage.Reader, to storage.Store) export.Job {
	return export.Job{Source: from, SourceRoot: sourceRoot, Target: to, TargetRoot: targetRoot, Snapshot: "s", Attempts: 6}
}

// check fails unless the target holds exactly what an export writes.
func check(t *testing.T, from, to *mem.Store, contents map[string][]byte) {
	t.Helper()
	for p, want := range contents {
		if got := storagetest.Get(t, to, targetRoot+"/archive/data/"+p); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes that differ from the source's %d", p, len(got), len(want))
		}
	}
	for _, f := range []string{snapshot.DescriptionFile, snapshot.ManifestFile} {
		want, got := storagetest.Get(t, from, snapshot.Path(sourceRoot, "s")+"/"+f), storagetest.Get(t, to, snapshot.Path(targetRoot, "s")+"/"+f)
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from the source's", f)
		}
	}
	if left, err := to.List(t.Context(), targetRoot+"/.tmp"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestRunSurvives(t *testing.T) {
	file := func(i int) string { return fmt.Sprintf("%032x", i) }
	tests := []struct {
		name    string
		source  []storagetest.Fault
		target  []storagetest.Fault
		retries int64
	}{
		{"nothing at all", nil, nil, 0},
		{"a read that breaks off", []storagetest.Fault{{Op: storagetest.Read, Suffix: file(3), Skip: 2, Err: errBroken}}, nil, 1},
		{"a write that breaks off, twice", nil, []storagetest.Fault{{Op: storagetest.Write, Suffix: file(3), Skip: 2, Times: 2, Err: errBroken}}, 2},
		{"a file that cannot be completed", nil, []storagetest.Fault{{Op: storagetest.Commit, Suffix: file(1), Err: errBroken}}, 1},
		{"a namenode in safe mode", nil, []storagetest.Fault{{Op: storagetest.Create, Suffix: file(2), Times: 3, Err: errors.New("SafeModeException")}}, 3},
		{"a source that does not answer for a while", []storagetest.Fault{{Op: storagetest.Stat, Suffix: file(0), Times: 2, Err: errBroken}}, nil, 2},
		{"a checksum that cannot be had", nil, []storagetest.Fault{{Op: storagetest.Checksum, Suffix: file(5), Err: errBroken}}, 1},
		{"metadata that cannot be read", []storagetest.Fault{{Op: storagetest.Open, Suffix: "data.manifest", Skip: 2, Err: errBroken}}, nil, 0},
		{"a rename that fails", nil, []storagetest.Fault{{Op: storagetest.Rename, Suffix: "drover-snapshot-s", Err: errBroken}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from, contents := source(t)
			to := mem.New()
			res, err := export.Run(t.Context(), job(storagetest.WithFaults(t, from, tt.source...), storagetest.WithFaults(t, to, tt.target...)))
			if err != nil {
				t.Fatal(err)
			}
			if res.Files != fileCount || res.Retries != tt.retries || res.Passes != 1 {
				t.Errorf("got %+v, want %d files, %d retries", res, fileCount, tt.retries)
			}
			check(t, from, to, contents)
		})
	}
}

func TestPublishedMetadataIsRecognisedWhenTheAnswerWasLost(t *testing.T) {
	from, contents := source(t)
	to := mem.New()
	lost := storagetest.Fault{Op: storagetest.Rename, Suffix: "drover-snapshot-s", Err: errBroken, Do: func() {
		if err := to.Rename(t.Context(), targetRoot+"/.tmp/drover-snapshot-s", snapshot.Path(targetRoot, "s")); err != nil {
			t.Error(err)
		}
	}}
	if _, err := export.Run(t.Context(), job(from, storagetest.WithFaults(t, to, lost))); err != nil {
		t.Fatal(err)
	}
	check(t, from, to, contents)
}

func TestFileMovesToTheArchiveInTheMiddle(t *testing.T) {
	moves := []struct {
		name  string
		fault storagetest.Fault
	}{
		{"before it is looked for", storagetest.Fault{Op: storagetest.Stat}},
		{"between looking and opening", storagetest.Fault{Op: storagetest.Open}},
		{"while it is read", storagetest.Fault{Op: storagetest.Read, Skip: 1}},
		{"while it is read, and the read fails", storagetest.Fault{Op: storagetest.Read, Skip: 1, Err: errBroken}},
	}
	for _, tt := range moves {
		t.Run(tt.name, func(t *testing.T) {
			from, contents := source(t)
			plan, err := export.Plan(t.Context(), job(from, mem.New()))
			if err != nil {
				t.Fatal(err)
			}
			f := plan.Files[4]
			tt.fault.Suffix = f.Candidates(sourceRoot)[0]
			tt.fault.Do = func() {
				if err := from.Mkdirs(t.Context(), strings.TrimSuffix(f.ArchivePath(sourceRoot), "/"+f.Name)); err != nil {
					t.Error(err)
				}
				if err := from.Rename(t.Context(), f.Candidates(sourceRoot)[0], f.ArchivePath(sourceRoot)); err != nil {
					t.Error(err)
				}
			}
			to := mem.New()
			if _, err := export.Run(t.Context(), job(storagetest.WithFaults(t, from, tt.fault), to)); err != nil {
				t.Fatal(err)
			}
			check(t, from, to, contents)
		})
	}
}

func TestRunAdoptsWhatIsThere(t *testing.T) {
	from, contents := source(t)
	to := mem.New()
	first, err := export.CopyRange(t.Context(), job(from, to), 1, 4)
	if err != nil || first.Copied != 3 {
		t.Fatalf("copy of a range: %+v, %v", first, err)
	}
	plan, err := export.Plan(t.Context(), job(from, to))
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte(nil), contents[plan.Files[2].Path()]...)
	damaged[7] ^= 1
	storagetest.Put(t, to, plan.Files[2].ArchivePath(targetRoot), damaged)
	storagetest.Put(t, to, plan.Files[3].ArchivePath(targetRoot), []byte("too short"))
	var last export.Progress
	j := job(from, to)
	j.Progress = func(p export.Progress) { last = p }
	res, err := export.Run(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if res.Adopted != 1 || res.Copied != fileCount-1 {
		t.Errorf("got %+v, want one file adopted", res)
	}
	want := export.Progress{Files: fileCount, FilesTotal: fileCount, Bytes: plan.Bytes, BytesTotal: plan.Bytes, Adopted: 1, Pass: 1}
	if d := cmp.Diff(want, last); d != "" {
		t.Errorf("last progress (-want +got):\n%s", d)
	}
	check(t, from, to, contents)
}

func TestFilesDeletedBehindTheCopyAreBroughtAgain(t *testing.T) {
	from, contents := source(t)
	to := mem.New()
	plan, err := export.Plan(t.Context(), job(from, to))
	if err != nil {
		t.Fatal(err)
	}
	j := job(from, to)
	j.Parallel = 1
	removed := 0
	j.Progress = func(p export.Progress) { // after the third file: the snapshot and a file go
		if p.Files != 3 || removed > 0 || p.Pass != 1 {
			return
		}
		removed++
		if err := errors.Join(to.RemoveAll(t.Context(), snapshot.Path(targetRoot, "s")), to.Remove(t.Context(), plan.Files[fileCount-1].ArchivePath(targetRoot))); err != nil {
			t.Error(err)
		}
	}
	res, err := export.Run(t.Context(), j)
	if err != nil || removed != 1 {
		t.Fatalf("%+v, %v, removed %d", res, err, removed)
	}
	if res.Passes != 2 || res.Copied != fileCount+1 {
		t.Errorf("got %+v, want a second pass with one file", res)
	}
	check(t, from, to, contents)
}

func TestCompleteBringsWhatIsMissing(t *testing.T) {
	from, contents := source(t)
	to := mem.New()
	if _, err := export.Run(t.Context(), job(from, to)); err != nil {
		t.Fatal(err)
	}
	plan, err := export.Plan(t.Context(), job(from, to))
	if err != nil {
		t.Fatal(err)
	}
	storagetest.Put(t, to, plan.Files[4].ArchivePath(targetRoot), []byte("x"))
	err = errors.Join(to.Remove(t.Context(), plan.Files[1].ArchivePath(targetRoot)), to.RemoveAll(t.Context(), snapshot.Path(targetRoot, "s")))
	if err != nil {
		t.Fatal(err)
	}
	got, err := export.Complete(t.Context(), job(from, to))
	if got.Copied != 2 || got.Adopted != 0 || got.Files != fileCount || err != nil {
		t.Errorf("got %+v, %v, want the two files copied and no other", got, err)
	}
	check(t, from, to, contents)
	again, err := export.Complete(t.Context(), job(from, to))
	if want := (export.Result{Files: fileCount, Bytes: plan.Bytes}); again != want || err != nil {
		t.Errorf("of a complete copy: got %+v, %v, want nothing done", again, err)
	}
}

func TestRunGivesUp(t *testing.T) {
	t.Run("on files that keep disappearing", func(t *testing.T) {
		from, _ := source(t)
		to := mem.New()
		plan, err := export.Plan(t.Context(), job(from, to))
		if err != nil {
			t.Fatal(err)
		}
		j := job(from, to)
		j.Progress = func(export.Progress) {
			if err := to.Remove(t.Context(), plan.Files[3].ArchivePath(targetRoot)); err != nil {
				t.Error(err)
			}
		}
		res, err := export.Run(t.Context(), j)
		if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "keeps disappearing") || res.Passes != 5 {
			t.Errorf("got %+v, %v, want a conflict after five passes", res, err)
		}
	})
	t.Run("on another snapshot of the same name", func(t *testing.T) {
		from, _ := source(t)
		to := mem.New()
		storagetest.Put(t, to, snapshot.Path(targetRoot, "s")+"/"+snapshot.DescriptionFile, []byte("another"))
		_, err := export.Run(t.Context(), job(from, to))
		if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "another snapshot") {
			t.Errorf("got %v, want a conflict", err)
		}
		if _, err := to.Stat(t.Context(), targetRoot+"/archive"); !errors.Is(err, storage.ErrNotExist) {
			t.Errorf("files were written: %v", err)
		}
	})
	t.Run("on a source file of another length", func(t *testing.T) {
		from, _ := source(t)
		plan, err := export.Plan(t.Context(), job(from, mem.New()))
		if err != nil {
			t.Fatal(err)
		}
		storagetest.Put(t, from, plan.Files[3].Candidates(sourceRoot)[0], []byte("short"))
		if _, err := export.Run(t.Context(), job(from, mem.New())); fault.KindOf(err) != fault.Mismatch {
			t.Errorf("got %v, want a mismatch", err)
		}
	})
	t.Run("on a source file that is gone", func(t *testing.T) {
		from, _ := source(t)
		plan, err := export.Plan(t.Context(), job(from, mem.New()))
		if err != nil {
			t.Fatal(err)
		}
		if err := from.Remove(t.Context(), plan.Files[3].Candidates(sourceRoot)[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := export.Run(t.Context(), job(from, mem.New())); fault.KindOf(err) != fault.Conflict {
			t.Errorf("got %v, want a conflict", err)
		}
	})
	t.Run("when the attempts are used up", func(t *testing.T) {
		from, _ := source(t)
		j := job(from, storagetest.WithFaults(t, mem.New(), storagetest.Fault{Op: storagetest.Create, Suffix: "5", Times: 3, Err: errBroken}))
		j.Attempts = 3
		if _, err := export.Run(t.Context(), j); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "attempt 3") {
			t.Errorf("got %v, want the third failure", err)
		}
	})
	t.Run("at once when the store refuses the user or the file", func(t *testing.T) {
		for err, want := range map[error]fault.Kind{storage.ErrDenied: fault.Denied, errors.ErrUnsupported: fault.Unsupported} {
			from, _ := source(t)
			to := storagetest.WithFaults(t, mem.New(), storagetest.Fault{Op: storagetest.Create, Suffix: "3", Err: err})
			if _, err := export.Run(t.Context(), job(from, to)); fault.KindOf(err) != want {
				t.Errorf("got %v, want kind %s", err, want)
			}
		}
	})
	t.Run("when its context ends", func(t *testing.T) {
		from, _ := source(t)
		ctx, cancel := context.WithCancel(t.Context())
		j := job(from, mem.New())
		j.Progress = func(export.Progress) { cancel() }
		if _, err := export.Run(ctx, j); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}

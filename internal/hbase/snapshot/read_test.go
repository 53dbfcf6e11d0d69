package snapshot_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
	"drover/internal/hbase/snapshot"
	"drover/internal/storage"
	"drover/internal/storage/mem"
	"drover/internal/storage/storagetest"
)

// reg describes a region of a test's snapshot: its files by their entry names,
// all in family "f" and of 100 bytes.
type reg struct {
	start, end string
	id         uint64
	retired    bool
	files      []string
}

func manifestOf(regions ...reg) *hbasepb.SnapshotDataManifest {
	name := &hbasepb.TableName{Namespace: []byte("default"), Qualifier: []byte("t")}
	m := &hbasepb.SnapshotDataManifest{TableSchema: &hbasepb.TableSchema{TableName: name}}
	for _, r := range regions {
		ff := &hbasepb.SnapshotRegionManifest_FamilyFiles{FamilyName: []byte("f")}
		for _, f := range r.files {
			ff.StoreFiles = append(ff.StoreFiles, &hbasepb.SnapshotRegionManifest_StoreFile{Name: proto.String(f), FileSize: proto.Uint64(100)})
		}
		m.RegionManifests = append(m.RegionManifests, &hbasepb.SnapshotRegionManifest{
			RegionInfo: &hbasepb.RegionInfo{
				RegionId: proto.Uint64(r.id), TableName: name, StartKey: []byte(r.start), EndKey: []byte(r.end),
				Split: proto.Bool(r.retired), Offline: proto.Bool(r.retired),
			},
			FamilyFiles: []*hbasepb.SnapshotRegionManifest_FamilyFiles{ff},
		})
	}
	return m
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func description(t testing.TB, name string) []byte {
	return marshal(t, &hbasepb.SnapshotDescription{Name: proto.String(name), Table: proto.String("t"), Version: proto.Int32(2), Owner: proto.String("me")})
}

// store returns a store with one snapshot "s" under /hbase.
func store(t testing.TB, m *hbasepb.SnapshotDataManifest) *mem.Store {
	s := mem.New()
	storagetest.Put(t, s, "/hbase/.hbase-snapshot/s/.snapshotinfo", description(t, "s"))
	storagetest.Put(t, s, "/hbase/.hbase-snapshot/s/data.manifest", marshal(t, m))
	return s
}

func read(t testing.TB, regions ...reg) *snapshot.Manifest {
	t.Helper()
	m, err := snapshot.Read(t.Context(), store(t, manifestOf(regions...)), "/hbase", "s")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// listed returns the files of a snapshot in their order, each time they are read.
func listed(t testing.TB, s storage.Reader) (first, again []snapshot.File) {
	t.Helper()
	files, err := snapshot.ListFiles(t.Context(), s, "/hbase", "s")
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []*[]snapshot.File{&first, &again} {
		if _, err := files.Each(t.Context(), func(f snapshot.File) { *out = append(*out, f) }); err != nil {
			t.Fatal(err)
		}
	}
	return first, again
}

func TestEveryPhysicalFileIsListedOnce(t *testing.T) {
	parent := read(t, reg{id: 1}).Regions[0].Encoded
	retired := reg{id: 1, retired: true, files: []string{"aa", "dd"}}
	left := reg{end: "m", id: 2, files: []string{"aa." + parent, "o=" + parent + "-bb"}}
	right := reg{start: "m", id: 3, files: []string{"aa." + parent, "o=" + parent + "-bb." + parent, "cc"}}
	m := read(t, retired, left, right)
	aa, bb, cc, dd := "default/t/"+parent+"/f/aa", "default/o/"+parent+"/f/bb", "default/t/"+m.Regions[2].Encoded+"/f/cc", "default/t/"+parent+"/f/dd"
	tests := []struct {
		name    string
		regions []reg
		want    []string
	}{
		{"the parent before its daughters", []reg{retired, left, right}, []string{aa, dd, bb, cc}},
		{"the parent behind its daughters", []reg{left, right, retired}, []string{aa, bb, cc, dd}},
		{"no parent", []reg{right, left}, []string{aa, bb, cc}},
		{"neither links nor references", []reg{retired}, []string{aa, dd}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first, again := listed(t, store(t, manifestOf(tt.regions...)))
			var got []string
			for _, f := range first {
				got = append(got, f.Path())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(first, again); diff != "" {
				t.Errorf("files when read again (-first +again):\n%s", diff)
			}
		})
	}
	if !m.Regions[0].Retired() || m.Regions[1].Retired() {
		t.Errorf("retired: %v, %v, want only the parent", m.Regions[0].Retired(), m.Regions[1].Retired())
	}
	f := snapshot.File{Namespace: "n", Table: "t", Region: "r", Family: "f", Name: "x"}
	if got := f.ArchivePath("/hbase"); got != "/hbase/archive/data/n/t/r/f/x" {
		t.Errorf("archive path %s", got)
	}
}

func TestUnreadableSnapshots(t *testing.T) {
	good := marshal(t, manifestOf(reg{files: []string{"aa"}}))
	bad := manifestOf(reg{files: []string{"what is this?"}})
	homeless := []byte{0x12, 0x02, 0x1a, 0x00} // a region of nothing but a family
	// A region that claims to be longer than its family, whose files follow.
	overrun := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), []byte{0x1a, 0x7f, 0x0a, 0x01, 'f'})
	tests := []struct {
		name           string
		info, manifest []byte // nil: no such file
		want           error
	}{
		{"absent", nil, nil, snapshot.ErrNotFound},
		{"without its description", nil, good, snapshot.ErrUnfinished},
		{"without its manifest", description(t, "s"), nil, snapshot.ErrUnfinished},
		{"of an old format", marshal(t, &hbasepb.SnapshotDescription{Name: proto.String("s"), Version: proto.Int32(0)}), good, snapshot.ErrUnfinished},
		{"a description that is none", []byte{0xff}, good, snapshot.ErrCorrupt},
		{"a manifest cut short", description(t, "s"), good[:len(good)-3], snapshot.ErrCorrupt},
		{"an empty manifest", description(t, "s"), []byte{}, snapshot.ErrCorrupt},
		{"files of no region", description(t, "s"), append(homeless, good...), snapshot.ErrCorrupt},
		{"a part longer than what it is a part of", description(t, "s"), append(overrun, good...), snapshot.ErrCorrupt},
		{"a file name of no known form", description(t, "s"), marshal(t, bad), snapshot.ErrCorrupt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mem.New()
			for file, b := range map[string][]byte{".snapshotinfo": tt.info, "data.manifest": tt.manifest} {
				if b != nil {
					storagetest.Put(t, s, "/hbase/.hbase-snapshot/s/"+file, b)
				}
			}
			if _, err := snapshot.Read(t.Context(), s, "/hbase", "s"); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestFieldsOfALaterReleaseArePassedOver(t *testing.T) {
	regions := []reg{{end: "m", id: 1, files: []string{"aa", "bb"}}, {start: "m", id: 2, files: []string{"cc"}}}
	m := manifestOf(regions...)
	var unknown []byte
	unknown = protowire.AppendVarint(protowire.AppendTag(unknown, 101, protowire.VarintType), 1<<40)
	unknown = protowire.AppendFixed32(protowire.AppendTag(unknown, 102, protowire.Fixed32Type), 7)
	unknown = protowire.AppendFixed64(protowire.AppendTag(unknown, 103, protowire.Fixed64Type), 7)
	unknown = protowire.AppendString(protowire.AppendTag(unknown, 104, protowire.BytesType), strings.Repeat("x", 100_000))
	for _, part := range []proto.Message{m, m.RegionManifests[0], m.RegionManifests[0].FamilyFiles[0], m.RegionManifests[0].FamilyFiles[0].StoreFiles[0]} {
		part.ProtoReflect().SetUnknown(unknown)
	}
	want, _ := listed(t, store(t, manifestOf(regions...)))
	got, _ := listed(t, store(t, m))
	if diff := cmp.Diff(want, got); diff != "" || len(got) != 3 {
		t.Errorf("files (-without +with unknown fields):\n%s", diff)
	}
}

func TestLargeManifestStaysSmallInMemory(t *testing.T) {
	const regions, files = 10_000, 20
	var rs []reg
	for i := range regions {
		r := reg{start: fmt.Sprintf("%08d", i), end: fmt.Sprintf("%08d", i+1), id: uint64(i)}
		for j := range files {
			r.files = append(r.files, fmt.Sprintf("%032x", i*files+j))
		}
		rs = append(rs, r)
	}
	s := store(t, manifestOf(rs...))
	rs = nil
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m, err := snapshot.Read(t.Context(), s, "/hbase", "s")
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	got := 0
	for _, r := range m.Regions {
		got += len(r.Stores)
	}
	if got != regions*files {
		t.Errorf("%d files, want %d", got, regions*files)
	}
	if perFile := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / (regions * files); perFile > 400 {
		t.Errorf("%d bytes of memory a file, want at most 400", perFile)
	} else {
		t.Logf("%d bytes of memory a file", perFile)
	}
	runtime.KeepAlive(m)
}

func FuzzRead(f *testing.F) {
	f.Add(description(f, "s"), marshal(f, manifestOf(reg{end: "m", files: []string{"aa"}}, reg{start: "m", files: []string{"bb"}})))
	f.Add([]byte{}, []byte{0x12, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, info, manifest []byte) {
		s := mem.New()
		storagetest.Put(t, s, "/hbase/.hbase-snapshot/s/.snapshotinfo", info)
		storagetest.Put(t, s, "/hbase/.hbase-snapshot/s/data.manifest", manifest)
		m, err := snapshot.Read(t.Context(), s, "/hbase", "s")
		if err != nil {
			return
		}
		want, got := map[string]bool{}, map[string]bool{}
		for _, r := range m.Regions {
			for _, s := range r.Stores {
				want[s.File.Path()] = true
			}
		}
		files, _ := listed(t, s)
		for _, f := range files {
			got[f.Path()] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("files listed (-want +got):\n%s", diff)
		}
		if _, err := snapshot.Diff(m, m); err != nil {
			return
		}
	})
}

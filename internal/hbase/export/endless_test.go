package export_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"runtime/debug"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"drover/internal/fault"
	"drover/internal/hbase/export"
	"drover/internal/hbase/hbasepb"
	"drover/internal/hbase/snapshot"
	"drover/internal/heaptest"
	"drover/internal/storage"
)

// endless is a store with a snapshot "s" of as many files as are asked for, and
// with every other file anybody asks for. The snapshot's manifest comes into
// being as it is read.
type endless struct {
	storage.Store
	regions, files int    // files of each region
	link           string // what comes before a file's name
	opened         int    // how often the manifest was
	open           func(opened int) error
}

// large is more files than an export has in memory at a time.
const large = 1<<15 + 1000

func (s *endless) Open(_ context.Context, name string) (io.ReadCloser, error) {
	switch path.Base(name) {
	case snapshot.DescriptionFile:
		b, err := proto.Marshal(&hbasepb.SnapshotDescription{Name: proto.String("s"), Table: proto.String("t"), Version: proto.Int32(2)})
		return io.NopCloser(bytes.NewReader(b)), err
	case snapshot.ManifestFile:
		s.opened++
		if s.open != nil {
			if err := s.open(s.opened); err != nil {
				return nil, err
			}
		}
		return io.NopCloser(&endlessManifest{of: s}), nil
	}
	return nil, fmt.Errorf("open %s: it is there already", name)
}

func (s *endless) List(_ context.Context, dir string) ([]storage.Object, error) {
	return []storage.Object{{Path: dir + "/" + snapshot.DescriptionFile}, {Path: dir + "/" + snapshot.ManifestFile}}, nil
}

func (s *endless) Stat(_ context.Context, name string) (storage.Object, error) {
	return storage.Object{Path: name, Size: 100}, nil
}

func (s *endless) Checksum(context.Context, string) (storage.Checksum, error) {
	return storage.Checksum{BlockSize: 128, Sum: strings.Repeat("0", 32)}, nil
}

// endlessManifest writes what HBase would, a file at a time.
type endlessManifest struct {
	of           *endless
	region, file int // what comes next; region 0 is the table's schema
	buf          []byte
}

func (g *endlessManifest) Read(p []byte) (int, error) {
	if len(g.buf) == 0 {
		if g.region > g.of.regions {
			return 0, io.EOF
		}
		g.fill()
	}
	n := copy(p, g.buf)
	g.buf = g.buf[n:]
	return n, nil
}

func (g *endlessManifest) fill() {
	name := &hbasepb.TableName{Namespace: []byte("default"), Qualifier: []byte("t")}
	switch {
	case g.region == 0:
		g.buf = field(nil, 1, message(&hbasepb.TableSchema{TableName: name}))
		g.region++
		return
	case g.file == 0:
		region := field(nil, 2, message(&hbasepb.RegionInfo{RegionId: proto.Uint64(uint64(g.region)), TableName: name}))
		family := field(nil, 1, []byte("f"))
		files := len(family) + g.of.files*len(g.entry())
		g.buf = head(nil, 2, len(region)+len(head(nil, 3, files))+files)
		g.buf = append(head(append(g.buf, region...), 3, files), family...)
	}
	for range min(1000, g.of.files-g.file) {
		g.buf = append(g.buf, g.entry()...)
		g.file++
	}
	if g.file == g.of.files {
		g.region, g.file = g.region+1, 0
	}
}

// entry is of the same length for every file.
func (g *endlessManifest) entry() []byte {
	var id [16]byte
	id[3], id[4], id[5], id[6] = byte(g.region>>16), byte(g.region>>8), byte(g.region), 1
	id[13], id[14], id[15] = byte(g.file>>16), byte(g.file>>8), byte(g.file)
	name := hex.AppendEncode([]byte(g.of.link), id[:])
	return field(nil, 2, protowire.AppendVarint(protowire.AppendTag(field(nil, 1, name), 3, protowire.VarintType), 100))
}

func message(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err) // of messages made here
	}
	return b
}

func head(b []byte, n protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.BytesType), uint64(size))
}

func field(b []byte, n protowire.Number, value []byte) []byte {
	return append(head(b, n, len(value)), value...)
}

func TestMemoryDoesNotGrowWithTheFiles(t *testing.T) {
	const files, bound = 100_000, 20 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // what is garbage says nothing
	tests := []struct {
		name    string
		regions int
		link    string
	}{
		{"many regions", 5_000, ""},
		{"one region, as of MOB files", 1, ""},
		{"a clone: links", 5_000, "another_table=0123456789abcdef0123456789abcdef-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			grown := heaptest.Peak(func() {
				s := &endless{regions: tt.regions, files: files / tt.regions, link: tt.link}
				plan, err := export.PlanRange(t.Context(), job(s, s), 0, files)
				if err != nil || plan.Count != files {
					t.Errorf("plan: %+v, %v, want %d files", plan, err, files)
				}
			})
			t.Logf("the heap grew by %d MB", grown>>20)
			if grown > bound {
				t.Errorf("the heap grew by %d MB, want at most %d", grown>>20, bound>>20)
			}
		})
	}
}

func TestEveryFileOfALargeSnapshotIsCopied(t *testing.T) {
	s := &endless{regions: 8, files: large / 8, open: func(opened int) error {
		if opened == 5 { // after the plan and the comparison of the metadata
			return errBroken
		}
		return nil
	}}
	res, err := export.Run(t.Context(), job(s, s))
	if err != nil || s.opened < 5 {
		t.Fatalf("%+v, %v, manifest opened %d times", res, err, s.opened)
	}
	if want := (export.Result{Files: large, Bytes: large * 100, Adopted: large, Passes: 1}); res != want {
		t.Errorf("got %+v, want %+v", res, want)
	}
}

func TestSnapshotChangesBetweenBatches(t *testing.T) {
	tests := []struct {
		name    string
		regions int // from then on
		err     error
		kind    fault.Kind
		words   string
	}{
		{"replaced by one of other files", 9, nil, fault.Mismatch, "replaced"},
		{"deleted", 8, storage.ErrNotExist, fault.Conflict, "gone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &endless{regions: 8, files: large / 8}
			j := job(s, s)
			var err error
			if j.Plan, err = export.Plan(t.Context(), j); err != nil {
				t.Fatal(err)
			}
			s.regions, s.open = tt.regions, func(int) error { return tt.err }
			res, err := export.CopyRange(t.Context(), j, large-10, large)
			if fault.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.words) || res.Adopted != 0 {
				t.Errorf("got %+v, %v, want kind %s and the word %q", res, err, tt.kind, tt.words)
			}
		})
	}
}

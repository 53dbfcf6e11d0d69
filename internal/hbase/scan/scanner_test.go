package scan

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase"
	"drover/internal/hbase/hbasepb"
)

// read consumes a scanner to its end.
func read(s *Scanner) (stream []byte, rows, cells int, err error) {
	defer s.Close()
	for {
		c, err := s.Next()
		if errors.Is(err, io.EOF) {
			return stream, rows, cells, nil
		}
		if err != nil {
			return stream, rows, cells, err
		}
		stream = append(stream, c.Block...)
		rows += c.Rows
		cells += c.Cells
		c.Release()
	}
}

// FuzzStream shows that however answers are cut and whatever goes wrong in
// between, the stream, its rows and its cells stay the same.
func FuzzStream(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint8(seed*3), uint8(seed%7))
	}
	f.Fuzz(func(t *testing.T, seed uint64, rows, faults uint8) {
		server := newFakeServer(seed, int(rows), int(faults%8))
		want := server.stream()
		s := NewTable("t", server).Scan(t.Context(), Spec{})
		got, gotRows, gotCells, err := read(s)
		if err != nil {
			t.Fatalf("seed %d, faults %v: %v", seed, server.audit, err)
		}
		if !bytes.Equal(got, want) || gotRows != int(rows) || gotCells != len(server.cells) {
			t.Fatalf("seed %d, faults %v: %d bytes, %d rows, %d cells; want %d, %d, %d", seed, server.audit, len(got), gotRows, gotCells, len(want), rows, len(server.cells))
		}
		// Nobody can close a scanner over a lost connection; its lease ends it.
		if len(server.scanners) > server.audit["answer lost"] {
			t.Fatalf("seed %d, faults %v: %d scanners left open", seed, server.audit, len(server.scanners))
		}
	})
}

func TestReleasedChunksGiveTheirAnswersBackOnce(t *testing.T) {
	server := newFakeServer(5, 200, 0)
	if _, _, _, err := read(NewTable("t", server).Scan(t.Context(), Spec{})); err != nil {
		t.Fatal(err)
	}
	if n := server.audit["recycled"]; n == 0 || n != server.audit["answered"] {
		t.Errorf("%d of %d answers with cells were given back", n, server.audit["answered"])
	}
}

func TestScanOfARangeReadsTheRangeOnly(t *testing.T) {
	server := newFakeServer(3, 40, 0)
	var want []byte
	for i, c := range server.cells {
		if k := string(server.keys[i]); k >= "row0005" && k < "row0011" {
			want = append(want, c...)
		}
	}
	s := NewTable("t", server).Scan(t.Context(), Spec{Start: []byte("row0005"), Stop: []byte("row0011")})
	if got, rows, _, err := read(s); err != nil || !bytes.Equal(got, want) || rows != 6 {
		t.Errorf("got %d bytes and %d rows (%v), want %d and 6", len(got), rows, err, len(want))
	}
}

// scripted answers every scan call with fn.
type scripted struct {
	*fakeServer
	fn func(*hbasepb.ScanResponse) ([]byte, error)
}

func (s scripted) Client(context.Context, string) (Caller, error) { return s, nil }

func (s scripted) Call(_ context.Context, _ string, req, resp proto.Message) ([]byte, error) {
	if req.(*hbasepb.ScanRequest).GetCloseScanner() {
		return nil, nil
	}
	return s.fn(resp.(*hbasepb.ScanResponse))
}

func TestWhatIsNoEndIsAnError(t *testing.T) {
	cell := AppendCell(nil, []byte("row"), []byte("f"), []byte("q"), 1, hbase.TypePut, nil)
	for name, c := range map[string]struct {
		fn   func(*hbasepb.ScanResponse) ([]byte, error)
		want string
	}{
		"no more results before the end of the region": {
			func(r *hbasepb.ScanResponse) ([]byte, error) {
				r.ScannerId, r.MoreResults, r.MoreResultsInRegion = proto.Uint64(1), proto.Bool(false), proto.Bool(true)
				return nil, nil
			}, "ended before the end of the region",
		},
		"cells cut short": {
			func(r *hbasepb.ScanResponse) ([]byte, error) {
				r.ScannerId, r.MoreResults, r.MoreResultsInRegion = proto.Uint64(1), proto.Bool(true), proto.Bool(false)
				r.CellsPerResult = []uint32{2}
				return cell, nil
			}, "malformed cell block",
		},
		"more cells than results": {
			func(r *hbasepb.ScanResponse) ([]byte, error) {
				r.ScannerId, r.MoreResults, r.MoreResultsInRegion = proto.Uint64(1), proto.Bool(true), proto.Bool(false)
				r.CellsPerResult = []uint32{1}
				return append(bytes.Clone(cell), cell...), nil
			}, "after the last of 1 cells",
		},
		"access denied": {
			func(*hbasepb.ScanResponse) ([]byte, error) {
				return nil, remote("security.AccessDeniedException", true)
			}, "AccessDeniedException",
		},
		"an error that never ends": {
			func(*hbasepb.ScanResponse) ([]byte, error) { return nil, remote("NotServingRegionException", false) }, "no progress for",
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := NewTable("t", scripted{newFakeServer(1, 1, 0), c.fn})
			_, _, _, err := read(table.Scan(t.Context(), Spec{Patience: time.Millisecond}))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestAnEndedContextEndsTheScan(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	table := NewTable("t", scripted{newFakeServer(1, 1, 0), func(*hbasepb.ScanResponse) ([]byte, error) {
		cancel()
		return nil, context.Canceled
	}})
	if _, _, _, err := read(table.Scan(ctx, Spec{})); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestCloseBeforeTheEndClosesTheServersScanner(t *testing.T) {
	server := newFakeServer(5, 200, 0)
	s := NewTable("t", server).Scan(t.Context(), Spec{})
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
	if _, err := s.Next(); !errors.Is(err, errClosed) {
		t.Errorf("after close: %v, want %v", err, errClosed)
	}
	if n := len(server.scanners); n > 0 {
		t.Errorf("%d scanners left open on the server", n)
	}
}

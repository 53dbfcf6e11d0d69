//go:build cluster

package scan

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"drover/internal/hbase"
	"drover/internal/hbase/rows"
	"drover/internal/sandbox/sandboxtest"
)

// newTable makes a table of several regions with 20,000 rows of two versions.
func newTable(ctx context.Context, t *testing.T) (*hbase.Cluster, hbase.TableName) {
	t.Helper()
	site, err := sandboxtest.Shared(t).Site("a")
	must(t, err)
	cfg := hbase.Config{Quorum: site.Quorum, ZNodeParent: site.ZNodeParent, RootDir: site.RootDir}
	c, err := hbase.Open(cfg)
	must(t, err)
	r, err := rows.Open(cfg)
	must(t, err)
	name := hbase.TableName{Namespace: "default", Qualifier: "scan_" + strings.ToLower(rand.Text()[:8])}
	sandboxtest.Afterwards(t, "drop "+name.String(), func(ctx context.Context) error {
		r.Close()
		return errors.Join(c.DropTable(ctx, name, hbase.NonceFor("drop "+name.String())), c.Close())
	})
	desc := hbase.NewTable(name, []string{"f"}, map[string]string{"VERSIONS": "3"})
	splits := [][]byte{[]byte("row05000"), []byte("row10000"), []byte("row15000")}
	must(t, c.CreateTable(ctx, desc, splits, hbase.NonceFor("create "+name.String())))
	var batch []rows.Mutation
	for i := range 20_000 {
		m := rows.Mutation{Row: fmt.Sprintf("row%05d", i)}
		for v := range 2 {
			m.Cells = append(m.Cells, rows.Cell{Family: "f", Qualifier: "q", Timestamp: uint64(1 + v), Value: []byte(fmt.Sprint("value ", i, v))})
		}
		if batch = append(batch, m); len(batch) == 5000 {
			must(t, r.Put(ctx, name.String(), batch))
			batch = nil
		}
	}
	must(t, c.FlushTable(ctx, name))
	return c, name
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type fingerprint struct {
	sum         [sha256.Size]byte
	rows, cells int
}

// consume reads a scan to its end; pause is called after each chunk.
func consume(s *Scanner, pause func()) (fingerprint, error) {
	defer s.Close()
	var f fingerprint
	h := sha256.New()
	for {
		c, err := s.Next()
		if errors.Is(err, io.EOF) {
			copy(f.sum[:], h.Sum(nil))
			return f, nil
		}
		if err != nil {
			return f, err
		}
		h.Write(c.Block)
		f.rows += c.Rows
		f.cells += c.Cells
		pause()
	}
}

func TestStreamStaysTheSameWhileRegionsChange(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c, name := newTable(ctx, t)
	table := Cluster(c, name)
	want, err := consume(table.Scan(ctx, Spec{}), func() {})
	must(t, err)
	if want.rows != 20_000 || want.cells != 40_000 {
		t.Fatalf("at rest: %d rows and %d cells, want 20000 and 40000", want.rows, want.cells)
	}

	// Each change waits until a scan is under way, and the scan for the change:
	// it goes on reading only once the change is complete.
	for _, change := range []struct {
		name string
		do   func([]hbase.Region) error
	}{
		{"split", func(rs []hbase.Region) error {
			return c.SplitRegion(ctx, rs[0], []byte("row02500"), hbase.NonceFor("split "+name.String()))
		}},
		{"reopen", func([]hbase.Region) error {
			desc, err := c.Table(ctx, name)
			if err != nil {
				return err
			}
			return c.ModifyTable(ctx, desc.WithAttribute("OWNER", "x"), hbase.NonceFor("reopen "+name.String()))
		}},
		{"merge", func(rs []hbase.Region) error {
			return c.MergeRegions(ctx, rs[len(rs)-2:], hbase.NonceFor("merge "+name.String()))
		}},
		{"compaction", func([]hbase.Region) error { return c.MajorCompact(ctx, name) }},
	} {
		t.Run(change.name, func(t *testing.T) {
			regions, err := c.ServingRegions(ctx, name)
			must(t, err)
			begun, changed := make(chan struct{}), make(chan struct{})
			var chunks atomic.Int64
			s := table.Scan(ctx, Spec{Block: 8 << 10})
			var g errgroup.Group
			var got fingerprint
			g.Go(func() (err error) {
				got, err = consume(s, func() {
					if chunks.Add(1) == 5 {
						close(begun)
						<-changed
					}
				})
				return err
			})
			<-begun
			err = change.do(regions)
			close(changed)
			must(t, err)
			must(t, g.Wait())
			t.Logf("%d chunks, %d restarts", chunks.Load(), s.Restarts())
			if got != want {
				t.Errorf("got %d rows, %d cells, SHA-256 %x; want %d, %d, %x", got.rows, got.cells, got.sum, want.rows, want.cells, want.sum)
			}
			if change.name != "compaction" && s.Restarts() == 0 {
				t.Error("the scan was not disturbed: this test shows nothing")
			}
		})
	}
}

func TestAScanOutlivesItsRegionServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c, name := newTable(ctx, t)
	table := Cluster(c, name)
	want, err := consume(table.Scan(ctx, Spec{}), func() {})
	must(t, err)
	sandbox := sandboxtest.Shared(t)
	chunks := 0
	s := table.Scan(ctx, Spec{Block: 8 << 10})
	got, err := consume(s, func() {
		if chunks++; chunks != 5 {
			return
		}
		must(t, sandbox.Kill(ctx, "a/regionserver"))
		must(t, sandbox.Start(ctx, "a/regionserver"))
	})
	must(t, err)
	if got != want || s.Restarts() == 0 {
		t.Errorf("after %d restarts: %d rows, %d cells, SHA-256 %x; want at least 1 restart, %d, %d, %x", s.Restarts(), got.rows, got.cells, got.sum, want.rows, want.cells, want.sum)
	}
}

func TestRowSpecsReadExactlyTheRows(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c, name := newTable(ctx, t)
	table := Cluster(c, name)
	var keys [][]byte
	var want int
	for i := 0; i < 20_000; i += 7 {
		keys = append(keys, fmt.Appendf(nil, "row%05d", i))
		want++
		if i%5 == 0 {
			keys = append(keys, fmt.Appendf(nil, "row%05d is not there", i))
		}
	}
	specs, err := table.RowSpecs(ctx, keys)
	must(t, err)
	var rows, cells int
	var buf []byte
	for _, spec := range specs {
		stream, r, c, err := read(table.Scan(ctx, spec))
		must(t, err)
		rows, cells, buf = rows+r, cells+c, append(buf, stream...)
	}
	if rows != want || cells != 2*want {
		t.Errorf("%d scans gave %d rows and %d cells, want %d and %d", len(specs), rows, cells, want, 2*want)
	}
	for i := 0; len(buf) > 0; i++ {
		var cell Cell
		cell, buf, err = SplitCell(buf)
		must(t, err)
		if wantRow := fmt.Sprintf("row%05d", i/2*7); string(cell.Row()) != wantRow {
			t.Fatalf("cell %d is of row %q, want %q", i, cell.Row(), wantRow)
		}
	}
}

func TestARenewedScannerReadsOn(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c, name := newTable(ctx, t)
	regions, err := c.ServingRegions(ctx, name)
	must(t, err)
	client, err := c.RegionServer(ctx, regions[0].Server, hbase.ClientService)
	must(t, err)
	rs := &regionScan{client: client, region: regions[0], spec: Spec{Block: 8 << 10, Rows: 1000}, stop: regions[0].End}
	defer rs.close(ctx)
	var cells int
	for i := 0; ; i++ {
		b, err := rs.next(ctx)
		if err != nil {
			t.Fatalf("call %d, after a renewal: %v", i, err)
		}
		for _, n := range b.perResult {
			cells += int(n)
		}
		if b.last {
			break
		}
		rs.renew(ctx)
	}
	if cells != 10_000 {
		t.Errorf("got %d cells, want 10000", cells)
	}
}

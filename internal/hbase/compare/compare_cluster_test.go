//go:build cluster

package compare

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"drover/internal/hbase"
	"drover/internal/hbase/rows"
)

func TestPlantedDifferencesAreNamed(t *testing.T) {
	ctx, w := newWorld(t)
	table := w.table(ctx, t, []string{"f", "g"}, "row000200", "row000400")
	w.fill(ctx, t, table, 600)
	w.copyTable(ctx, t, table)
	source, target := w.sides(table)

	res, err := Tables(ctx, source, target, Options{})
	must(t, err)
	if res.Verdict != Match || res.Rows != 600 || res.Cells != 2400 || res.TargetCells != 2400 {
		t.Fatalf("before planting: got %+v, want a match of 600 rows and 2400 cells", res)
	}

	w.b.put(ctx, t, table, "row000050", cell("f", "q", 1001, "other")) // same version, other value
	w.b.put(ctx, t, table, "row000150", rows.Cell{Family: "f", Delete: rows.DeleteFamily}, rows.Cell{Family: "g", Delete: rows.DeleteFamily})
	w.b.put(ctx, t, table, "row000250", cell("f", "q", 5000, "extra version"))
	w.b.put(ctx, t, table, "row000300", rows.Cell{Family: "f", Qualifier: "q", Timestamp: 1000, Delete: rows.DeleteVersion})
	w.b.put(ctx, t, table, "row000350", cell("g", "column", 1, "extra column"))
	w.b.put(ctx, t, table, "row0003505", cell("f", "q", 1, "extra row"))
	w.b.put(ctx, t, table, "a row before all", cell("f", "q", 1, "extra row"))
	w.b.put(ctx, t, table, "z row after all", cell("f", "q", 1, "extra row"))
	want := map[string]Kind{
		"row000050": ChangedValue, "row000150": MissingRow, "row000250": ExtraVersion, "row000300": MissingVersion,
		"row000350": ExtraColumn, "row0003505": ExtraRow, "a row before all": ExtraRow, "z row after all": ExtraRow,
	}
	for name, opts := range map[string]Options{
		"at rest": {}, "in use": {Settle: 500 * time.Millisecond}, "one range": {Ranges: []KeyRange{{}}},
	} {
		res, err := Tables(ctx, source, target, opts)
		must(t, err)
		got := map[string]Kind{}
		for _, d := range res.Differences {
			got[d.Row.String()] = d.Kind
		}
		if diff := cmp.Diff(want, got); diff != "" || res.Verdict != Differ || res.Differing != int64(len(want)) {
			t.Errorf("%s: verdict %s, %d rows differ, want %s and %d; kinds (-want +got):\n%s", name, res.Verdict, res.Differing, Differ, len(want), diff)
		}
	}
	res, err = Tables(ctx, source, target, Options{MaxDifferences: 2})
	must(t, err)
	if len(res.Differences) != 2 || res.Differing != int64(len(want)) || res.Kinds[ExtraRow] != 3 {
		t.Errorf("bounded: %d named, %d counted, kinds %v; want 2, %d and 3 extra rows", len(res.Differences), res.Differing, res.Kinds, len(want))
	}
}

// replicate writes to the source without end, and each batch to the target some
// batches later: what replication with a lag looks like. Few rows get all the
// writes, so that old versions fall off while they are compared.
func (w *world) replicate(ctx context.Context, table hbase.TableName) error {
	const lag = 3
	var sent [][]rows.Mutation
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		var batch []rows.Mutation
		for i := range 20 {
			c := cell("f", "q", uint64(10_000+n), fmt.Sprint("write ", n))
			batch = append(batch, rows.Mutation{Row: fmt.Sprintf("row%06d", (n*7+i)%60), Cells: []rows.Cell{c}})
		}
		if err := w.a.rows.Put(ctx, table.String(), batch); err != nil {
			return err
		}
		if sent = append(sent, batch); len(sent) > lag {
			if err := w.b.rows.Put(ctx, table.String(), sent[0]); err != nil {
				return err
			}
			sent = sent[1:]
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func TestLagIsNoDifference(t *testing.T) {
	ctx, w := newWorld(t)
	table := w.table(ctx, t, []string{"f", "g"}, "row000030")
	w.fill(ctx, t, table, 100)
	w.copyTable(ctx, t, table)
	source, target := w.sides(table)
	writing, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error {
		err := w.replicate(writing, table)
		if writing.Err() != nil {
			return nil // a write cut off by the end of the test
		}
		return err
	})
	defer func() {
		stop()
		must(t, g.Wait())
	}()
	for disturbed := false; !disturbed; {
		res, err := Tables(ctx, source, target, Options{Settle: 3 * time.Second})
		must(t, err)
		t.Logf("%s: %d settled, %d newer", res.Verdict, res.Settled, res.Newer)
		if res.Verdict != Match {
			t.Fatalf("with lag only: %+v, want a match", res)
		}
		disturbed = res.Settled+res.Newer > 0
	}
	w.b.put(ctx, t, table, "row000080", cell("f", "q", 7, "stray"))
	res, err := Tables(ctx, source, target, Options{Settle: 3 * time.Second})
	must(t, err)
	if res.Verdict != Differ || res.Differing != 1 || res.Differences[0].Row.String() != "row000080" {
		t.Errorf("with a stray write: %+v, want row000080 alone to differ", res)
	}
}

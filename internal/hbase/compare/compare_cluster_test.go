//go:build cluster

package compare

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

func TestPerfTry(t *testing.T) {
	ctx, w := newWorld(t)
	table := hbase.TableName{Namespace: "default", Qualifier: "e_perf"}
	if _, err := w.b.cluster.Table(ctx, table); err != nil {
		w.copyTable(ctx, t, table)
	}
	source, target := w.sides(table)
	for _, par := range []int{1, 2, 2, 3, 4} {
		start := time.Now()
		res, err := Tables(ctx, source, target, Options{Parallel: par})
		must(t, err)
		t.Logf("parallel %d: %s %d rows %d bytes in %v", par, res.Verdict, res.Rows, res.Bytes, time.Since(start))
	}
}

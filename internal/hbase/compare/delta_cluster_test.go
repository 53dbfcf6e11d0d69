//go:build cluster

package compare

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/hbase"
	"drover/internal/hbase/rows"
	"drover/internal/hbase/scan"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
)

// baseline takes the base snapshots and shows that the tables are equal then.
func (w *world) baseline(ctx context.Context, t *testing.T, table hbase.TableName) DeltaJob {
	t.Helper()
	source, target := w.sides(table)
	job := DeltaJob{
		Source: source, Target: target, SourceBase: "base_" + table.Qualifier, TargetBase: "base_" + table.Qualifier,
		SourceStore: w.a.store, TargetStore: w.b.store, RunKey: table.Qualifier,
	}
	for _, s := range []site{w.a, w.b} {
		must(t, s.cluster.Snapshot(ctx, hbase.SnapshotSpec{Name: job.SourceBase, Table: table, Nonce: hbase.NonceFor(s.name + job.SourceBase)}))
	}
	w.dropSnapshot(t, job.SourceBase)
	res, err := Tables(ctx, source, target, Options{})
	must(t, err)
	if res.Verdict != Match {
		t.Fatalf("at the base: %+v, want a match", res)
	}
	return job
}

// fence makes the source read-only, as a migration does before its proof.
func (w *world) fence(ctx context.Context, t *testing.T, table hbase.TableName) {
	t.Helper()
	_, err := w.a.cluster.EnsureReadOnly(ctx, table, true, hbase.NonceFor("fence "+table.String()))
	must(t, err)
}

func (w *world) delta(ctx context.Context, t *testing.T, job DeltaJob) DeltaResult {
	t.Helper()
	res, err := Delta(ctx, job)
	must(t, err)
	var steps []string
	for _, s := range res.Steps {
		steps = append(steps, fmt.Sprintf("%s %dms", s.Name, s.Duration.Milliseconds()))
	}
	t.Logf("%s: %+v, new files %+v, touched %d, %d rows read, %d differ; %s", res.Verdict, res.Ranges, res.NewFiles, res.Touched, res.Rows, res.Differing, strings.Join(steps, ", "))
	for _, s := range []site{w.a, w.b} {
		names, err := s.cluster.TableNames(ctx)
		must(t, err)
		snaps, err := s.cluster.Snapshots(ctx)
		must(t, err)
		for _, snap := range snaps {
			names = append(names, hbase.TableName{Qualifier: snap.Name})
		}
		for _, n := range names {
			if strings.HasPrefix(n.Qualifier, job.temporary()) {
				t.Errorf("%s was left at %s", n, s.name)
			}
		}
	}
	return res
}

func kindsByRow(ds []Difference) map[string]Kind {
	out := map[string]Kind{}
	for _, d := range ds {
		out[d.Row.String()] = d.Kind
	}
	return out
}

func TestDeltaFindsWhatChanged(t *testing.T) {
	ctx, w := newWorld(t)
	table := w.table(ctx, t, []string{"f", "g"}, "row000200", "row000400")
	w.fill(ctx, t, table, 600)
	w.copyTable(ctx, t, table)
	job := w.baseline(ctx, t, table)

	w.a.put(ctx, t, table, "row000010", cell("f", "q", 5, "an old timestamp")) // sorts after three newer ones
	w.a.put(ctx, t, table, "row000020", rows.Cell{Family: "f", Qualifier: "q", Delete: rows.DeleteColumn})
	w.a.put(ctx, t, table, "row000030", rows.Cell{Family: "f", Delete: rows.DeleteFamily}, rows.Cell{Family: "g", Delete: rows.DeleteFamily})
	w.a.put(ctx, t, table, "row000040", rows.Cell{Family: "f", Qualifier: "q", Timestamp: 1002, Delete: rows.DeleteVersion})
	w.a.put(ctx, t, table, "row000050", cell("f", "q", 9000, "replicated"))
	w.b.put(ctx, t, table, "row000050", cell("f", "q", 9000, "replicated"))
	w.b.put(ctx, t, table, "row000210", cell("f", "q", 9000, "a stray write at the target"))
	w.b.put(ctx, t, table, "row000220", rows.Cell{Family: "g", Qualifier: "other", Delete: rows.DeleteColumn})
	w.fence(ctx, t, table)
	want := map[string]Kind{
		"row000010": MissingVersion, "row000020": ExtraColumn, "row000030": ExtraRow, "row000040": ExtraVersion,
		"row000210": ExtraVersion, "row000220": MissingColumn,
	}

	job.CloneAbove = -1
	res := w.delta(ctx, t, job)
	if diff := cmp.Diff(want, kindsByRow(res.Differences)); diff != "" || res.Verdict != Differ {
		t.Errorf("by row: %s, differences (-want +got):\n%s", res.Verdict, diff)
	}
	if want := (RangeCounts{Unchanged: 1, ByRow: 2}); res.Ranges != want || res.Touched != 7 {
		t.Errorf("by row: ranges %+v and %d rows touched, want %+v and 7", res.Ranges, res.Touched, want)
	}
	job.CloneAbove = 0
	res = w.delta(ctx, t, job)
	if diff := cmp.Diff(want, kindsByRow(res.Differences)); diff != "" || res.Verdict != Differ {
		t.Errorf("in full: %s, differences (-want +got):\n%s", res.Verdict, diff)
	}
	if want := (RangeCounts{Unchanged: 1, Small: 2}); res.Ranges != want {
		t.Errorf("in full: ranges %+v, want %+v", res.Ranges, want)
	}
}

func TestDeltaAfterFilesWereRewritten(t *testing.T) {
	for name, change := range map[string]func(context.Context, *testing.T, *world, hbase.TableName){
		"major compaction": func(ctx context.Context, t *testing.T, w *world, table hbase.TableName) { w.a.compact(ctx, t, table) },
		"split whose references stay": func(ctx context.Context, t *testing.T, w *world, table hbase.TableName) {
			w.a.stopCompactions(ctx, t, table)
			w.a.split(ctx, t, table)
		},
		"split and compaction": func(ctx context.Context, t *testing.T, w *world, table hbase.TableName) {
			w.a.split(ctx, t, table)
			w.a.compact(ctx, t, table)
		},
		"merge":                    func(ctx context.Context, t *testing.T, w *world, table hbase.TableName) { w.a.merge(ctx, t, table) },
		"compaction at the target": func(ctx context.Context, t *testing.T, w *world, table hbase.TableName) { w.b.compact(ctx, t, table) },
		// The target's files are links into its archive: its daughters hold
		// references to links.
		"split at the target whose references stay": func(ctx context.Context, t *testing.T, w *world, table hbase.TableName) {
			w.b.stopCompactions(ctx, t, table)
			w.b.split(ctx, t, table)
		},
		"split and compaction at the target": func(ctx context.Context, t *testing.T, w *world, table hbase.TableName) {
			w.b.split(ctx, t, table)
			w.b.compact(ctx, t, table)
		},
		"merge at the target": func(ctx context.Context, t *testing.T, w *world, table hbase.TableName) { w.b.merge(ctx, t, table) },
		"split at the source and merge at the target": func(ctx context.Context, t *testing.T, w *world, table hbase.TableName) {
			w.a.split(ctx, t, table)
			w.b.merge(ctx, t, table)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for masters
			ctx, w := newWorld(t)
			table := w.table(ctx, t, []string{"f", "g"}, "row000200", "row000400")
			w.fill(ctx, t, table, 600)
			w.copyTable(ctx, t, table)
			job := w.baseline(ctx, t, table)
			// The delete leaves no trace once its region is compacted.
			w.a.put(ctx, t, table, "row000050", rows.Cell{Family: "f", Delete: rows.DeleteFamily}, rows.Cell{Family: "g", Delete: rows.DeleteFamily})
			w.b.put(ctx, t, table, "row000150", cell("f", "q", 1002, "stray"))
			change(ctx, t, w, table)
			if strings.Contains(name, "compaction") && !strings.Contains(name, "target") {
				w.noTrace(ctx, t, table, "row000050")
			}
			w.fence(ctx, t, table)
			want := map[string]Kind{"row000050": ExtraRow, "row000150": ChangedValue}
			for _, above := range []int64{-1, 0} {
				job.CloneAbove = above
				res := w.delta(ctx, t, job)
				if diff := cmp.Diff(want, kindsByRow(res.Differences)); diff != "" || res.Verdict != Differ {
					t.Errorf("CloneAbove %d: %s, differences (-want +got):\n%s", above, res.Verdict, diff)
				}
			}
		})
	}
}

func (s site) compact(ctx context.Context, t *testing.T, table hbase.TableName) {
	t.Helper()
	must(t, s.cluster.FlushTable(ctx, table))
	must(t, s.cluster.MajorCompact(ctx, table))
}

// stopCompactions keeps the references of daughters, which are compacted away
// as soon as they open.
func (s site) stopCompactions(ctx context.Context, t *testing.T, table hbase.TableName) {
	t.Helper()
	desc, err := s.cluster.Table(ctx, table)
	must(t, err)
	must(t, s.cluster.ModifyTable(ctx, desc.WithAttribute("COMPACTION_ENABLED", "false"), hbase.NonceFor(s.name+" compactions "+table.String())))
}

// split cuts the first region between the rows that the test changes.
func (s site) split(ctx context.Context, t *testing.T, table hbase.TableName) {
	t.Helper()
	regions, err := s.cluster.ServingRegions(ctx, table)
	must(t, err)
	must(t, s.cluster.SplitRegion(ctx, regions[0], []byte("row000100"), hbase.NonceFor(s.name+" split "+table.String())))
}

func (s site) merge(ctx context.Context, t *testing.T, table hbase.TableName) {
	t.Helper()
	regions, err := s.cluster.ServingRegions(ctx, table)
	must(t, err)
	must(t, s.cluster.MergeRegions(ctx, regions[:2], hbase.NonceFor(s.name+" merge "+table.String())))
}

// noTrace shows that a raw scan of the source has nothing of a row, not even a
// delete marker: why a region whose files were rewritten proves nothing.
func (w *world) noTrace(ctx context.Context, t *testing.T, table hbase.TableName, key string) {
	t.Helper()
	spec := scan.Spec{Start: []byte(key), Stop: []byte(key + "\x00"), Raw: true}
	left, err := rowKeys(ctx, scan.Cluster(w.a.cluster, table), spec, 1)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("after the compaction %s still has cells or markers: the test shows less than it says", key)
	}
}

func TestDeltaFindsBulkLoads(t *testing.T) {
	ctx, w := newWorld(t)
	table := w.table(ctx, t, []string{"f", "g"}, "row000200", "row000400")
	w.fill(ctx, t, table, 600)
	w.copyTable(ctx, t, table)
	job := w.baseline(ctx, t, table)
	w.bulkLoad(ctx, t, table, "row000100", "row000450")
	w.fence(ctx, t, table)
	w.bulkLoad(ctx, t, table, "row000300") // READONLY does not refuse it
	want := map[string]Kind{"row000100": MissingVersion, "row000300": MissingVersion, "row000450": MissingVersion}
	job.CloneAbove = -1
	res := w.delta(ctx, t, job)
	if diff := cmp.Diff(want, kindsByRow(res.Differences)); diff != "" || res.Verdict != Differ {
		t.Errorf("%s, differences (-want +got):\n%s", res.Verdict, diff)
	}
}

// bulkLoad adds a version to each row with HBase's own tools.
func (w *world) bulkLoad(ctx context.Context, t *testing.T, table hbase.TableName, keys ...string) {
	t.Helper()
	dir := t.TempDir()
	var tsv strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&tsv, "%s\tbulk loaded\n", k)
	}
	must(t, os.WriteFile(filepath.Join(dir, "in.tsv"), []byte(tsv.String()), 0o644))
	out := fmt.Sprintf("%s/bulk-%s-%s", strings.TrimSuffix(w.a.cluster.Config().RootDir, w.a.root), w.suffix, keys[0])
	w.java(ctx, t, "org.apache.hadoop.hbase.mapreduce.ImportTsv", "-Dimporttsv.columns=HBASE_ROW_KEY,f:q",
		"-Dimporttsv.bulk.output="+out, table.String(), "file://"+filepath.Join(dir, "in.tsv"))
	w.java(ctx, t, "org.apache.hadoop.hbase.tool.LoadIncrementalHFiles", out, table.String())
	must(t, w.a.store.RemoveAll(ctx, strings.TrimPrefix(out, strings.TrimSuffix(w.a.cluster.Config().RootDir, w.a.root))))
}

func (w *world) java(ctx context.Context, t *testing.T, class string, args ...string) {
	t.Helper()
	res, err := w.sandbox.RunJava(ctx, "a", sandbox.JavaOptions{}, class, args...)
	must(t, err)
	if res.ExitCode != 0 {
		t.Fatalf("%s ended with %d:\n%s", class, res.ExitCode, res.Stderr[max(0, len(res.Stderr)-4000):])
	}
}

func TestSkipFlushSnapshotUnderTheFenceIsComplete(t *testing.T) {
	ctx, w := newWorld(t)
	table := w.table(ctx, t, []string{"f", "g"}, "row000200", "row000400")
	w.fill(ctx, t, table, 600)
	w.fence(ctx, t, table)
	snap := "skipflush_" + table.Qualifier
	w.dropSnapshot(t, snap)
	must(t, w.a.cluster.Snapshot(ctx, hbase.SnapshotSpec{Name: snap, Table: table, SkipFlush: true, Nonce: hbase.NonceFor(snap)}))
	clone := hbase.TableName{Namespace: table.Namespace, Qualifier: table.Qualifier + "_clone"}
	sandboxtest.Afterwards(t, "drop "+clone.String(), func(ctx context.Context) error {
		return w.a.cluster.DropTable(ctx, clone, hbase.NonceFor("drop "+clone.String()))
	})
	must(t, w.a.cluster.RestoreSnapshot(ctx, snap, clone, hbase.NonceFor("restore "+snap)))
	res, err := Tables(ctx, Side{w.a.cluster, table}, Side{w.a.cluster, clone}, Options{})
	must(t, err)
	if res.Verdict != Match || res.Cells != 2400 || res.TargetCells != 2400 {
		t.Errorf("clone of the snapshot: %+v, want a match of 2400 cells", res)
	}
}

func TestDeltaAdoptsNothingOfAKilledAttempt(t *testing.T) {
	ctx, w := newWorld(t)
	table := w.table(ctx, t, []string{"f", "g"}, "row000200")
	w.fill(ctx, t, table, 400)
	w.copyTable(ctx, t, table)
	job := w.baseline(ctx, t, table)
	w.a.put(ctx, t, table, "row000010", cell("f", "q", 5, "before the first attempt"))
	job.CloneAbove, job.KeepTemporary = -1, true // as one killed before it could clean up
	res, err := Delta(ctx, job)
	must(t, err)
	if res.Verdict != Differ || res.Differing != 1 {
		t.Fatalf("first attempt: %+v, want one row that differs", res)
	}
	w.a.put(ctx, t, table, "row000020", cell("f", "q", 5, "after the first attempt"))
	w.fence(ctx, t, table)
	job.KeepTemporary = false
	res = w.delta(ctx, t, job)
	want := map[string]Kind{"row000010": MissingVersion, "row000020": MissingVersion}
	if diff := cmp.Diff(want, kindsByRow(res.Differences)); diff != "" {
		t.Errorf("second attempt: differences (-want +got):\n%s", diff)
	}
}

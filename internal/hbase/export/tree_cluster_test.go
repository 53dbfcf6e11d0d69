//go:build cluster

package export_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/hbase"
	"drover/internal/hbase/export"
	"drover/internal/hbase/snapshot"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/workload"
)

// TestTreeEqualsExportSnapshots writes each snapshot twice, with our exporter
// and with HBase's own, and compares what is there then, file by file.
func TestTreeEqualsExportSnapshots(t *testing.T) {
	w := newWorld(t, sandboxtest.Shared(t))
	ctx := t.Context()

	small := workload.Spec{Families: []string{"f", "g"}, Regions: 2, Rows: 300, Versions: 2}
	withSplit := small
	withSplit.SplitAfterLoad = true
	plain := w.seed("plain", small)
	plainSnap := w.snapshot(plain)
	split := w.seed("split", withSplit)
	splitSnap := w.snapshot(split)
	links := w.clone(plainSnap, "links")
	splitLinks := w.clone(splitSnap, "splitlinks")
	archived := w.seed("archived", small)
	archivedSnap := w.snapshot(archived)
	w.compactAway(archived, archivedSnap)

	tests := []struct {
		name, snapshot string
		table          hbase.TableName
		references     bool
	}{
		{"plain table", plainSnap, plain, false},
		{"split table: daughters refer to the parent's files", splitSnap, split, true},
		{"cloned table: links", w.snapshot(links), links, false},
		{"clone of a split table: references to links", w.snapshot(splitLinks), splitLinks, true},
		{"files that moved to the archive", archivedSnap, archived, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.t = t
			if n := w.references(tt.snapshot); (n > 0) != tt.references {
				t.Errorf("snapshot with %d references, want any: %v", n, tt.references)
			}
			dir := "/drover-trees-" + w.suffix
			w.later("remove "+dir, func(ctx context.Context) error { return w.to.RemoveAll(ctx, dir) })
			w.peer(tt.snapshot, dir+"/peer")
			job := w.job(tt.snapshot)
			job.TargetRoot = dir + "/ours"
			res, err := export.Run(ctx, job)
			w.must(err)
			if res.Retries != 0 || res.Passes != 1 || res.Copied != res.Files || res.Files == 0 {
				t.Errorf("result %+v, want every file copied at once", res)
			}
			want, got := w.tree(w.to, dir+"/peer"), w.tree(w.to, dir+"/ours")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("trees differ (-ExportSnapshot +ours):\n%s", diff)
			}
			if len(got) != int(res.Files)+2 {
				t.Errorf("%d files written, want those of the plan and two of metadata: %+v", len(got), res)
			}
			_, err = export.Run(ctx, w.job(tt.snapshot))
			w.must(err)
			w.restored(tt.snapshot, tt.table)
		})
	}
}

// references counts the entries of a snapshot that stand for half a file.
func (w *world) references(name string) int {
	w.t.Helper()
	n := 0
	_, err := snapshot.Walk(w.t.Context(), w.from, root(w.a), name, snapshot.Visitor{File: func(s snapshot.StoreFile) {
		if s.Reference != nil {
			n++
		}
	}})
	w.must(err)
	return n
}

// peer runs HBase's ExportSnapshot. Of HBase 2.5.13 it fails at the first try
// when two references lead to one file, and succeeds at the second.
func (w *world) peer(name, dir string) {
	w.t.Helper()
	site, err := w.sandbox.Site("b")
	w.must(err)
	for try := range 3 {
		run, err := w.sandbox.RunJava(w.t.Context(), "a", sandbox.JavaOptions{}, "org.apache.hadoop.hbase.snapshot.ExportSnapshot",
			"--snapshot", name, "--copy-from", w.a.Config().RootDir, "--copy-to", "hdfs://"+site.NameNode+dir, "--mappers", "2", "--overwrite")
		w.must(err)
		if run.ExitCode == 0 {
			return
		}
		w.t.Logf("ExportSnapshot, try %d, ended with %d", try+1, run.ExitCode)
	}
	w.t.Fatal("ExportSnapshot never succeeded")
}

// compactAway compacts the table until every file the snapshot names has gone
// to the archive.
func (w *world) compactAway(table hbase.TableName, name string) {
	w.t.Helper()
	ctx := w.t.Context()
	desc, err := w.a.Table(ctx, table)
	w.must(err)
	w.must(w.a.ModifyTable(ctx, desc.WithAttribute("COMPACTION_ENABLED", "true"), w.nonce()))
	w.must(w.a.MajorCompact(ctx, table))
	// A region archives its compacted files every two minutes, or as it closes.
	w.must(w.a.DisableTable(ctx, table, w.nonce()))
	w.must(w.a.EnableTable(ctx, table, w.nonce()))
	plan, err := export.Plan(ctx, w.job(name))
	w.must(err)
	w.until("all files of the snapshot are archived", func() bool {
		for _, f := range plan.Files {
			if _, err := w.from.Stat(ctx, f.ArchivePath(root(w.a))); err != nil {
				return false
			}
		}
		return true
	})
}

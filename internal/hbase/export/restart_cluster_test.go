//go:build cluster

package export_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"drover/internal/hbase/export"
	"drover/internal/hbase/snapshot"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/workload"
)

// eagerCleaner makes a master delete archived files that nothing names five
// seconds after they were made, instead of five minutes.
var eagerCleaner = map[string]string{
	"hbase.master.hfilecleaner.ttl": "5000",
	"hbase.master.cleaner.interval": "2000",
}

// TestExportSurvivesRestarts kills servers in the middle of a slow copy, with a
// cleaner at the target that deletes whatever is not protected.
func TestExportSurvivesRestarts(t *testing.T) {
	w := newWorld(t, sandboxtest.Own(t, sandbox.Options{HBaseSite: eagerCleaner}))
	w.disposable = true
	w.cleanerWorks()
	tests := []struct {
		name    string
		kill    []string
		retries bool // the copy must have noticed
	}{
		{"the target's master", []string{"b/master"}, false},
		{"the target's namenode", []string{"b/namenode"}, true},
		{"the target's only datanode, and its master", []string{"b/datanode", "b/master"}, true},
		{"the source's namenode", []string{"a/namenode"}, true},
		{"the source's only datanode, and its master", []string{"a/datanode", "a/master"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.t = t
			kind := strings.NewReplacer("/", "", "-", "").Replace(strings.Join(tt.kill, ""))
			table := w.seed(kind, workload.Spec{Rows: 2000, ValueSize: 400})
			name := w.snapshot(table)
			res := w.disturbed(name, tt.kill)
			t.Logf("result %+v", res)
			if (res.Retries > 0) != tt.retries {
				t.Errorf("%d retries, want any: %v", res.Retries, tt.retries)
			}
			w.restored(name, table)
		})
	}
}

// disturbed exports over at least 10 seconds, kills the servers after a quarter
// of the bytes, and starts them again.
func (w *world) disturbed(name string, kill []string) export.Result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Minute)
	defer cancel()
	job := w.job(name)
	plan, err := export.Plan(ctx, job)
	w.must(err)
	job.Plan, job.BytesPerSecond = plan, max(plan.Bytes/10, 1)
	quarter := make(chan struct{}, 1)
	job.Progress = func(p export.Progress) {
		if p.Bytes > plan.Bytes/4 {
			select {
			case quarter <- struct{}{}:
			default:
			}
		}
	}
	type outcome struct {
		res export.Result
		err error
	}
	ended := make(chan outcome, 1)
	go func() {
		res, err := export.Run(ctx, job)
		ended <- outcome{res, err}
	}()
	select {
	case <-quarter:
	case got := <-ended:
		w.t.Fatalf("ended before it was disturbed: %+v, %v", got.res, got.err)
	}
	for _, daemon := range kill {
		w.must(w.sandbox.Kill(ctx, daemon))
	}
	w.must(w.sandbox.Start(ctx, kill...))
	got := <-ended
	w.must(got.err)
	// A server may have ended itself for the loss of another.
	w.must(w.sandbox.Start(ctx, slices.DeleteFunc(sandbox.DaemonNames(), func(d string) bool { return d == "zookeeper" })...))
	return got.res
}

// cleanerWorks proves that the target's cleaner would delete what is not
// protected: without that the rest of the test would prove nothing.
func (w *world) cleanerWorks() {
	w.t.Helper()
	f := snapshot.File{Namespace: "default", Table: "d_bait_" + w.suffix, Region: "0123456789abcdef0123456789abcdef", Family: "f", Name: "0123456789abcdef0123456789abcdef"}
	bait := f.ArchivePath(root(w.b))
	w.must(w.put(bait, []byte("bait")))
	w.until("the target's cleaner deletes an unprotected file", func() bool {
		_, err := w.to.Stat(w.t.Context(), bait)
		return err != nil
	})
}

//go:build cluster

package export_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/hbase/export"
	"drover/internal/hbase/snapshot"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/workload"
)

// until waits for a condition.
func (w *world) until(what string, met func() bool) {
	w.t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-deadline:
			w.t.Fatalf("not within two minutes: %s", what)
		case <-tick.C:
		}
	}
}

func TestCancelledExportResumes(t *testing.T) {
	w := newWorld(t, sandboxtest.Shared(t))
	table := w.seed("resume", workload.Spec{Rows: 3000, ValueSize: 500})
	name := w.snapshot(table)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	job := w.job(name)
	job.BytesPerSecond = 2 << 20
	var seen export.Progress
	job.Progress = func(p export.Progress) {
		if seen = p; p.Files >= 2 && p.Bytes > p.BytesTotal/3 {
			cancel()
		}
	}
	first, err := export.Run(ctx, job)
	if !errors.Is(err, context.Canceled) || first.Copied == 0 || first.Copied == first.Files {
		t.Fatalf("first run: %+v, %v, want it cancelled in the middle", first, err)
	}
	began := time.Now()
	second, err := export.Run(t.Context(), w.job(name))
	w.must(err)
	t.Logf("first run %+v, progress %+v; second %+v in %v", first, seen, second, time.Since(began))
	if second.Adopted != first.Copied || second.Adopted+second.Copied != second.Files {
		t.Errorf("second run %+v, want the %d files of the first adopted", second, first.Copied)
	}
	third, err := export.Run(t.Context(), w.job(name))
	w.must(err)
	if third.Copied != 0 || third.Adopted != third.Files {
		t.Errorf("third run %+v, want every file adopted", third)
	}
	w.restored(name, table)
}

func TestDamagedCopyIsReplaced(t *testing.T) {
	w := newWorld(t, sandboxtest.Shared(t))
	name := w.snapshot(w.seed("damaged", workload.Spec{Rows: 300}))
	_, err := export.Run(t.Context(), w.job(name))
	w.must(err)
	plan, err := export.Plan(t.Context(), w.job(name))
	w.must(err)

	same := w.overwrite(plan.Files[0], func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	shorter := w.overwrite(plan.Files[1], func(b []byte) []byte { return b[:len(b)/2] })
	res, err := export.Run(t.Context(), w.job(name))
	w.must(err)
	if res.Copied != 2 || res.Adopted != res.Files-2 {
		t.Errorf("result %+v, want the two damaged files copied anew", res)
	}
	for p, want := range map[string]storage.Checksum{plan.Files[0].ArchivePath(root(w.b)): same, plan.Files[1].ArchivePath(root(w.b)): shorter} {
		got, err := w.to.Checksum(t.Context(), p)
		w.must(err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s is still damaged: %s", p, diff)
		}
	}
}

// overwrite changes a file at the target and returns the checksum it had.
func (w *world) overwrite(f snapshot.File, change func([]byte) []byte) storage.Checksum {
	w.t.Helper()
	name := f.ArchivePath(root(w.b))
	sum, err := w.to.Checksum(w.t.Context(), name)
	w.must(err)
	w.must(w.put(name, change(w.get(name))))
	return sum
}

//go:build cluster

package check_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"drover/internal/hbase/check"
	"drover/internal/preflight"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage/open"
)

// TestPreflightReadsTheWALs has HBase's own writer write WALs with and without
// compression, in directories as a region server has them.
func TestPreflightReadsTheWALs(t *testing.T) {
	w := newWorld(t)
	const known, unknown = "wal-compression", "wal-compression-unknown"
	w.lacks(w.preflight(w.a, w.b), "a", known, unknown) // of a server at work

	plain, compressed := w.rootWithWAL(false), w.rootWithWAL(true)
	w.lacks(w.preflight(plain, w.b), "a", known, unknown)
	found := w.preflight(compressed, w.b)
	if f := w.find(found, known, "a"); f.Severity != preflight.Block {
		t.Errorf("finding %+v, want a blocking one", f)
	}
	w.lacks(found, "a", unknown)

	// One of two servers compresses.
	store := plain.Store.(open.Store) //nolint:errcheck // the sides of these tests have one
	w.must(store.Rename(w.ctx, compressed.Root+"/WALs/wals", plain.Root+"/WALs/wals-of-another"))
	w.find(w.preflight(plain, w.b), known, "a")
	w.find(w.preflight(compressed, w.b), unknown, "a")
}

// rootWithWAL is site a with another root directory, that holds one WAL and
// goes with the test.
func (w *world) rootWithWAL(compressed bool) check.Side {
	w.t.Helper()
	side := w.a
	side.Root = "/check-wal-" + w.suffix + "-" + strconv.FormatBool(compressed)
	root := strings.TrimSuffix(w.a.Cluster.Config().RootDir, w.a.Root) + side.Root
	res, err := sandboxtest.Shared(w.t).RunJava(w.ctx, "a", sandbox.JavaOptions{LoadTools: true}, "org.apache.hadoop.hbase.wal.WALPerformanceEvaluation",
		"-Dhbase.regionserver.wal.enablecompression="+strconv.FormatBool(compressed), "-Dhbase.rootdir="+root,
		"-path", root, "-threads", "1", "-iterations", "10", "-nocleanup")
	w.must(err)
	sandboxtest.Afterwards(w.t, "remove "+side.Root, func(ctx context.Context) error { return side.Store.(open.Store).RemoveAll(ctx, side.Root) })
	if res.ExitCode != 0 {
		w.t.Fatalf("the writer ended with %d:\n%s", res.ExitCode, res.Stderr[max(0, len(res.Stderr)-4000):])
	}
	return side
}

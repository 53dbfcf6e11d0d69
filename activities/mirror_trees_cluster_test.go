//go:build cluster

package activities_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	work "drover/internal/workload/tree"
)

// TestRealTreesAreMirrored takes trees that nobody generated, with their modes
// and times: the whole JDK in use, and the first files of Go's module cache; with
// DROVER_REAL_TREES=all that is whole, too.
func TestRealTreesAreMirrored(t *testing.T) {
	t.Parallel()
	for _, tree := range []struct {
		name  string
		of    func(*testing.T) work.Local
		least int64 // files
	}{{"the JDK", jdk, 150}, {"Go modules", modules, 1000}} {
		t.Run(tree.name, func(t *testing.T) {
			m, _ := sandboxMirror(t)
			const blocks = 16 << 20 // a JDK is mostly one file
			local := tree.of(t)
			local.BlockSize = blocks
			stats := m.write(local.Nodes())
			if stats.Files < tree.least {
				t.Fatalf("%+v, want at least %d files", stats, tree.least)
			}
			began := time.Now()
			copied := m.begin()
			if copied.Copied != stats.Files || copied.Bytes != stats.Bytes {
				t.Errorf("the baseline copied %+v of %+v", copied, stats)
			}
			t.Logf("%+v: the baseline took %s", stats, time.Since(began).Round(time.Millisecond))
			m.equal(snapshot(0))
			ops, err := work.NewMutator(m.model, 3, work.MutatorOptions{Superuser: true}).Draw(40)
			m.must(err)
			m.change(ops)
			round := m.follow()
			m.equal(snapshot(1), unreported...)
			t.Logf("a round of 40 changes %+v", round)
			if round.Files >= stats.Files {
				t.Errorf("a round of 40 changes looked at %d of %d files", round.Files, stats.Files)
			}
		})
	}
}

// jdk is the home of the java that the clusters run on.
func jdk(t *testing.T) work.Local {
	t.Helper()
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return work.Local{Dir: home}
	}
	java, err := exec.LookPath("java")
	if err == nil {
		java, err = filepath.EvalSymlinks(java)
	}
	if err != nil {
		t.Fatal(err)
	}
	return work.Local{Dir: filepath.Dir(filepath.Dir(java))}
}

// modules is the module cache, or two thousand files of it: Temporal's modules,
// which this module needs wherever it is built.
func modules(t *testing.T) work.Local {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatalf("go env GOMODCACHE: %v", err)
	}
	cache := strings.TrimSpace(string(out))
	if os.Getenv("DROVER_REAL_TREES") == "all" {
		return work.Local{Dir: cache}
	}
	return work.Local{Dir: filepath.Join(cache, "go.temporal.io"), MaxFiles: 2000}
}

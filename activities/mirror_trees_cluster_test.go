//go:build cluster

package activities_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	work "drover/internal/workload/tree"
)

// TestRealTreesAreMirrored takes trees that nobody generated: the JDK in use and
// a module of Go's cache, with their modes and times.
func TestRealTreesAreMirrored(t *testing.T) {
	t.Parallel()
	for _, tree := range []struct {
		name  string
		dir   func(*testing.T) string
		least int64 // files
	}{{"the JDK", jdk, 50}, {"a Go module", module, 200}} {
		t.Run(tree.name, func(t *testing.T) {
			m, _ := sandboxMirror(t)
			const notLarger = 8 << 20 // a JDK is mostly one file
			stats := m.write(smaller(work.Local{Dir: tree.dir(t), MaxFiles: 500}.Nodes(), notLarger))
			if stats.Files < tree.least {
				t.Fatalf("%+v, want at least %d files", stats, tree.least)
			}
			copied := m.begin()
			if copied.Copied != stats.Files || copied.Bytes != stats.Bytes {
				t.Errorf("the baseline copied %+v of %+v", copied, stats)
			}
			m.equal(snapshot(0))
			ops, err := work.NewMutator(m.model, 3, work.MutatorOptions{Superuser: true}).Draw(40)
			m.must(err)
			m.change(ops)
			round := m.follow()
			m.equal(snapshot(1), unreported...)
			t.Logf("baseline %+v, a round of 40 changes %+v", copied, round)
			if round.Files >= stats.Files/2 {
				t.Errorf("a round of 40 changes looked at %d of %d files", round.Files, stats.Files)
			}
		})
	}
}

// smaller leaves larger files out.
func smaller(nodes work.Nodes, size int64) work.Nodes {
	return func(yield func(work.Node, error) bool) {
		for n, err := range nodes {
			if err == nil && !n.Dir && n.Content.Size() > size {
				continue
			}
			if !yield(n, err) {
				return
			}
		}
	}
}

// jdk is the home of the java that the clusters run on.
func jdk(t *testing.T) string {
	t.Helper()
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return home
	}
	java, err := exec.LookPath("java")
	if err == nil {
		java, err = filepath.EvalSymlinks(java)
	}
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(filepath.Dir(java))
}

// module is the directory of Temporal's SDK.
func module(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "go.temporal.io/sdk").Output()
	if err != nil {
		t.Fatalf("go list -m: %v", err)
	}
	return strings.TrimSpace(string(out))
}

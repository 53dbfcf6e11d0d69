//go:build cluster

package activities_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/sandbox"
	"drover/internal/workload/tree"
)

// erasurePolicy is one that needs no more DataNodes to be set than there are.
const erasurePolicy = "XOR-2-1-1024k"

// TestWhatAppearsAndCannotBeMirroredIsRefusedBeforeTheTargetIsTouched has a
// directory made erasure-coded after the baseline, by Hadoop's own tool, with an
// empty file in it, beside changes that could be brought.
func TestWhatAppearsAndCannotBeMirroredIsRefusedBeforeTheTargetIsTouched(t *testing.T) {
	t.Parallel()
	m, box := sandboxMirror(t)
	m.write(tree.All(firstTree()))
	m.begin()
	m.change(changes(firstStep + 1))
	coded := m.source.Root + "/coded"
	m.must(m.source.NameNode.Mkdirs(t.Context(), coded, 0o755, false))
	for _, args := range [][]string{
		{"-enablePolicy", "-policy", erasurePolicy},
		{"-setPolicy", "-path", coded, "-policy", erasurePolicy},
	} {
		args = append([]string{"-fs", "hdfs://" + m.order.NameNodes["a"][0]}, args...)
		run, err := box.RunJava(t.Context(), "a", sandbox.JavaOptions{}, "org.apache.hadoop.hdfs.tools.ECAdmin", args...)
		if err != nil || run.ExitCode != 0 {
			t.Fatalf("ECAdmin %q: %v, exit code %d: %s%s", args, err, run.ExitCode, run.Stdout, run.Stderr)
		}
	}
	s, err := m.source.NameNode.Create(t.Context(), coded+"/file", namenode.CreateOptions{Mode: 0o644, BlockSize: mib})
	m.must(err)
	_, err = m.source.NameNode.Complete(t.Context(), coded+"/file", nil, s.FileID)
	m.must(err)

	_, err = m.round(t.Context(), snapshot(0), snapshot(1))
	if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), "/coded (erasure-coded with "+erasurePolicy) {
		t.Errorf("the round: %v of kind %s, want it refused by name", err, fault.KindOf(err))
	}
	if _, err := m.target.NameNode.Stat(t.Context(), m.target.Root+"/coded"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("at the target: %v, want nothing there", err)
	}
	m.untouched(snapshot(0))
}

// TestManifestsAreMadeAgainOnAnotherWorker: the plan of a round was written down
// by a worker that is not there any more.
func TestManifestsAreMadeAgainOnAnotherWorker(t *testing.T) {
	t.Parallel()
	m, _ := sandboxMirror(t)
	m.write(tree.All(firstTree()))
	m.begin()
	m.change(changes(firstStep + 1))
	_, plan, err := m.planned(t.Context(), snapshot(0), snapshot(1))
	m.must(err)
	if plan.Operations == 0 || plan.Copies == 0 {
		t.Fatalf("plan %+v, want something to do", plan)
	}
	elsewhere := m.order
	elsewhere.StateDir = t.TempDir()
	if _, err := m.again(elsewhere).round(t.Context(), snapshot(0), snapshot(1)); err != nil {
		t.Fatal(err)
	}
	m.equal(snapshot(1), unreported...)
}

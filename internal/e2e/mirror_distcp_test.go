//go:build cluster

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drover/internal/command"
	work "drover/internal/workload/tree"
	"drover/workflows"
	"drover/workflows/step"
)

// TestMirrorByDistcp lets Hadoop's own distcp move the data, started beside the
// target, where fs.defaultFS is the target's: the source is reached by its full
// URI alone. The worker is killed while the baseline's command runs.
func TestMirrorByDistcp(t *testing.T) {
	m := mirrorRig(t).newMirror(11)
	host, err := command.Local(filepath.Join(m.cfg.Worker.StateDir, "commands"))
	if err != nil {
		t.Fatal(err)
	}
	run := m.begin(map[string]any{"engine": map[string]any{"kind": "distcp", "at": "target", "maps": 2, "bandwidthMB": 4}})
	jobs := "drover-" + workflows.RunKey(m.id, run.GetRunID()) + "-"
	pid := m.awaitMaps(host, jobs+"00000-0")
	m.replaceWorker()
	shown := asJSON(m.awaitGate(m.id, workflows.GateCutover).Evidence)
	m.equal()
	state, err := host.Look(t.Context(), jobs+"00000-0")
	if err != nil || state.PID != pid || state.Phase != command.Exited || state.ExitCode != 0 {
		t.Errorf("the baseline's command is %+v, %v, want process %d, which ended well after the worker's death", state, err, pid)
	}
	if names, err := host.Jobs(t.Context(), jobs); err != nil || !slices.Equal(names, []string{jobs + "00000-0"}) {
		t.Errorf("commands %v, %v, want the baseline's alone", names, err)
	}

	m.changeSmall(1, 60)
	m.again()
	m.awaitGate(m.id, workflows.GateCutover)
	m.equal(unreported...)

	m.changeSmall(2, 20)
	m.approve(m.id, workflows.GateCutover)
	m.awaitGate(m.id, workflows.GateCleanup)
	m.equal()
	m.approve(m.id, workflows.GateCleanup)
	res := m.ended(run)
	if res.Outcome != step.Completed || res.Verdict != "match" || res.Rounds < 3 || res.Baseline.Copied == 0 {
		t.Errorf("result %s, want completed and match after at least three rounds", asJSON(res))
	}
	want := fmt.Sprintf("/bin/%s/hadoop distcp -diff %[2]s00001 %[2]s00002 -update -prbugpcaxt -m 2 -bandwidth 4 %s%s %s%[4]s",
		m.to, jobs, m.cfg.Sites[m.from].HDFS.URI, m.path, m.cfg.Sites[m.to].HDFS.URI)
	if !slices.ContainsFunc(res.Report.Notes, func(n step.Note) bool { return strings.Contains(n.Text, want) && strings.Contains(n.Text, "job_local") }) {
		t.Errorf("notes %s, want %s and its job", asJSON(res.Report.Notes), want)
	}
	if !strings.Contains(shown, want) {
		t.Errorf("the gate before that round showed %s, want %s", shown, want)
	}
	m.noSnapshots(m.source)
	m.noSnapshots(m.target)
}

// awaitMaps waits until a command's job runs, and returns the command's process.
func (m *mirror) awaitMaps(host *command.Host, name string) int {
	m.t.Helper()
	var pid int
	m.await("the job of "+name, func(ctx context.Context) (bool, error) {
		state, err := host.Look(ctx, name)
		if err != nil || state.Phase == command.Absent {
			return false, err
		}
		pid = state.PID
		said, err := host.Output(ctx, name, command.Stderr, 0, 1<<20)
		return strings.Contains(string(said), "Running job: job_local"), err
	})
	return pid
}

// changeSmall makes changes that distcp compares with its checksums: not a file
// with a short block in its middle.
func (m *mirror) changeSmall(seed uint64, n int) {
	m.t.Helper()
	ops, err := work.NewMutator(m.model, seed, work.MutatorOptions{Superuser: true, FullBlocks: true, MaxSize: 64 << 10}).Draw(n)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.applier.Apply(m.t.Context(), ops); err != nil {
		m.t.Fatal(err)
	}
}

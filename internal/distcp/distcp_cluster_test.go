//go:build cluster

package distcp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"drover/internal/command"
	"drover/internal/distcp"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/apply"
	"drover/internal/mirror/plan"
)

// TestProcedureBesideTheTarget walks through the vendor's procedure with the
// real distcp beside the target, by full URIs: what the article's second
// comment could not do.
func TestProcedureBesideTheTarget(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.src.put("data/a file", strings.Repeat("x", 3<<20))
	r.src.put("data/dir/ü", "old")
	r.src.put("data/dir/gone", "")
	r.src.snapshot("data", "s1")

	// Baseline; the worker that began it is killed while distcp runs.
	slow := r.copy
	slow.Bandwidth = 1
	baseline := distcp.Baseline(slow, "s1")
	r.cancelAfter(t, "baseline")
	pid := r.killedWorker(t, "baseline", baseline)
	var last distcp.Progress
	got, err := r.engine.Run(ctx, "baseline", baseline, func(p distcp.Progress) { last = p })
	r.src.must(err)
	if last.PID != pid || got.Counters.FilesCopied != 3 || got.Counters.BytesCopied != 3<<20+3 || got.JobID == "" {
		t.Errorf("after the worker's death: process %d, want %d; %+v", last.PID, pid, got)
	}
	r.wantEqual("s1")
	r.dst.snapshot("mirror", "s1")

	// One round of changes, a rename among them.
	r.src.must(r.src.nn.Rename(ctx, r.src.root+"/data/a file", r.src.root+"/data/dir/moved", false))
	_, err = r.src.nn.Delete(ctx, r.src.root+"/data/dir/gone", false)
	r.src.must(err)
	r.src.put("data/new", "new")
	_, err = r.src.nn.CreateSnapshot(ctx, r.src.root+"/data", "s2")
	r.src.must(err)
	r.wantDiffOnlyFromTheSource(t)

	// The target drifts: the round is refused, the target restored, the round done.
	r.dst.put("mirror/drift", "drift")
	r.wantFailure(t, "drifted", distcp.Round(r.copy, "s1", "s2"), "target-modified", false)
	r.restore(t)
	if got := r.run(t, "round", distcp.Round(r.copy, "s1", "s2")); got.Counters.FilesCopied != 1 || got.Counters.BytesCopied != 3 {
		t.Errorf("round: %+v, want only the new file copied", got)
	}
	r.wantEqual("s2")
	_, err = r.dst.nn.CreateSnapshot(ctx, r.dst.root+"/mirror", "s2")
	r.src.must(err)
}

// restore takes the mirror back to s1 as drover does, from its own snapshot. The
// rounds of these tests leave nothing that would have to be copied back.
func (r rig) restore(t *testing.T) {
	t.Helper()
	_, err := apply.Restore(t.Context(), r.dst.nn, r.dst.root+"/mirror", "s1", func(_ context.Context, copies []plan.Copy) error {
		for _, c := range copies {
			if !c.Dir {
				return fmt.Errorf("%s would have to be copied back", c.Path)
			}
		}
		return nil
	})
	r.src.must(err)
	r.src.must(apply.Retake(t.Context(), r.dst.nn, r.dst.root+"/mirror", "s1", "s1-before"))
}

// wantDiffOnlyFromTheSource asks beside the target for the source's diff: by
// the bare path it fails, though the snapshots are there, and with -fs it works.
func (r rig) wantDiffOnlyFromTheSource(t *testing.T) {
	t.Helper()
	said, err := r.engine.Host.Run(t.Context(), []string{r.hdfs, "snapshotDiff", r.src.root + "/data", "s1", "s2"}, nil)
	if err != nil || said.ExitCode == 0 {
		t.Errorf("bare path: %v, exit code %d, want the failure of the article's comment", err, said.ExitCode)
	}
	said, err = r.engine.Host.Run(t.Context(), []string{r.hdfs, "snapshotDiff", "-fs", r.src.uri, r.src.root + "/data", "s1", "s2"}, nil)
	if want := "R\t./a file -> ./dir/moved"; err != nil || said.ExitCode != 0 || !strings.Contains(string(said.Stdout), want) {
		t.Errorf("with -fs: %v, exit code %d, %s, want a line %q", err, said.ExitCode, said.Stdout, want)
	}
}

// TestRoundThatFailsHalfWay runs into a quota after the renames are done: the
// round cannot be repeated, and can after a restore.
func TestRoundThatFailsHalfWay(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.src.put("data/f", "old")
	r.src.snapshot("data", "s1")
	r.dst.put("mirror/f", "old") // as a baseline would leave it
	r.dst.snapshot("mirror", "s1")
	r.src.must(r.src.nn.Rename(ctx, r.src.root+"/data/f", r.src.root+"/data/g", false))
	r.src.put("data/new", "new")
	_, err := r.src.nn.CreateSnapshot(ctx, r.src.root+"/data", "s2")
	r.src.must(err)
	r.dst.must(r.dst.nn.SetQuota(ctx, r.dst.root, namenode.ClearQuota, 1<<20))

	round := distcp.Round(r.copy, "s1", "s2")
	r.wantFailure(t, "over-quota", round, "space-quota", true)
	r.dst.must(r.dst.nn.SetQuota(ctx, r.dst.root, namenode.ClearQuota, namenode.ClearQuota))
	r.wantFailure(t, "repeated", round, "target-modified", false)
	r.restore(t)
	r.run(t, "again", round)
	r.wantEqual("s2")
}

// TestRefusalsOfTheRealDistcp provokes what distcp refuses, two at a time.
func TestRefusalsOfTheRealDistcp(t *testing.T) {
	r := newRig(t)
	r.src.put("data/f", "x")
	r.src.snapshot("data", "s1")
	r.src.snapshot("data", "s2")
	r.dst.put("mirror/f", "x")
	r.dst.snapshot("mirror", "s1")
	r.dst.snapshot("mirror", "s2")
	with := func(source, target string) distcp.Copy { return distcp.Copy{Source: source, Target: target} }
	slots := make(chan struct{}, 2)
	t.Run("each", func(t *testing.T) {
		for id, argv := range map[string][]string{
			"snapshot-missing":       distcp.Round(r.copy, "s0", "s2"),
			"input-snapshot-missing": distcp.Round(r.copy, "s1", "s9"),
			"not-snapshottable":      distcp.Round(with(r.copy.Source, r.dst.uri+r.dst.root), "s1", "s2"),
			"unknown-host":           distcp.Baseline(with("hdfs://drover-no-such-nameservice/data", r.copy.Target), "s1"),
			"acls-unsupported":       distcp.Baseline(distcp.Copy{Source: r.copy.Source, Target: "file://" + t.TempDir() + "/x", Preserve: "a"}, "s1"),
		} {
			t.Run(id, func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				r.wantFailure(t, id, argv, id, false)
			})
		}
	})
}

// workerSpec, in this variable, makes the test binary a worker.
const workerVariable = "DROVER_TEST_DISTCP_WORKER"

type workerSpec struct {
	Jobs, Bin, Name string
	Argv            []string
}

// TestMain lets a child of a test be a worker.
func TestMain(m *testing.M) {
	text := os.Getenv(workerVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	var spec workerSpec
	err := json.Unmarshal([]byte(text), &spec)
	var host *command.Host
	if err == nil {
		host, err = command.Local(spec.Jobs)
	}
	if err == nil {
		e := distcp.Engine{Host: host, Bin: spec.Bin}
		_, err = e.Run(context.Background(), spec.Name, spec.Argv, func(p distcp.Progress) { fmt.Println(p.PID) })
	}
	fmt.Fprintln(os.Stderr, "worker ended before it was killed:", err)
	os.Exit(1)
}

// killedWorker lets a process of its own begin a run, kills that process with
// SIGKILL and returns the id of the run's.
func (r rig) killedWorker(t *testing.T, name string, argv []string) int {
	t.Helper()
	spec, err := json.Marshal(workerSpec{Jobs: r.jobs, Bin: r.engine.Bin, Name: name, Argv: argv})
	r.src.must(err)
	worker := exec.CommandContext(t.Context(), os.Args[0])
	worker.Env = append(os.Environ(), workerVariable+"="+string(spec))
	out, err := worker.StdoutPipe()
	r.src.must(err)
	worker.Stderr = os.Stderr
	r.src.must(worker.Start())
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil || pid == 0 {
		t.Errorf("the worker said no process id: %v", err)
	}
	r.src.must(worker.Process.Kill())
	if err := worker.Wait(); worker.ProcessState.ExitCode() != -1 {
		t.Errorf("the worker ended by itself: %v", err)
	}
	state, err := r.engine.Host.Look(t.Context(), name)
	if err != nil || state.Phase != command.Running || state.PID != pid {
		t.Errorf("after the worker's death: %+v, %v, want process %d running", state, err, pid)
	}
	return pid
}

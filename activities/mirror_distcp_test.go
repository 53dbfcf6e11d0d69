package activities_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.temporal.io/sdk/temporal"

	"drover/activities"
	"drover/internal/command"
	"drover/internal/distcp"
	"drover/internal/fault"
	"drover/internal/hadoop/rpc/rpctest"
	"drover/internal/hadoop/wire"
	"drover/internal/preflight"
)

// edge is a machine whose hadoop is a script.
type edge struct {
	yaml string // of a worker that starts commands there
	dir  string
	host *command.Host // where the worker keeps its jobs
}

// newEdge writes the script; what it is called with comes first in calls.
func newEdge(t *testing.T, nameNode, script string) edge {
	t.Helper()
	dir := t.TempDir()
	body := fmt.Sprintf("#!/bin/sh\necho \"$HADOOP_USER_NAME $*\" >>%q\n%s\n", filepath.Join(dir, "calls"), script)
	if err := os.WriteFile(filepath.Join(dir, "hadoop"), []byte(body), 0o755); err != nil {
		t.Fatal(err)
	}
	host, err := command.Local(filepath.Join(dir, "state", "commands"))
	if err != nil {
		t.Fatal(err)
	}
	hdfs := fmt.Sprintf("hdfs: {namenode: %q, user: ada}", nameNode)
	return edge{dir: dir, host: host, yaml: fmt.Sprintf("sites:\n  a: {%s}\n  b: {%s, hadoop: {bin: %q}}\nworker: {stateDir: %q}\n", hdfs, hdfs, dir, filepath.Join(dir, "state"))}
}

func (e edge) worker(t *testing.T) *activities.Mirror {
	t.Helper()
	return activities.NewMirror(sitesOf(t, e.yaml))
}

func (e edge) calls(t *testing.T) []string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(e.dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(body)), "\n")
}

func roundByDistcp(n int) activities.MirrorDistcpInput {
	return activities.MirrorDistcpInput{
		MirrorAt: activities.MirrorAt{Pair: activities.Pair{Source: "a", Target: "b"}, SourcePath: "/s", TargetPath: "/t", RunKey: "k"},
		Engine:   activities.MirrorEngine{Kind: "distcp", Queue: "night"},
		From:     fmt.Sprintf("drover-k-%d", n-1), Snapshot: fmt.Sprintf("drover-k-%d", n), Without: []string{"owner", "xattr", "times"},
	}
}

func TestAnotherWorkerWaitsForTheSameDistcp(t *testing.T) {
	e := newEdge(t, "127.0.0.1:1", `echo "INFO mapreduce.Job: Running job: job_1_0002" >&2
printf 'INFO mapreduce.Job: Counters: 1\n\tDistCp Counters\n\t\tFiles Copied=3\n\t\tBytes Copied=30\n' >&2`)
	for range 2 {
		got, err := e.worker(t).RunMirrorDistcp(t.Context(), roundByDistcp(2))
		if err != nil || got.JobID != "job_1_0002" || got.Copied.Copied != 3 || got.Copied.Bytes != 30 || got.Failure != nil {
			t.Errorf("got %+v, %v, want what the one command did", got, err)
		}
	}
	want := "ada distcp -Dmapreduce.job.queuename=night -diff drover-k-1 drover-k-2 -update -prbpcat hdfs://127.0.0.1:1/s hdfs://127.0.0.1:1/t"
	if got := e.calls(t); !slices.Equal(got, []string{want}) {
		t.Errorf("hadoop ran as\n%q, want once\n%q", got, want)
	}
	if _, err := e.worker(t).RunMirrorDistcp(t.Context(), roundByDistcp(3)); err != nil {
		t.Fatal(err)
	}
	if names, err := e.host.Jobs(t.Context(), ""); err != nil || !slices.Equal(names, []string{"drover-k-3-0"}) {
		t.Errorf("jobs left: %v, %v, want the newest", names, err)
	}
}

func TestAFailedDistcpIsAResult(t *testing.T) {
	e := newEdge(t, "127.0.0.1:1", `echo "WARN tools.DistCp: The target has been modified since snapshot drover-k-1" >&2; exit 25`)
	got, err := e.worker(t).RunMirrorDistcp(t.Context(), roundByDistcp(2))
	if err != nil || got.Failure == nil || got.Failure.ID != "target-modified" || got.Failure.Kind != fault.Mismatch || got.Failure.Touched ||
		!strings.Contains(got.Failure.Happened, "exit code 25, copy failed") || got.Failure.Do == "" {
		t.Errorf("got %+v, %v, want the cause", got.Failure, err)
	}
}

// TestOnlyACancellationEndsTheCommand: a worker that stops leaves it to the next.
func TestOnlyACancellationEndsTheCommand(t *testing.T) {
	e := newEdge(t, "127.0.0.1:1", "exec sleep 300")
	ended := func(cause error) command.State {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		failed := make(chan error)
		go func() {
			_, err := e.worker(t).RunMirrorDistcp(ctx, roundByDistcp(2))
			failed <- err
		}()
		for state := (command.State{}); state.Phase != command.Running; {
			var err error
			if state, err = e.host.Look(t.Context(), "drover-k-2-0"); err != nil {
				t.Fatal(err)
			}
		}
		cancel(cause)
		if err := <-failed; !errors.Is(err, cause) {
			t.Errorf("got %v, want %v", err, cause)
		}
		state, err := e.host.Look(t.Context(), "drover-k-2-0")
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	stopped := ended(errors.New("the worker stops"))
	if stopped.Phase != command.Running {
		t.Errorf("after the worker's stop: %+v, want it running", stopped)
	}
	if state := ended(temporal.NewCanceledError()); state.Phase != command.Cancelled || state.PID != stopped.PID {
		t.Errorf("after the abort: %+v, want process %d cancelled", state, stopped.PID)
	}
}

func TestEndLeavesNoCommandOfTheRun(t *testing.T) {
	e := newEdge(t, "127.0.0.1:1", "exec sleep 300")
	for _, name := range []string{"drover-k-2-0", "drover-other-2-0"} {
		if _, err := e.host.Start(t.Context(), command.Spec{Name: name, Argv: []string{"sleep", "300"}}); err != nil {
			t.Fatal(err)
		}
	}
	defer e.host.Cancel(context.WithoutCancel(t.Context()), "drover-other-2-0", 0) //nolint:errcheck // ends with the test
	if _, err := e.worker(t).EndMirrorDistcp(t.Context(), roundByDistcp(2)); err != nil {
		t.Fatal(err)
	}
	if names, err := e.host.Jobs(t.Context(), ""); err != nil || !slices.Equal(names, []string{"drover-other-2-0"}) {
		t.Errorf("jobs left: %v, %v, want the other run's", names, err)
	}
}

// TestABaselineByDistcpIsNeverNested: distcp copies into a directory that exists.
func TestABaselineByDistcpIsNeverNested(t *testing.T) {
	dir := wire.Message(nil).Uint(1, 1).Str(2, "").Uint(3, 0).Raw(4, wire.Message(nil).Uint(1, 0o755)).Str(5, "ada").Str(6, "staff").Uint(7, 1).Uint(8, 1)
	there := true
	s := rpctest.Serve(t, func(rpctest.Request) rpctest.Reply {
		if !there {
			return rpctest.Reply{}
		}
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, dir)}
	})
	e := newEdge(t, s.Addr, "")
	in := roundByDistcp(1)
	in.From = ""
	if _, err := e.worker(t).RunMirrorDistcp(t.Context(), in); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "/t at b") {
		t.Errorf("got %v, want a refusal that names the target", err)
	}
	there = false
	for attempt, mode := range []string{"", "-update -delete "} {
		in.Attempt = attempt
		if _, err := e.worker(t).RunMirrorDistcp(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("ada distcp -Dmapreduce.job.queuename=night %s-prbpcat hdfs://%s/s/.snapshot/drover-k-1 hdfs://%[2]s/t", mode, s.Addr)
		if got := e.calls(t); got[len(got)-1] != want {
			t.Errorf("attempt %d: %q, want %q", attempt, got, want)
		}
		there = true // what the first attempt left
	}
}

// TestPreflightOfDistcpTellsTheCommands, which are then those that run.
func TestPreflightOfDistcpTellsTheCommands(t *testing.T) {
	s := rpctest.Serve(t, func(rpctest.Request) rpctest.Reply { return rpctest.Reply{} }) // nothing is there
	e := newEdge(t, s.Addr, "")
	round, baseline := roundByDistcp(2), roundByDistcp(1)
	baseline.From = ""
	var told []string
	for _, in := range []activities.MirrorDistcpInput{baseline, round} {
		seen, err := e.worker(t).PreflightMirrorDistcp(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, seen.Commands.FirstCopy(), seen.Commands.Between("drover-k-1", "drover-k-2"))
		if seen.Commands.Host != e.host.Name() {
			t.Errorf("on %q, want %q", seen.Commands.Host, e.host.Name())
		}
	}
	var ran []string
	for _, in := range []activities.MirrorDistcpInput{baseline, round} {
		did, err := e.worker(t).RunMirrorDistcp(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		ran = append(ran, did.Command)
	}
	if want := []string{ran[0], ran[1], "", ran[1]}; !slices.Equal(told, want) {
		t.Errorf("told\n%q, ran\n%q", told, want)
	}
}

func TestPreflightOfDistcpNamesEachProblem(t *testing.T) {
	e := newEdge(t, "127.0.0.1:1", `case $4 in */s) echo "ls: Call to a failed on connection exception: java.net.ConnectException" >&2; exit 1 ;; esac`)
	for _, c := range []struct {
		name   string
		change func(*activities.MirrorDistcpInput)
		want   string
	}{
		{"no such machine", func(in *activities.MirrorDistcpInput) { in.Engine.At = "edge" }, distcp.FindingHost},
		{"no command there", func(in *activities.MirrorDistcpInput) { in.Engine.At = "source" }, distcp.FindingHost},
		{"a pattern", func(in *activities.MirrorDistcpInput) { in.SourcePath = "/s*" }, distcp.FindingPath},
		{"one tree", func(in *activities.MirrorDistcpInput) { in.TargetPath = in.SourcePath }, distcp.FindingOverlap},
		{"the source out of reach", func(*activities.MirrorDistcpInput) {}, distcp.FindingReach},
		{"nothing", func(in *activities.MirrorDistcpInput) { in.SourcePath = "/other" }, ""},
	} {
		in := roundByDistcp(1)
		c.change(&in)
		t.Setenv("PATH", "/usr/bin:/bin") // the source's site says no directory of commands
		got, err := e.worker(t).PreflightMirrorDistcp(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, f := range got.Findings {
			if f.Severity != preflight.Block || f.Do == "" {
				t.Errorf("%s: %+v, want it to block and to say what to do", c.name, f)
			}
			ids = append(ids, f.ID)
		}
		if strings.Join(ids, " ") != c.want {
			t.Errorf("%s: %+v, want %q", c.name, got.Findings, c.want)
		}
	}
}

package command_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drover/internal/command"
	"drover/internal/fault"
)

const deadline = 20 * time.Second

func local(t *testing.T, dir string) *command.Host {
	t.Helper()
	h, err := command.Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func start(t *testing.T, h *command.Host, name string, argv ...string) command.State {
	t.Helper()
	state, err := h.Start(t.Context(), command.Spec{Name: name, Argv: argv})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := h.Cancel(context.WithoutCancel(t.Context()), name, 0); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return state
}

// await polls until the job is in the phase.
func await(t *testing.T, h *command.Host, name string, phase command.Phase) command.State {
	t.Helper()
	for began := time.Now(); ; {
		state, err := h.Look(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if state.Phase == phase {
			return state
		}
		if time.Since(began) > deadline {
			t.Fatalf("job %s is %+v, want %s", name, state, phase)
		}
	}
}

func output(t *testing.T, h *command.Host, name string, stream command.Stream) string {
	t.Helper()
	got, err := h.Output(t.Context(), name, stream, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestJobLeavesCodeAndOutput(t *testing.T) {
	h := local(t, filepath.Join(t.TempDir(), "jobs with a 'quote'"))
	before := time.Now().Add(-2 * time.Second)
	argv := []string{"sh", "-c", `printf '%s|' "$@" "$LOUD"; echo oops >&2; exit 3`, "x", "a b", "it's", "$HOME", "line\nbreak", ""}
	if _, err := h.Start(t.Context(), command.Spec{Name: "one", Argv: argv, Env: map[string]string{"LOUD": "yes = yes"}}); err != nil {
		t.Fatal(err)
	}
	state := await(t, h, "one", command.Exited)
	if state.ExitCode != 3 || state.StartedAt.Before(before) || state.EndedAt.Before(state.StartedAt) {
		t.Errorf("state %+v, want code 3 and times", state)
	}
	if got, want := output(t, h, "one", command.Stdout), "a b|it's|$HOME|line\nbreak||yes = yes|"; got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
	if got := output(t, h, "one", command.Stderr); got != "oops\n" {
		t.Errorf("stderr %q", got)
	}
	part, err := h.Output(t.Context(), "one", command.Stdout, 4, 3)
	if err != nil || string(part) != "it'" {
		t.Errorf("three bytes from the fifth: %q, %v", part, err)
	}
}

func TestMissingProgramIsCode127(t *testing.T) {
	h := local(t, t.TempDir())
	start(t, h, "job", "drover-no-such-program")
	if state := await(t, h, "job", command.Exited); state.ExitCode != 127 {
		t.Errorf("code %d, want 127", state.ExitCode)
	}
	if said := output(t, h, "job", command.Stderr); !strings.Contains(said, "not found") {
		t.Errorf("stderr %q", said)
	}
}

// gate returns a command that writes a line to a file and then waits for a
// named pipe to be opened, and the function that opens it.
func gate(t *testing.T) (argv []string, runs, pipe string) {
	t.Helper()
	dir := t.TempDir()
	runs, pipe = filepath.Join(dir, "runs"), filepath.Join(dir, "pipe")
	made, err := local(t, dir).Run(t.Context(), []string{"mkfifo", pipe}, nil)
	if err != nil || made.ExitCode != 0 {
		t.Fatalf("mkfifo: %v %s", err, made.Stderr)
	}
	return []string{"sh", "-c", `echo run >>"$1"; read -r code <"$2"; exit "$code"`, "x", runs, pipe}, runs, pipe
}

// open lets the command go on. The pipe stays open until the test ends, so that
// neither side waits for the other.
func open(t *testing.T, pipe, code string) {
	t.Helper()
	f, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := f.WriteString(code + "\n"); err != nil {
		t.Fatal(err)
	}
}

// content waits until a file holds something and returns it.
func content(t *testing.T, name string) string {
	t.Helper()
	for began := time.Now(); time.Since(began) < deadline; {
		body, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if len(body) > 0 {
			return strings.TrimSpace(string(body))
		}
	}
	t.Fatalf("%s stays empty", name)
	return ""
}

func TestManyStartsRunOnce(t *testing.T) {
	dir := t.TempDir()
	argv, runs, pipe := gate(t)
	var group sync.WaitGroup
	pids := make([]int, 12)
	for i := range pids {
		group.Go(func() {
			// A host of its own: nothing is shared but the directory.
			h, err := command.Local(dir)
			if err == nil {
				var state command.State
				state, err = h.Start(t.Context(), command.Spec{Name: "job", Argv: argv})
				pids[i] = state.PID
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, pid := range pids {
		if pid == 0 || pid != pids[0] {
			t.Errorf("process ids %v, want one", pids)
			break
		}
	}
	open(t, pipe, "7")
	if state := await(t, local(t, dir), "job", command.Exited); state.ExitCode != 7 {
		t.Errorf("code %d, want 7", state.ExitCode)
	}
	if state := start(t, local(t, dir), "job", argv...); state.Phase != command.Exited || state.ExitCode != 7 {
		t.Errorf("start after the end: %+v, want the ended job", state)
	}
	body, err := os.ReadFile(runs)
	if err != nil || string(body) != "run\n" {
		t.Errorf("the command ran as %q, %v, want once", body, err)
	}
}

func TestNameTakenByAnotherCommand(t *testing.T) {
	h := local(t, t.TempDir())
	start(t, h, "job", "true")
	_, err := h.Start(t.Context(), command.Spec{Name: "job", Argv: []string{"false"}})
	if fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v, want a conflict", err)
	}
}

func TestCancelEndsTheWholeGroup(t *testing.T) {
	h := local(t, t.TempDir())
	child := filepath.Join(t.TempDir(), "child")
	for _, c := range []struct {
		name, trap string
		grace      time.Duration
		code       int
	}{
		{"polite", "", deadline, 143},
		{"stubborn", "trap '' TERM; ", 50 * time.Millisecond, -1},
	} {
		start(t, h, c.name, "sh", "-c", c.trap+`sleep 300 & echo $! >"$1.new"; mv "$1.new" "$1"; wait; wait`, "x", child+c.name)
		pid := content(t, child+c.name)
		state, err := h.Cancel(t.Context(), c.name, c.grace)
		if err != nil || state.Phase != command.Cancelled || state.ExitCode != c.code {
			t.Errorf("%s: %+v, %v, want cancelled with code %d", c.name, state, err, c.code)
		}
		wantGone(t, pid)
		if again, err := h.Cancel(t.Context(), c.name, c.grace); err != nil || again != state {
			t.Errorf("%s: second cancel %+v, %v, want the same", c.name, again, err)
		}
	}
}

// wantGone wants the process to end; it may be a zombie nobody reaps.
func wantGone(t *testing.T, pid string) {
	t.Helper()
	id, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < deadline; {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if errors.Is(syscall.Kill(id, 0), syscall.ESRCH) || err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Fatalf("process %s lives", pid)
}

func TestKilledJobIsLost(t *testing.T) {
	h := local(t, t.TempDir())
	state := start(t, h, "job", "sleep", "300")
	killed, err := h.Run(t.Context(), []string{"sh", "-c", `kill -s KILL -- "-$1"`, "x", strconv.Itoa(state.PID)}, nil)
	if err != nil || killed.ExitCode != 0 {
		t.Fatalf("kill: %v %s", err, killed.Stderr)
	}
	if got := await(t, h, "job", command.Lost); got.ExitCode != -1 {
		t.Errorf("state %+v, want no exit code", got)
	}
}

func TestJobWhoseLeaderIsGoneStillRuns(t *testing.T) {
	h := local(t, t.TempDir())
	argv, runs, pipe := gate(t)
	state := start(t, h, "job", argv...)
	content(t, runs)
	if killed, err := h.Run(t.Context(), []string{"kill", "-9", strconv.Itoa(state.PID)}, nil); err != nil || killed.ExitCode != 0 {
		t.Fatalf("kill: %v %s", err, killed.Stderr)
	}
	wantGone(t, strconv.Itoa(state.PID))
	if got, err := h.Look(t.Context(), "job"); err != nil || got.Phase != command.Running {
		t.Errorf("state %+v, %v, want running: the command lives", got, err)
	}
	open(t, pipe, "0")
	await(t, h, "job", command.Lost)
}

func TestReusedProcessIDIsNotTheJob(t *testing.T) {
	dir := t.TempDir()
	h := local(t, dir)
	// A job of an earlier boot whose process id now belongs to this test.
	job := filepath.Join(dir, "job")
	if err := os.Mkdir(job, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(job, "pid"), fmt.Appendf(nil, "%d\nearlier-boot 1\n1700000000\n", os.Getpid()), 0o600); err != nil {
		t.Fatal(err)
	}
	state, err := h.Look(t.Context(), "job")
	if err != nil || state.Phase != command.Lost {
		t.Fatalf("state %+v, %v, want lost", state, err)
	}
	// It must not be us that is killed.
	if _, err := h.Cancel(t.Context(), "job", 0); err != nil {
		t.Fatal(err)
	}
}

func TestForget(t *testing.T) {
	h := local(t, filepath.Join(t.TempDir(), "not made yet"))
	if names, err := h.Jobs(t.Context(), ""); err != nil || len(names) != 0 {
		t.Errorf("before the first job: %v, %v, want none", names, err)
	}
	argv, _, pipe := gate(t)
	start(t, h, "other", "true")
	start(t, h, "job", argv...)
	if names, err := h.Jobs(t.Context(), "job"); err != nil || !slices.Equal(names, []string{"job"}) {
		t.Errorf("jobs that begin with job: %v, %v", names, err)
	}
	if err := h.Forget(t.Context(), "job"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("forget while it runs: %v, want a conflict", err)
	}
	open(t, pipe, "0")
	await(t, h, "job", command.Exited)
	if err := h.Forget(t.Context(), "job"); err != nil {
		t.Fatal(err)
	}
	if state, err := h.Look(t.Context(), "job"); err != nil || state.Phase != command.Absent {
		t.Errorf("state %+v, %v, want absent", state, err)
	}
	if names, err := h.Jobs(t.Context(), "o"); err != nil || !slices.Equal(names, []string{"other"}) {
		t.Errorf("jobs left: %v, %v, want the other one", names, err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := local(t, t.TempDir()).Run(ctx, []string{"sleep", "300"}, nil); err == nil || time.Since(began) > deadline {
		t.Errorf("got %v after %v, want the deadline", err, time.Since(began))
	}
}

func TestRefusals(t *testing.T) {
	h := local(t, t.TempDir())
	for _, name := range []string{"", ".", "..", "a/b", "-x", ".hidden", strings.Repeat("a", 101)} {
		if _, err := h.Start(t.Context(), command.Spec{Name: name, Argv: []string{"true"}}); fault.KindOf(err) != fault.InvalidInput {
			t.Errorf("name %q: %v, want it refused", name, err)
		}
	}
	if _, err := command.Local("relative"); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("relative directory: %v, want it refused", err)
	}
	for _, c := range []command.SSHConfig{
		{Destination: "-oProxyCommand=x", Dir: "/jobs"},
		{Destination: "a b", Dir: "/jobs"},
		{Dir: "/jobs"},
		{Destination: "h", Dir: "jobs"},
		{Destination: "h", Dir: "/jobs", Port: 70000},
	} {
		if _, err := command.SSH(c); fault.KindOf(err) != fault.InvalidInput {
			t.Errorf("%+v: %v, want it refused", c, err)
		}
	}
	for _, argv := range [][]string{nil, {""}, {"a\x00b"}} {
		if _, err := h.Run(t.Context(), argv, nil); fault.KindOf(err) != fault.InvalidInput {
			t.Errorf("argv %q: %v, want it refused", argv, err)
		}
	}
}

func TestPrintableHidesSecrets(t *testing.T) {
	got := command.Printable([]string{
		"hadoop", "distcp", "-Dfs.s3a.secret.key=abc", "-D", "fs.oss.accessKeySecret=abc", "-Dmapreduce.job.queuename=night shift",
		"-Dhadoop.security.credential.provider.path=jceks://x", "PASSWORD=abc", "hdfs://a/it's",
	})
	want := `hadoop distcp '-Dfs.s3a.secret.key=[hidden]' -D 'fs.oss.accessKeySecret=[hidden]' '-Dmapreduce.job.queuename=night shift' ` +
		`-Dhadoop.security.credential.provider.path=jceks://x 'PASSWORD=[hidden]' 'hdfs://a/it'\''s'`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

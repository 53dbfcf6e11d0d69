package sandbox

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain turns this binary into a process that waits to be ended, so that the
// process tests have something that carries a marker and needs no Java.
func TestMain(m *testing.M) {
	if os.Getenv("DROVER_TEST_LINGER") != "" {
		os.Stdout.WriteString("up\n")
		select {}
	}
	os.Exit(m.Run())
}

// linger starts a process with args on its command line and returns when it runs.
func linger(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "DROVER_TEST_LINGER=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("wait for the process: %v", err)
	}
	return cmd
}

func TestMarkedName(t *testing.T) {
	const dir = "/tmp/box"
	tests := []struct{ name, command, want string }{
		{"a daemon in /proc", "java\x00-Ddrover.sandbox=/tmp/box/a/master\x00-cp\x00x", "a/master"},
		{"a daemon in ps", "java -Ddrover.sandbox=/tmp/box/zookeeper -cp x", "zookeeper"},
		{"a sandbox below ours", "java\x00-Ddrover.sandbox=/tmp/box2/a/master\x00", ""},
		{"a command that mentions the directory", "vi\x00/tmp/box/a/master", ""},
		{"another program", "sleep\x0010", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := markedName(tt.command, dir)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("markedName(%q) = %q, %v, want %q", tt.command, got, ok, tt.want)
			}
		})
	}
}

func TestStopEndsOnlyTheProcessesOfItsSandbox(t *testing.T) {
	dir := t.TempDir()
	mine := linger(t, marker+dir+"/a/master")
	sibling := linger(t, marker+dir+"/b/master")
	other := linger(t, marker+dir+"x/a/master")

	if err := stop(t.Context(), dir, true, func(name string) bool { return name == "a/master" }); err != nil {
		t.Fatal(err)
	}
	commands, err := commandLines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, alive := commands[mine.Process.Pid]; alive {
		t.Error("a/master still runs")
	}
	for name, cmd := range map[string]*exec.Cmd{"b/master": sibling, "another sandbox's a/master": other} {
		if _, alive := commands[cmd.Process.Pid]; !alive {
			t.Errorf("%s was ended as well", name)
		}
	}
}

func TestPSSeesWhatProcSees(t *testing.T) {
	if _, err := exec.LookPath("ps"); err != nil {
		t.Fatal("ps is not installed; install the package procps")
	}
	dir := t.TempDir()
	cmd := linger(t, marker+dir+"/a/master")
	commands, err := commandLinesFromPS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if name, ok := markedName(commands[cmd.Process.Pid], dir); !ok || name != "a/master" {
		t.Errorf("ps line %q gives %q, want a/master", commands[cmd.Process.Pid], name)
	}
	if got := residentBytes(t.Context(), cmd.Process.Pid); got <= 0 {
		t.Errorf("resident size = %d, want more than 0", got)
	}
}

func TestProgressRepeatsWhatItWaitsFor(t *testing.T) {
	lines := make(chan string, 100)
	p := newProgress(func(line string) { lines <- line })
	p.every = time.Millisecond
	stop := p.waitingFor(func() string { return "Godot" })
	for range 3 {
		if line := <-lines; !strings.HasPrefix(line, "waiting for Godot") {
			t.Errorf("line = %q, want it to say what is waited for", line)
		}
	}
	stop()
	stop() // is harmless
}

func TestLockIsWaitedForInWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path, newProgress(nil), "nobody")
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	var said string
	second, err := lockFile(t.Context(), path, newProgress(func(line string) {
		once.Do(func() { said = line; unlock() })
	}), "the first to finish")
	if err != nil {
		t.Fatal(err)
	}
	second()
	if said != "waiting for the first to finish" {
		t.Errorf("said %q while waiting", said)
	}
}

func TestLockWaitEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path, newProgress(nil), "nobody")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lockFile(ctx, path, newProgress(nil), "the first"); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
}

func TestTail(t *testing.T) {
	for text, want := range map[string]string{"a\nb\nc\n": "b\nc", "a": "a", "": ""} {
		if got := tail([]byte(text), 2); got != want {
			t.Errorf("tail(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCheckJavaNamesTheVersionItFound(t *testing.T) {
	home := t.TempDir()
	java := filepath.Join(home, "bin", "java")
	if err := os.MkdirAll(filepath.Dir(java), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JAVA_HOME", home)
	if err := checkJava(t.Context()); err == nil || !strings.Contains(err.Error(), "JAVA_HOME") {
		t.Errorf("empty JAVA_HOME: %v, want it named", err)
	}
	script := "#!/bin/sh\necho '    java.specification.version = 11' >&2\n"
	if err := os.WriteFile(java, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := checkJava(t.Context()); err == nil || !strings.Contains(err.Error(), `"11"`) {
		t.Errorf("Java 11: %v, want it refused by its number", err)
	}
}

func TestDownloadNeedsMaven(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	if _, err := resolveJars(t.Context(), newProgress(nil)); err == nil || !strings.Contains(err.Error(), "scripts/setup.sh") {
		t.Errorf("no Maven: %v, want the script that installs it", err)
	}
}

func TestSecondLoggingBindingIsRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"slf4j-reload4j-1.7.36.jar", "reload4j-1.2.22.jar", "slf4j-api-1.7.36.jar"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeSecondBinding(dir); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "slf4j-api-1.7.36.jar" {
		t.Errorf("left = %v (%v), want only slf4j-api", left, err)
	}
}

//go:build cluster

package sandbox_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
)

// TestSandboxLife uses one sandbox of its own for the whole life of a sandbox:
// starting nine JVMs for each sentence would cost minutes.
func TestSandboxLife(t *testing.T) {
	s := sandboxtest.Own(t, sandbox.Options{})
	first := allReady(t, s)

	t.Run("a second up adopts every daemon", func(t *testing.T) {
		began := time.Now()
		again, err := sandbox.Up(t.Context(), sandbox.Options{Dir: s.Dir(), Log: logTo(t)})
		if err != nil {
			t.Fatalf("second up: %v", err)
		}
		t.Logf("adopted after %v", time.Since(began))
		samePIDs(t, allReady(t, again), first)
	})

	for _, daemon := range sandbox.DaemonNames() {
		t.Run("kill and start "+daemon, func(t *testing.T) {
			before := allReady(t, s)
			group := []string{daemon}
			if strings.HasSuffix(daemon, "/datanode") {
				// The HMaster ends itself after its DataNode, at a time of its
				// own choosing: better now.
				group = append(group, strings.Replace(daemon, "datanode", "master", 1))
			}
			for _, name := range group {
				if err := s.Kill(t.Context(), name); err != nil {
					t.Fatalf("kill: %v", err)
				}
			}
			if got := statusOf(t, s)[daemon]; got.PID != 0 || got.Ready {
				t.Fatalf("status after kill = %+v, want not running", got)
			}
			if err := s.Start(t.Context(), group...); err != nil {
				t.Fatalf("start: %v", err)
			}
			after := statusOf(t, s)[daemon]
			if after.PID == before[daemon].PID || !after.Ready {
				t.Fatalf("status after start = %+v, want ready under another id than %d", after, before[daemon].PID)
			}
			// What fell with the daemon comes back with up.
			if _, err := sandbox.Up(t.Context(), sandbox.Options{Dir: s.Dir(), Log: logTo(t)}); err != nil {
				t.Fatalf("up: %v", err)
			}
			allReady(t, s)
		})
	}

	t.Run("a table list answers through the Java client", func(t *testing.T) {
		got, err := s.RunJava(t.Context(), "a", sandbox.JavaOptions{}, "org.apache.hadoop.fs.FsShell", "-ls", s.Sites()["a"].RootDir)
		if err != nil || got.ExitCode != 0 {
			t.Fatalf("run: %v, exit %d: %s", err, got.ExitCode, got.Stderr)
		}
		if !strings.Contains(string(got.Stdout), "/hbase/hbase.version") {
			t.Errorf("listing lacks hbase.version:\n%s", got.Stdout)
		}
		if got.MaxRSS < 10<<20 || got.CPU() <= 0 || got.Wall <= 0 {
			t.Errorf("cost = %+v, want memory, CPU and time measured", got)
		}
	})

	t.Run("down leaves no process and up brings the data back", func(t *testing.T) {
		began := time.Now()
		if err := s.Down(t.Context()); err != nil {
			t.Fatalf("down: %v", err)
		}
		t.Logf("down after %v", time.Since(began))
		noProcess(t, s.Dir())
		if _, err := sandbox.Up(t.Context(), sandbox.Options{Dir: s.Dir(), Log: logTo(t)}); err != nil {
			t.Fatalf("up again: %v", err)
		}
		allReady(t, s)
	})
}

// TestHDFSAloneServes: four daemons, both file systems answer, and no HBase.
func TestHDFSAloneServes(t *testing.T) {
	s := sandboxtest.Own(t, sandbox.Options{OnlyHDFS: true})
	if got := allReady(t, s); len(got) != 4 {
		t.Errorf("%d daemons, want the four of HDFS: %v", len(got), got)
	}
	for _, site := range sandbox.SiteNames() {
		got, err := s.RunJava(t.Context(), site, sandbox.JavaOptions{}, "org.apache.hadoop.fs.FsShell", "-mkdir", "-p", s.Sites()[site].RootDir)
		if err != nil || got.ExitCode != 0 {
			t.Errorf("make a directory at site %s: %v, exit %d: %s", site, err, got.ExitCode, got.Stderr)
		}
	}
}

func TestUpInterruptedLeavesNoProcess(t *testing.T) {
	dir, err := os.MkdirTemp("", "drover-sandbox-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err = sandbox.Up(ctx, sandbox.Options{Dir: dir, Log: func(line string) {
		t.Log(line)
		if line == "zookeeper is ready" {
			cancel()
		}
	}})
	if err == nil {
		t.Fatal("up succeeded, want it interrupted")
	}
	noProcess(t, dir)
}

func logTo(t *testing.T) func(string) { return func(line string) { t.Log(line) } }

func statusOf(t *testing.T, s *sandbox.Sandbox) map[string]sandbox.DaemonStatus {
	t.Helper()
	list, err := s.Status(t.Context())
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	byName := map[string]sandbox.DaemonStatus{}
	for _, st := range list {
		byName[st.Name] = st
	}
	return byName
}

func allReady(t *testing.T, s *sandbox.Sandbox) map[string]sandbox.DaemonStatus {
	t.Helper()
	got := statusOf(t, s)
	for name, st := range got {
		if !st.Ready {
			t.Errorf("%s is not ready: %s", name, st.Problem)
		}
	}
	return got
}

func samePIDs(t *testing.T, got, want map[string]sandbox.DaemonStatus) {
	t.Helper()
	for name := range want {
		if got[name].PID != want[name].PID {
			t.Errorf("%s runs as %d, want %d as before", name, got[name].PID, want[name].PID)
		}
	}
}

// noProcess looks for itself rather than asking the sandbox.
func noProcess(t *testing.T, dir string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		command, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(command), dir+"/") {
			t.Errorf("still runs: %s: %s", path, strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
}

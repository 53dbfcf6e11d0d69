//go:build cluster

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drover/internal/embedded"
	"drover/internal/sandbox"
)

// built is the program as people run it, with a cache of its own: no Temporal
// that somebody else has running is found.
type built struct {
	t    *testing.T
	path string
	dir  string
	env  []string
	mark string // in the environment of every process that comes of it
}

func build(t *testing.T) *built {
	t.Helper()
	dir := t.TempDir()
	b := &built{t: t, path: filepath.Join(dir, "drover"), dir: dir, mark: fmt.Sprintf("DROVER_TEST_MARK=%d.%d", os.Getpid(), time.Now().UnixNano())}
	if out, err := exec.Command("go", "build", "-o", b.path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build drover: %v\n%s", err, out)
	}
	// What takes minutes to make or to fetch is taken over.
	server, err := embedded.Build(t.Context(), embedded.Options{Log: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "cache", "drover")
	for from, to := range map[string]string{
		server.Path: filepath.Join(own, "temporal", filepath.Base(server.Path)),
		filepath.Join(cache, "drover", "sandbox"): filepath.Join(own, "sandbox"),
	} {
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	b.env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TEMPORAL_") || strings.HasPrefix(v, "DROVER_CONFIG") }),
		"XDG_CACHE_HOME="+filepath.Join(dir, "cache"), b.mark)
	return b
}

// command is one command line, in a process group of its own as a shell makes
// one: Ctrl-C reaches the whole group.
func (b *built) command(args ...string) *exec.Cmd {
	cmd := exec.Command(b.path, args...)
	cmd.Dir, cmd.Env = b.dir, b.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// must runs a command line to its end.
func (b *built) must(code int, words string, args ...string) said {
	b.t.Helper()
	p := b.start(args...)
	got := p.end(5 * time.Minute)
	if got.code != code || !strings.Contains(got.out+got.talked, words) {
		b.t.Fatalf("drover %s: exit code %d, want %d and %q\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), got.code, code, words, got.out, got.talked)
	}
	return got
}

// running is a command line that has not ended.
type running struct {
	t         *testing.T
	cmd       *exec.Cmd
	out, talk stream
	done      chan struct{}
}

func (b *built) start(args ...string) *running {
	b.t.Helper()
	r := &running{t: b.t, cmd: b.command(args...), done: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.talk
	r.begin()
	return r
}

func (r *running) begin() {
	r.t.Helper()
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait() // the exit code is looked at
		close(r.done)
	}()
	r.t.Cleanup(func() {
		if err := r.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			r.t.Error(err)
		}
		<-r.done
	})
}

// says waits until words were said on one of the streams.
func (r *running) says(words string) {
	r.t.Helper()
	end := time.After(5 * time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(r.out.String()+r.talk.String(), words) {
		select {
		case <-r.done:
			if !strings.Contains(r.out.String()+r.talk.String(), words) {
				r.t.Fatalf("drover %s ended before it said %q:\n%s\n%s", strings.Join(r.cmd.Args[1:], " "), words, r.out.String(), r.talk.String())
			}
		case <-end:
			r.t.Fatalf("drover %s did not say %q:\n%s\n%s", strings.Join(r.cmd.Args[1:], " "), words, r.out.String(), r.talk.String())
		case <-tick.C:
		}
	}
}

// interrupt is Ctrl-C at the terminal the program runs in.
func (r *running) interrupt() {
	r.t.Helper()
	if err := syscall.Kill(-r.cmd.Process.Pid, syscall.SIGINT); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) end(within time.Duration) said {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(within):
		r.t.Fatalf("drover %s has not ended within %s:\n%s\n%s", strings.Join(r.cmd.Args[1:], " "), within, r.out.String(), r.talk.String())
	}
	return said{r.cmd.ProcessState.ExitCode(), r.out.String(), r.talk.String()}
}

// stream may be read while the process writes.
type stream struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// family lists the processes that came of the program, each by its command
// line: they inherited the mark.
func (b *built) family() map[string]string {
	b.t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || len(list) == 0 {
		b.t.Fatalf("no process can be looked at in /proc: %v", err)
	}
	all := map[string]string{}
	for _, file := range list {
		// One that cannot be read ended meanwhile, or is not ours to see.
		if environ, err := os.ReadFile(file); err == nil && bytes.Contains(environ, []byte(b.mark)) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			all[filepath.Base(filepath.Dir(file))] = fmt.Sprintf("%.200q", line)
		}
	}
	return all
}

// TestCtrlCOfTheDemoEndsEveryChild starts the demo from nothing and interrupts
// it when all of it runs: Temporal, four daemons, worker and writer.
func TestCtrlCOfTheDemoEndsEveryChild(t *testing.T) {
	b := build(t)
	dir, err := os.MkdirTemp("", "drover-demo-") // short: Hadoop makes sockets in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		box, err := sandbox.Open(dir)
		if err == nil {
			err = box.Remove(context.Background())
		}
		if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	demo := b.start("demo", "hdfs", "--yes", "--dir", dir, "--files", "20", "--rate", "10", "--acked", "1000000")
	demo.says("started: UI ")
	if all := b.family(); len(all) < 6 {
		t.Errorf("processes of the demo: %v, want itself, Temporal and four daemons at least", all)
	}
	demo.interrupt()
	got := demo.end(2 * time.Minute)
	if got.code != codeInterrupted || !strings.Contains(got.talked, "interrupted") {
		t.Errorf("exit code %d, want %d and a word about it; it said:\n%s", got.code, codeInterrupted, got.talked)
	}
	if left := b.family(); len(left) > 0 {
		t.Errorf("after Ctrl-C there are still %v", left)
	}
}

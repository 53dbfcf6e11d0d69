// Package sandboxtest gives tests the two real clusters of package sandbox.
package sandboxtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"drover/internal/sandbox"
)

// upDeadline bounds bringing a sandbox up, the first download included.
const upDeadline = 15 * time.Minute

// Shared returns the sandbox all tests of a run share, in DROVER_SANDBOX_DIR or
// the user's cache directory. It adopts what runs and starts what does not; it
// never skips: a sandbox that cannot be had fails the test. The sandbox stays up
// after the test, so use names of your own for tables, snapshots and peers,
// remove them, and leave daemons alone that you do not start again.
func Shared(t testing.TB) *sandbox.Sandbox {
	t.Helper()
	return up(t, sandbox.Options{})
}

// Own returns a sandbox for this test alone, with settings of its own, and
// removes it with the test. It costs a start of nine JVMs: for tests that break
// the clusters or need other settings only.
func Own(t testing.TB, opts sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	endAbandoned(t)
	if opts.Dir == "" {
		// Not t.TempDir: the path would carry the test's name, and a failed
		// test's logs would be gone.
		dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", ownPrefix, os.Getpid()))
		if err != nil {
			t.Fatalf("make sandbox directory: %v", err)
		}
		opts.Dir = dir
	}
	s := up(t, opts)
	t.Cleanup(func() {
		end := s.Remove
		if t.Failed() {
			t.Logf("logs of the failed test are in %s", s.Dir())
			end = s.Down
		}
		if err := end(context.Background()); err != nil {
			t.Errorf("end sandbox: %v", err)
		}
	})
	return s
}

// ownPrefix, followed by the id of the test process, begins the names of the
// directories Own makes.
const ownPrefix = "drover-sandbox-own-"

// endAbandoned ends the daemons of sandboxes whose test process was killed, by
// a timeout for example, before it could. Their logs stay.
func endAbandoned(t testing.TB) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), ownPrefix+"*"))
	if err != nil {
		t.Fatalf("look for abandoned sandboxes: %v", err)
	}
	for _, dir := range dirs {
		id, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), ownPrefix), "-")
		pid, err := strconv.Atoi(id)
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue // its test still runs
		}
		s, err := sandbox.Open(dir)
		if err != nil {
			continue // it never started a daemon
		}
		for _, daemon := range sandbox.DaemonNames() {
			if err := s.Kill(t.Context(), daemon); err != nil {
				t.Errorf("end abandoned sandbox: %v", err)
			}
		}
	}
}

func up(t testing.TB, opts sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), upDeadline)
	defer cancel()
	began := time.Now()
	opts.Log = func(line string) {
		t.Logf("sandbox %4.0fs: %s", time.Since(began).Seconds(), line)
	}
	s, err := sandbox.Up(ctx, opts)
	if err != nil {
		t.Fatalf("sandbox: %v", err)
	}
	return s
}

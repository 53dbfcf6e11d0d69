package hook_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"drover/internal/hook"
)

func sh(script string, args ...string) []string {
	return append([]string{"/bin/sh", "-c", script, "sh"}, args...)
}

func TestACommandIsRunAsItIs(t *testing.T) {
	t.Setenv("SECRET_OF_THE_WORKER", "hush")
	got, err := hook.Run(t.Context(), hook.Command{
		Argv: sh(`echo "$1|$TOKEN|$SECRET_OF_THE_WORKER|" >&2; exit 3`, "a b; $(id)"),
		Env:  []string{"TOKEN=s3cr3t"}, Hidden: []string{"s3cr3t"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := "a b; $(id)|**redacted**||"; got.Exit != 3 || got.Tail != want {
		t.Errorf("exit %d, tail %q, want 3 and %q", got.Exit, got.Tail, want)
	}
}

func TestOnlyTheEndOfTheOutputIsKept(t *testing.T) {
	got, err := hook.Run(t.Context(), hook.Command{Argv: sh(`i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done`)})
	if err != nil || len(got.Tail) > 2000 || !strings.HasSuffix(got.Tail, "line 2999") {
		t.Errorf("%d bytes ending %q, %v: want at most 2000, the last ones", len(got.Tail), got.Tail[max(0, len(got.Tail)-20):], err)
	}
}

func TestAProgramThatIsNotThereIsAnError(t *testing.T) {
	_, err := hook.Run(t.Context(), hook.Command{Argv: []string{"/no/such/program"}})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want that it does not exist", err)
	}
}

func TestACommandHasItsTime(t *testing.T) {
	_, err := hook.Run(t.Context(), hook.Command{Argv: sh("sleep 600"), Timeout: time.Millisecond})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "did not end within 1ms") {
		t.Errorf("error %v, want that the time was up", err)
	}
}

// TestNothingOfACommandOutlivesItsCaller: it is stopped with the child it made.
func TestNothingOfACommandOutlivesItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pids := filepath.Join(t.TempDir(), "pids")
	ended := make(chan error)
	go func() {
		_, err := hook.Run(ctx, hook.Command{Argv: sh(`sleep 600 & echo $! $$ > "$1.new"; mv "$1.new" "$1"; wait`, pids)})
		ended <- err
	}()
	var text []byte
	await(t, "the command", func() (err error) {
		text, err = os.ReadFile(pids)
		return err
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was cancelled", err)
	}
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		await(t, "the end of a process", func() error {
			if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid) {
				return nil
			}
			return errors.New("it still runs")
		})
	}
}

func await(t *testing.T, what string, there func() error) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		if there() == nil {
			return
		}
		<-tick.C
	}
	t.Fatalf("waited for %s: %v", what, there())
}

// zombie: what was killed may be waited for by nobody and shows until then.
func zombie(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(text), ") Z ")
}

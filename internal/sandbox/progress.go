package sandbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// quietFor is the longest time the sandbox waits for something without saying
// for what.
const quietFor = 8 * time.Second

// progress writes lines for a human. It may be used by several goroutines.
type progress struct {
	mu    sync.Mutex
	write func(line string)
	every time.Duration
}

func newProgress(write func(line string)) *progress {
	if write == nil {
		write = func(string) {}
	}
	return &progress{write: write, every: quietFor}
}

// say writes one line.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write(fmt.Sprintf(format, args...))
}

// waitingFor writes "waiting for …" now and again every few seconds until the
// returned function is called.
func (p *progress) waitingFor(what func() string) (stop func()) {
	began, done := time.Now(), make(chan struct{})
	var finished sync.WaitGroup
	p.say("waiting for %s", what())
	finished.Go(func() {
		ticker := time.NewTicker(p.every)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				p.say("waiting for %s (%s)", what(), time.Since(began).Round(time.Second))
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		finished.Wait()
	})
}

// lockFile takes an exclusive lock between processes and goroutines on path,
// saying who is waited for as long as somebody else holds it.
func lockFile(ctx context.Context, path string, log *progress, holder string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	lock := flock.New(path)
	locked, err := lock.TryLock()
	if err == nil && !locked {
		stop := log.waitingFor(func() string { return holder })
		_, err = lock.TryLockContext(ctx, 100*time.Millisecond)
		stop()
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// Closing gives the lock up even if that cannot be reported.
	return func() { _ = lock.Unlock() }, nil
}

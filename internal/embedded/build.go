package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// progressEvery is the longest silence of a build.
const progressEvery = 10 * time.Second

// Binary is a built server.
type Binary struct {
	Path    string
	Version string // of the Temporal server in it
}

// Build returns the server's binary and builds it first when this version of
// its source has not been built on this machine. Two processes that need it at
// the same time build it once.
func Build(ctx context.Context, o Options) (Binary, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Binary{}, err
	}
	src, err := findSource()
	if err != nil {
		return Binary{}, err
	}
	bin := Binary{Path: filepath.Join(o.BinDir, src.binary()), Version: src.version}
	if _, err := os.Stat(bin.Path); err == nil {
		return bin, nil
	}
	unlock, err := lockBuild(ctx, o)
	if err != nil {
		return Binary{}, err
	}
	defer unlock()
	if _, err := os.Stat(bin.Path); err == nil {
		return bin, nil // built by whoever held the lock
	}
	if err := compile(ctx, o, src, bin.Path); err != nil {
		return Binary{}, err
	}
	return bin, nil
}

func lockBuild(ctx context.Context, o Options) (func(), error) {
	lock := flock.New(filepath.Join(o.BinDir, "build.lock"))
	ok, err := lock.TryLock()
	if err == nil && !ok {
		stop := every(progressEvery, func(waited time.Duration) {
			o.log("waiting for another process to build the embedded Temporal server: %s", seconds(waited))
		})
		defer stop()
		ok, err = lock.TryLockContext(ctx, 10*pollEvery)
	}
	if !ok {
		return nil, fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	return func() { _ = lock.Unlock() }, nil
}

func compile(ctx context.Context, o Options, src source, path string) error {
	goTool, err := findGo()
	if err != nil {
		return err
	}
	o.log("building the embedded Temporal server %s: once, 3-6 minutes on two cores", src.version)
	draft := path + ".new"
	cmd := exec.CommandContext(ctx, goTool, "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w", "-o", draft, ".")
	cmd.Dir = src.dir
	// No C compiler is needed, and neither a workspace nor a cross-compiling
	// environment of the caller may change what is built.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // lets go end its compilers
	cmd.WaitDelay = stopPatience

	var out buildOutput
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	stop := every(progressEvery, func(passed time.Duration) {
		o.log("building the embedded Temporal server: %s, %s", seconds(passed), out.progress())
	})
	err = cmd.Run()
	stop()
	if err != nil {
		return errors.Join(fmt.Errorf("build the embedded Temporal server in %s: %w: fix what go says, or set TEMPORAL_ADDRESS "+
			"to a Temporal service; go said: %s", src.dir, err, out.complaint()), removeIfThere(draft))
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("build the embedded Temporal server: %w", err)
	}
	o.log("built the embedded Temporal server in %s", seconds(time.Since(begun)))
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func findGo() (string, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return "", fmt.Errorf("build the embedded Temporal server: %w: install Go 1.26, or set TEMPORAL_ADDRESS to a Temporal service", err)
	}
	return path, nil
}

func seconds(d time.Duration) time.Duration { return d.Round(time.Second) }

// every calls report with the time passed, in intervals of d, until the
// returned function is called.
func every(d time.Duration, report func(passed time.Duration)) (stop func()) {
	begun, done, ended := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				report(time.Since(begun))
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// buildOutput counts what `go build -v` reports and keeps what it complains of.
type buildOutput struct {
	mu         sync.Mutex
	rest       string
	downloaded int
	compiled   int
	said       []string
}

var (
	_           io.Writer = (*buildOutput)(nil)
	packagePath           = regexp.MustCompile(`^[A-Za-z0-9_][\w./~+-]*$`)
)

// saidLines bounds the text of an error; what broke is at its end.
const saidLines = 20

func (b *buildOutput) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := b.rest + string(p)
	for {
		line, rest, whole := strings.Cut(text, "\n")
		if !whole {
			break
		}
		b.line(strings.TrimSpace(line))
		text = rest
	}
	b.rest = text
	return len(p), nil
}

func (b *buildOutput) line(text string) {
	switch {
	case strings.HasPrefix(text, "go: downloading "):
		b.downloaded++
	case packagePath.MatchString(text):
		b.compiled++
	default:
		b.said = append(b.said, text)
		b.said = b.said[max(0, len(b.said)-saidLines):]
	}
}

func (b *buildOutput) progress() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%d modules downloaded, %d packages compiled", b.downloaded, b.compiled)
}

func (b *buildOutput) complaint() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(strings.Join(append(b.said, b.rest), "\n"))
}

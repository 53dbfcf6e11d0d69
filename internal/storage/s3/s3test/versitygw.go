// Package s3test runs a real S3 server for tests: versitygw over a directory, as
// a process of its own on loopback.
package s3test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// module and version are what is built: once, into the user's cache directory,
// by go install, which leaves this module's own dependencies alone.
const (
	module  = "github.com/versity/versitygw/cmd/versitygw"
	version = "v1.8.0"
)

// What a server is started with.
const (
	AccessKey = "drover"
	SecretKey = "drover-secret"
	Region    = "us-east-1"
	Bucket    = "mirror"
)

// startWait bounds how long a server may take to answer.
const startWait = time.Minute

// Build returns the server's binary and builds it first where this version has
// not been built yet, which takes minutes. Two processes build it once.
func Build(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("build versitygw: %w", err)
	}
	dir := filepath.Join(cache, "drover", "versitygw-"+version)
	binary := filepath.Join(dir, "versitygw")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("build versitygw: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "build.lock"))
	if _, err := lock.TryLockContext(ctx, time.Second); err != nil {
		return "", fmt.Errorf("build versitygw: lock %s: %w", lock.Path(), err)
	}
	defer lock.Unlock() //nolint:errcheck // ends with the process
	if _, err := os.Stat(binary); err == nil {
		return binary, nil // built by whoever held the lock
	}
	draft, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", fmt.Errorf("build versitygw: %w", err)
	}
	defer os.RemoveAll(draft) //nolint:errcheck // what is left is built over
	cmd := exec.CommandContext(ctx, "go", "install", module+"@"+version)
	cmd.Dir = draft
	cmd.Env = append(os.Environ(), "GOBIN="+draft, "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build versitygw %s: %w: go said: %s", version, err, out)
	}
	if err := os.Rename(filepath.Join(draft, "versitygw"), binary); err != nil {
		return "", fmt.Errorf("build versitygw: %w", err)
	}
	return binary, nil
}

// Start runs a server with an empty bucket for the length of the test and
// returns its endpoint.
func Start(t testing.TB) (endpoint string) {
	t.Helper()
	binary, err := Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, Bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	log, err := os.Create(filepath.Join(t.TempDir(), "versitygw.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "--port", address, "--keep-alive", "--quiet", "--region", Region, "posix", "--sidecar", t.TempDir(), root)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-ended
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	endpoint = "http://" + address
	if err := answers(t.Context(), endpoint, ended); err != nil {
		said, _ := os.ReadFile(log.Name()) //nolint:errcheck // without it the error stands
		t.Fatalf("start versitygw: %v: it said: %s", err, said)
	}
	return endpoint
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nobody was let in
	return l.Addr().String()
}

// answers waits for any answer of a server that has not ended.
func answers(ctx context.Context, endpoint string, ended chan error) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			return resp.Body.Close()
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("no answer in %v: %w", startWait, err)
		case <-again.C:
		}
	}
}

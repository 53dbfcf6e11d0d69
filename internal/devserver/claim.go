package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/gofrs/flock"
)

// claim locks path, writes this process's pid to it, and returns what undoes
// it. The kernel drops the lock with the process, so whoever finds the file
// locked knows that the pid in it is this server and no later process of the
// same number. It also keeps a second server off the same database.
//
// An empty path claims nothing.
func claim(ctx context.Context, path string) (func(), error) {
	if path == "" {
		return func() {}, nil
	}
	lock := flock.New(path)
	// A launcher that looks whether a server runs holds the lock for a moment.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ok, err := lock.TryLockContext(ctx, 20*time.Millisecond)
	if !ok {
		return nil, fmt.Errorf("lock %s: %w: another server runs on this directory", path, err)
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write pid to %s: %w", path, err)
	}
	return func() { _ = lock.Unlock() }, nil
}

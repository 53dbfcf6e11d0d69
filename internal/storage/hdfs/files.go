package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/colinmarc/hdfs/v2"

	"drover/internal/storage"
)

const (
	filePerm fs.FileMode = 0o644
	dirPerm  fs.FileMode = 0o755
	// createTries bounds the rounds of "make the directory, remove what is
	// there, create": HBase's cleaner removes empty directories at any time.
	createTries = 20
	// completeWait bounds how long Commit waits for the DataNodes to report
	// the last block to the NameNode. The Java client gives up much sooner.
	completeWait = 2 * time.Minute
	// cleanupWait bounds the removal of a file that was given up.
	cleanupWait = 5 * time.Second
)

// reader is an open file; see storage.Reader.Open.
type reader struct {
	ctx    context.Context
	store  *Store
	held   held
	f      *hdfs.FileReader
	name   string
	failed bool
	closed bool
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, fmt.Errorf("read %s: %w", r.name, fs.ErrClosed)
	}
	n, err := r.f.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	r.failed = true
	return n, wrap(r.ctx, "read", r.name, err)
}

// Close implements io.Closer.
func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	alive := r.held.stop()
	r.f.Close() //nolint:errcheck // only read
	r.store.release(r.held.session, alive && !r.failed)
	return nil
}

// Create implements storage.Store. The file is visible, and grows, under its
// final name at once.
func (s *Store) Create(ctx context.Context, name string, opt storage.CreateOptions) (storage.Writer, error) {
	return s.newWriter(ctx, name, opt)
}

func (s *Store) newWriter(ctx context.Context, name string, opt storage.CreateOptions) (*writer, error) {
	var block int64
	ses, err := s.hold(ctx, "create", name, func(c *hdfs.Client) (err error) {
		block, err = create(c, name, opt)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &writer{ctx: ctx, store: s, held: ses, name: name, blockSize: block}, nil
}

// create opens a new file for the client's lease and returns its block size.
// The library's writer is not used: it cannot begin a block while the NameNode
// waits for the report of an earlier one, and leaves goroutines behind when a
// write fails.
func create(c *hdfs.Client, name string, opt storage.CreateOptions) (int64, error) {
	if opt.BlockSize <= 0 || opt.Replication <= 0 {
		d, err := c.ServerDefaults()
		if err != nil {
			return 0, err
		}
		if opt.BlockSize <= 0 {
			opt.BlockSize = d.BlockSize
		}
		if opt.Replication <= 0 {
			opt.Replication = d.Replication
		}
	}
	var err error
	for range createTries {
		_, err = c.CreateFile(name, opt.Replication, opt.BlockSize, filePerm)
		switch {
		case err == nil:
			return opt.BlockSize, nil
		case errors.Is(err, fs.ErrNotExist):
			if err := c.MkdirAll(path.Dir(name), dirPerm); err != nil {
				return 0, err
			}
		case errors.Is(err, fs.ErrExist):
			if err := removeFile(c, name); err != nil {
				return 0, err
			}
		default:
			return 0, err
		}
	}
	return 0, err
}

// removeFile removes a file that is in the way, and nothing else.
func removeFile(c *hdfs.Client, name string) error {
	info, err := c.Stat(name)
	if err == nil && info.IsDir() {
		return storage.ErrIsDir
	}
	if err == nil {
		err = c.Remove(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

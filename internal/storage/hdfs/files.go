package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/colinmarc/hdfs/v2"

	"drover/internal/storage"
)

const (
	filePerm fs.FileMode = 0o644
	dirPerm  fs.FileMode = 0o755
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
	st, err := s.create(ctx, name, opt)
	if err != nil {
		return nil, own(ctx, "create", name, err)
	}
	return &writer{
		ctx: ctx, store: s, release: s.nn.KeepLease(ctx),
		name: name, file: st.FileID, blockSize: st.BlockSize,
	}, nil
}

// discardFile removes a file that was given up, unless another stands in its
// place by now.
func (s *Store) discardFile(ctx context.Context, name string, file uint64) error {
	st, err := s.nn.Stat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && st.FileID != file {
		return nil
	}
	if err == nil {
		_, err = s.nn.Delete(ctx, name, false)
	}
	return own(ctx, "remove", name, err)
}

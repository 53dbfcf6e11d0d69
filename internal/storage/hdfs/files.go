package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/cenkalti/backoff/v5"
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
	var f *hdfs.FileWriter
	ses, err := s.hold(ctx, "create", name, func(c *hdfs.Client) (err error) {
		f, err = create(c, name, opt)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &writer{ctx: ctx, store: s, held: ses, f: f, name: name}, nil
}

func create(c *hdfs.Client, name string, opt storage.CreateOptions) (*hdfs.FileWriter, error) {
	if opt.BlockSize <= 0 || opt.Replication <= 0 {
		d, err := c.ServerDefaults()
		if err != nil {
			return nil, err
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
		var f *hdfs.FileWriter
		f, err = c.CreateFile(name, opt.Replication, opt.BlockSize, filePerm)
		switch {
		case err == nil:
			return f, nil
		case errors.Is(err, fs.ErrNotExist):
			if err := c.MkdirAll(path.Dir(name), dirPerm); err != nil {
				return nil, err
			}
		case errors.Is(err, fs.ErrExist):
			if err := removeFile(c, name); err != nil {
				return nil, err
			}
		default:
			return nil, err
		}
	}
	return nil, err
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

// writer is a file being written; see storage.Writer.
type writer struct {
	ctx     context.Context
	store   *Store
	held    held
	f       *hdfs.FileWriter
	name    string
	started bool // a block was begun
	done    bool
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, fmt.Errorf("write %s: %w", w.name, fs.ErrClosed)
	}
	if len(p) == 0 {
		return 0, nil // the library would begin a block that it could never end
	}
	w.started = true
	n, err := w.f.Write(p)
	if err != nil {
		err = wrap(w.ctx, "write", w.name, err)
	}
	return n, err
}

// Commit implements storage.Writer. The NameNode refuses to complete a file
// whose last block is not reported yet, often for a few milliseconds; the
// library passes that on, and the file would stay open.
func (w *writer) Commit() error {
	if w.done {
		return fmt.Errorf("commit %s: %w", w.name, fs.ErrClosed)
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = 5 * time.Millisecond
	wait.MaxInterval = time.Second
	_, err := backoff.Retry(w.ctx, func() (struct{}, error) {
		err := w.f.Close()
		if err != nil && !hdfs.IsErrReplicating(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(completeWait))
	if err != nil {
		return errors.Join(wrap(w.ctx, "commit", w.name, err), w.Abort())
	}
	w.done = true
	w.store.release(w.held.session, w.held.stop())
	return nil
}

// Abort implements storage.Writer. The removal does not depend on the writer's
// context, which has usually ended by then.
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	w.held.stop()
	w.held.kill()
	if w.started {
		w.f.Close() //nolint:errcheck // only ends the library's goroutines: its sockets are closed
	}
	discard(w.held.session)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), cleanupWait)
	defer cancel()
	return w.store.Remove(ctx, w.name)
}

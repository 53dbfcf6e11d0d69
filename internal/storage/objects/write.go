package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"drover/internal/storage"
)

const (
	defaultPartSize = 16 << 20
	growAfter       = 1000 // parts
	// cleanupWait bounds the removal of what was given up.
	cleanupWait = 5 * time.Second
)

// Create implements storage.Store. The object appears at Commit, whole.
func (s *Store) Create(ctx context.Context, name string, _ storage.CreateOptions) (storage.Writer, error) {
	dir, err := s.dir(ctx, name)
	if err == nil && dir.there {
		err = storage.ErrIsDir
	}
	if err != nil {
		return nil, failed(ctx, "create", name, err)
	}
	w := &writer{ctx: ctx, bucket: s.Bucket, name: name, first: s.PartSize}
	if w.first <= 0 {
		w.first = defaultPartSize
	}
	return w, nil
}

// writer gathers a part at a time; an object that fits into the first is put by
// one request.
type writer struct {
	ctx    context.Context
	bucket Bucket
	name   string
	first  int // size of the first parts
	part   bytes.Buffer
	upload Upload // once there is one
	sent   int    // parts
	done   bool
}

func (w *writer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if err := w.ctx.Err(); err != nil {
			return written, failed(w.ctx, "write", w.name, err)
		}
		full := w.first << (w.sent / growAfter)
		n := min(len(p), full-w.part.Len())
		w.part.Write(p[:n])
		p, written = p[n:], written+n
		if w.part.Len() == full {
			if err := w.send(); err != nil {
				return written, failed(w.ctx, "write", w.name, err)
			}
		}
	}
	return written, nil
}

// send sends the part that was gathered.
func (w *writer) send() (err error) {
	if w.upload == nil {
		if w.upload, err = w.bucket.Begin(w.ctx, key(w.name)); err != nil {
			return err
		}
	}
	if err := w.upload.Part(w.ctx, w.part.Bytes()); err != nil {
		return err
	}
	w.sent++
	w.part.Reset()
	return nil
}

func (w *writer) Commit() error {
	err := w.ctx.Err()
	if err == nil {
		err = w.complete()
	}
	if err != nil {
		return errors.Join(failed(w.ctx, "commit", w.name, err), w.Abort())
	}
	w.done = true
	return nil
}

func (w *writer) complete() error {
	if w.upload == nil {
		return w.bucket.Put(w.ctx, key(w.name), w.part.Bytes())
	}
	if w.part.Len() > 0 {
		if err := w.send(); err != nil {
			return err
		}
	}
	return w.upload.Complete(w.ctx)
}

// Abort removes the parts that were sent, which would else be kept, and paid
// for, unseen.
func (w *writer) Abort() error {
	if w.done || w.upload == nil {
		w.done = true
		return nil
	}
	w.done = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), cleanupWait)
	defer cancel()
	return failed(ctx, "abort the upload of", w.name, w.upload.Abort(ctx))
}

// Mkdirs implements storage.Store: the directory itself becomes an object, its
// parents are there for it.
func (s *Store) Mkdirs(ctx context.Context, dir string) error {
	if key(dir) == "" {
		return ctx.Err()
	}
	return failed(ctx, "mkdirs", dir, s.Bucket.Put(ctx, prefix(dir), nil))
}

// Rename implements storage.Store: there is no such step.
func (*Store) Rename(_ context.Context, from, to string) error {
	return fmt.Errorf("rename %s to %s: objects cannot be renamed: %w", from, to, errors.ErrUnsupported)
}

// Usage implements storage.Store: a bucket has no bounds.
func (s *Store) Usage(context.Context) (storage.Usage, error) {
	return storage.Usage{}, fmt.Errorf("usage of bucket %s: %w", s.Name, errors.ErrUnsupported)
}

// Copy implements storage.Copier.
func (s *Store) Copy(ctx context.Context, from, to string) error {
	dir, err := s.dir(ctx, to)
	if err == nil && dir.there {
		err = storage.ErrIsDir
	}
	if err == nil {
		err = s.Bucket.Copy(ctx, key(from), key(to))
	}
	return failed(ctx, "copy "+from+" to", to, err)
}

// Remove implements storage.Store.
func (s *Store) Remove(ctx context.Context, name string) error {
	dir, err := s.dir(ctx, name)
	switch {
	case err != nil:
	case dir.used:
		err = storage.ErrNotEmpty
	case dir.there:
		err = s.Bucket.Delete(ctx, []string{prefix(name)})
	default:
		err = s.Bucket.Delete(ctx, []string{key(name)})
	}
	return failed(ctx, "remove", name, err)
}

// RemoveAll implements storage.Store. Directories go last, the deepest first:
// stores over a file system cannot remove one that is in use.
func (s *Store) RemoveAll(ctx context.Context, name string) error {
	var files, dirs []string
	if k := key(name); k != "" {
		files = append(files, k)
	}
	var removing error
	flush := func(least int) bool {
		if len(files) >= least && removing == nil && len(files) > 0 {
			removing = s.Bucket.Delete(ctx, files)
			files = files[:0]
		}
		return removing == nil
	}
	err := s.Bucket.List(ctx, Query{Prefix: prefix(name), Below: true}, func(e Entry) bool {
		if strings.HasSuffix(e.Key, "/") {
			dirs = append(dirs, e.Key)
			return true
		}
		files = append(files, e.Key)
		return flush(deleteEach)
	})
	if err == nil {
		flush(1)
		err = removing
	}
	slices.Sort(dirs)
	for _, at := range slices.Backward(dirs) {
		if err == nil {
			err = s.Bucket.Delete(ctx, []string{at})
		}
	}
	return failed(ctx, "remove tree", path.Clean("/"+name), err)
}

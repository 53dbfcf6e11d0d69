package local

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"drover/internal/storage"
)

var (
	_ storage.Copier  = (*Store)(nil)
	_ storage.Dresser = (*Store)(nil)
)

// Copy implements storage.Copier. The copy is a second name of the same file
// where the file system has such (a hard link): it costs no data, and is right
// because a file of this store is replaced and never changed in its place.
func (s *Store) Copy(ctx context.Context, from, to string) error {
	if err := ctx.Err(); err != nil {
		return wrap("copy", from, err)
	}
	old, err := os.Stat(s.file(from))
	if err != nil {
		return wrap("copy", from, err)
	}
	if old.IsDir() {
		return wrap("copy", from, storage.ErrIsDir)
	}
	final := s.file(to)
	switch there, err := os.Stat(final); {
	case err == nil && there.IsDir():
		return wrap("copy "+from+" to", to, storage.ErrIsDir)
	case err == nil && os.SameFile(old, there):
		return nil // rename(2) between two names of one file does nothing at all
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return wrap("copy "+from+" to", to, err)
	}
	part := filepath.Join(filepath.Dir(final), partMark+rand.Text())
	err = os.Link(s.file(from), part)
	if err != nil && linkless(err) {
		return s.copyBytes(ctx, from, to)
	}
	if err == nil {
		if err = os.Rename(part, final); err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}
	return wrap("copy "+from+" to", to, err)
}

// linkless reports whether the file system, or its mount, has no hard links, or
// no more of them for this file.
func linkless(err error) bool {
	for _, e := range []error{syscall.EPERM, syscall.EXDEV, syscall.EMLINK, syscall.ENOTSUP, syscall.ENOSYS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (s *Store) copyBytes(ctx context.Context, from, to string) error {
	r, err := s.Open(ctx, from)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	w, err := s.Create(ctx, to, storage.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		return errors.Join(wrap("copy "+from+" to", to, err), w.Abort())
	}
	return w.Commit()
}

// Dress implements storage.Dresser. Times are kept as finely as the file system
// keeps them.
func (s *Store) Dress(ctx context.Context, name string, a storage.Attributes) error {
	if err := ctx.Err(); err != nil {
		return wrap("set attributes of", name, err)
	}
	info, err := os.Stat(s.file(name))
	if err != nil {
		return wrap("set attributes of", name, err)
	}
	mode := a.Mode.Perm() | 0o400
	if info.IsDir() {
		mode |= 0o700
	}
	if err := os.Chmod(s.file(name), mode|a.Mode&fs.ModeSticky); err != nil {
		return wrap("set attributes of", name, err)
	}
	return wrap("set attributes of", name, os.Chtimes(s.file(name), a.ModTime, a.ModTime))
}

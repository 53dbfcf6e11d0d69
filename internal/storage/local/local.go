// Package local is a store in a directory of this machine: a staging disk, or
// the stand-in for a remote store in tests. A path "/a/b" of the store is the
// file a/b under its directory.
package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"drover/internal/storage"
)

// Store is safe for concurrent use.
type Store struct{ root string }

var _ storage.Store = (*Store)(nil)

// partMark starts the name of a file being written, beside its final name, so
// that the final name appears by rename only. Such names are never listed.
const partMark = ".drover-part-"

// Open returns the store in an existing directory.
func Open(root string) (*Store, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, fmt.Errorf("open local store: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("open local store %s: not a directory", root)
	}
	return &Store{root: root}, nil
}

// Close implements io.Closer: there is nothing that is held open.
func (*Store) Close() error { return nil }

func (s *Store) file(name string) string {
	return filepath.Join(s.root, filepath.FromSlash(path.Clean("/"+name)))
}

// wrap names the operation and maps the system's error to the contract's.
func wrap(op, name string, err error) error {
	var cause error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		// What would lie below a file is not there either.
		cause = storage.ErrNotExist
	case errors.Is(err, syscall.ENOTEMPTY):
		cause = storage.ErrNotEmpty
	case errors.Is(err, fs.ErrExist):
		cause = storage.ErrExist
	case errors.Is(err, fs.ErrPermission):
		cause = storage.ErrDenied
	case errors.Is(err, syscall.EISDIR):
		cause = storage.ErrIsDir
	default:
		cause = err
	}
	return fmt.Errorf("%s %s: %w", op, name, cause)
}

func object(name string, info fs.FileInfo) storage.Object {
	o := storage.Object{Path: path.Clean(name), ModTime: info.ModTime(), IsDir: info.IsDir()}
	o.Irregular = !o.IsDir && !info.Mode().IsRegular()
	if !o.IsDir && !o.Irregular {
		o.Size = info.Size()
	}
	return o
}

// Stat implements storage.Reader.
func (s *Store) Stat(ctx context.Context, name string) (storage.Object, error) {
	if err := ctx.Err(); err != nil {
		return storage.Object{}, wrap("stat", name, err)
	}
	info, err := os.Stat(s.file(name))
	if err != nil {
		return storage.Object{}, wrap("stat", name, err)
	}
	return object(name, info), nil
}

// Open implements storage.Reader.
func (s *Store) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, wrap("open", name, err)
	}
	info, err := os.Stat(s.file(name))
	if err != nil {
		return nil, wrap("open", name, err)
	}
	if info.IsDir() {
		return nil, wrap("open", name, storage.ErrIsDir)
	}
	f, err := os.Open(s.file(name))
	if err != nil {
		return nil, wrap("open", name, err)
	}
	return &reader{ctx: ctx, name: name, f: f}, nil
}

// List implements storage.Reader.
func (s *Store) List(ctx context.Context, dir string) ([]storage.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, wrap("list", dir, err)
	}
	entries, err := os.ReadDir(s.file(dir))
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("list %s: not a directory: %w", dir, storage.ErrNotExist)
	}
	if err != nil {
		return nil, wrap("list", dir, err)
	}
	out := make([]storage.Object, 0, len(entries))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), partMark) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since the directory was read
		}
		if err != nil {
			return nil, wrap("list", dir, err)
		}
		out = append(out, object(path.Join(dir, e.Name()), info))
	}
	return out, nil
}

// Checksum implements storage.Reader. It reads the whole file.
func (s *Store) Checksum(ctx context.Context, name string) (storage.Checksum, error) {
	r, err := s.Open(ctx, name)
	if err != nil {
		return storage.Checksum{}, err
	}
	defer r.Close() //nolint:errcheck // only read
	sum := storage.NewSummer(0)
	if _, err := io.Copy(sum, r); err != nil {
		return storage.Checksum{}, wrap("checksum", name, err)
	}
	return sum.Checksum(), nil
}

// Mkdirs implements storage.Store.
func (s *Store) Mkdirs(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return wrap("mkdirs", dir, err)
	}
	return wrap("mkdirs", dir, os.MkdirAll(s.file(dir), 0o755))
}

// Create implements storage.Store. The file appears at Commit, by rename.
func (s *Store) Create(ctx context.Context, name string, _ storage.CreateOptions) (storage.Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, wrap("create", name, err)
	}
	final := s.file(name)
	if info, err := os.Stat(final); err == nil && info.IsDir() {
		return nil, wrap("create", name, storage.ErrIsDir)
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return nil, wrap("create", name, err)
	}
	if err := os.Remove(final); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, wrap("create", name, err)
	}
	part := filepath.Join(filepath.Dir(final), partMark+rand.Text())
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, wrap("create", name, err)
	}
	return &writer{ctx: ctx, name: name, final: final, f: f}, nil
}

// Rename implements storage.Store. Two renames to one name at the same moment
// are not told apart: the system's own rename would replace a file.
func (s *Store) Rename(ctx context.Context, from, to string) error {
	if err := ctx.Err(); err != nil {
		return wrap("rename", from, err)
	}
	if _, err := os.Lstat(s.file(to)); err == nil {
		return wrap("rename "+from+" to", to, storage.ErrExist)
	}
	return wrap("rename", from, os.Rename(s.file(from), s.file(to)))
}

// Remove implements storage.Store.
func (s *Store) Remove(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return wrap("remove", name, err)
	}
	err := wrap("remove", name, os.Remove(s.file(name)))
	if errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	return err
}

// RemoveAll implements storage.Store.
func (s *Store) RemoveAll(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return wrap("remove tree", name, err)
	}
	err := wrap("remove tree", name, os.RemoveAll(s.file(name)))
	if errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	return err
}

type reader struct {
	ctx  context.Context
	name string
	f    *os.File
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, wrap("read", r.name, err)
	}
	n, err := r.f.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = wrap("read", r.name, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.f.Close() }

type writer struct {
	ctx   context.Context
	name  string
	final string
	f     *os.File // nil after Commit or Abort
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, wrap("write", w.name, err)
	}
	n, err := w.f.Write(p)
	return n, wrap("write", w.name, err)
}

func (w *writer) Commit() error {
	if err := w.ctx.Err(); err != nil {
		return errors.Join(wrap("commit", w.name, err), w.Abort())
	}
	part := w.f.Name()
	err := errors.Join(w.f.Sync(), w.f.Close())
	w.f = nil
	if err == nil {
		err = os.Rename(part, w.final)
	}
	if err != nil {
		return errors.Join(wrap("commit", w.name, err), os.Remove(part))
	}
	return nil
}

func (w *writer) Abort() error {
	if w.f == nil {
		return nil
	}
	part := w.f.Name()
	err := errors.Join(w.f.Close(), os.Remove(part))
	w.f = nil
	return wrap("abort", w.name, err)
}

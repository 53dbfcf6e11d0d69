// Package mem is a store in memory, for tests of engines. It keeps the whole
// contract of package storage and nothing outlives the process.
package mem

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"drover/internal/storage"
)

// Store is safe for concurrent use.
type Store struct {
	mu    sync.Mutex
	nodes map[string]node
	tags  int // of the files stored so far
}

type node struct {
	data    []byte // never modified once stored
	dir     bool
	modTime time.Time
	block   int64
	tag     string
}

var (
	_ storage.Store  = (*Store)(nil)
	_ storage.Copier = (*Store)(nil)
)

// New returns an empty store.
func New() *Store {
	return &Store{nodes: map[string]node{"/": {dir: true, modTime: time.Now()}}}
}

// get looks a path up; the caller holds mu.
func (s *Store) get(ctx context.Context, op, name string) (node, error) {
	if err := ctx.Err(); err != nil {
		return node{}, fmt.Errorf("%s %s: %w", op, name, err)
	}
	n, ok := s.nodes[path.Clean(name)]
	if !ok {
		return node{}, fmt.Errorf("%s %s: %w", op, name, storage.ErrNotExist)
	}
	return n, nil
}

func (n node) object(name string) storage.Object {
	o := storage.Object{Path: name, Size: int64(len(n.data)), ModTime: n.modTime, IsDir: n.dir}
	if !n.dir {
		o.BlockSize, o.Replication, o.Tag = n.block, 1, n.tag
	}
	return o
}

// Stat implements storage.Reader.
func (s *Store) Stat(ctx context.Context, name string) (storage.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.get(ctx, "stat", name)
	if err != nil {
		return storage.Object{}, err
	}
	return n.object(path.Clean(name)), nil
}

// file looks up a path that must be a file.
func (s *Store) file(ctx context.Context, op, name string) (node, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.get(ctx, op, name)
	if err == nil && n.dir {
		err = fmt.Errorf("%s %s: %w", op, name, storage.ErrIsDir)
	}
	return n, err
}

// Open implements storage.Reader.
func (s *Store) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	n, err := s.file(ctx, "open", name)
	if err != nil {
		return nil, err
	}
	return &reader{ctx: ctx, name: name, r: bytes.NewReader(n.data)}, nil
}

// Checksum implements storage.Reader.
func (s *Store) Checksum(ctx context.Context, name string) (storage.Checksum, error) {
	n, err := s.file(ctx, "checksum", name)
	if err != nil {
		return storage.Checksum{}, err
	}
	sum := storage.NewSummer(n.block)
	sum.Write(n.data) //nolint:errcheck // never fails
	return sum.Checksum(), nil
}

// List implements storage.Reader.
func (s *Store) List(ctx context.Context, dir string) ([]storage.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.get(ctx, "list", dir)
	if err != nil {
		return nil, err
	}
	if !n.dir {
		return nil, fmt.Errorf("list %s: not a directory: %w", dir, storage.ErrNotExist)
	}
	dir = path.Clean(dir)
	var out []storage.Object
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		if name != "/" && path.Dir(name) == dir {
			out = append(out, s.nodes[name].object(name))
		}
	}
	return out, nil
}

// Mkdirs implements storage.Store.
func (s *Store) Mkdirs(ctx context.Context, dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("mkdirs %s: %w", dir, err)
	}
	return s.mkdirs(path.Clean(dir))
}

// mkdirs makes dir and its parents; the caller holds mu.
func (s *Store) mkdirs(dir string) error {
	for d := dir; d != "/"; d = path.Dir(d) {
		if n, ok := s.nodes[d]; ok {
			if !n.dir {
				return fmt.Errorf("mkdirs %s: %s is a file: %w", dir, d, storage.ErrExist)
			}
			break
		}
		s.nodes[d] = node{dir: true, modTime: time.Now()}
	}
	return nil
}

// Create implements storage.Store. The file appears at Commit.
func (s *Store) Create(ctx context.Context, name string, opt storage.CreateOptions) (storage.Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	name = path.Clean(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.nodes[name]; ok && n.dir {
		return nil, fmt.Errorf("create %s: %w", name, storage.ErrIsDir)
	}
	if err := s.mkdirs(path.Dir(name)); err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	delete(s.nodes, name)
	block := opt.BlockSize
	if block <= 0 {
		block = storage.DefaultBlockSize
	}
	return &writer{ctx: ctx, store: s, name: name, block: block}, nil
}

// Rename implements storage.Store.
func (s *Store) Rename(ctx context.Context, from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.get(ctx, "rename", from); err != nil {
		return err
	}
	from, to = path.Clean(from), path.Clean(to)
	if _, ok := s.nodes[to]; ok {
		return fmt.Errorf("rename %s to %s: %w", from, to, storage.ErrExist)
	}
	if n, ok := s.nodes[path.Dir(to)]; !ok || !n.dir {
		return fmt.Errorf("rename %s to %s: parent: %w", from, to, storage.ErrNotExist)
	}
	for name, n := range maps.Clone(s.nodes) {
		if name == from || strings.HasPrefix(name, from+"/") {
			delete(s.nodes, name)
			s.nodes[to+strings.TrimPrefix(name, from)] = n
		}
	}
	return nil
}

// Remove implements storage.Store.
func (s *Store) Remove(ctx context.Context, name string) error {
	return s.remove(ctx, name, false)
}

// RemoveAll implements storage.Store.
func (s *Store) RemoveAll(ctx context.Context, name string) error {
	return s.remove(ctx, name, true)
}

func (s *Store) remove(ctx context.Context, name string, all bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	name = path.Clean(name)
	for other := range s.nodes {
		if !strings.HasPrefix(other, name+"/") {
			continue
		}
		if !all {
			return fmt.Errorf("remove %s: %w", name, storage.ErrNotEmpty)
		}
		delete(s.nodes, other)
	}
	delete(s.nodes, name)
	return nil
}

// Usage implements storage.Store: a terabyte less what is stored.
func (s *Store) Usage(ctx context.Context) (storage.Usage, error) {
	if err := ctx.Err(); err != nil {
		return storage.Usage{}, fmt.Errorf("usage: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := storage.Usage{Capacity: 1 << 40}
	for _, n := range s.nodes {
		u.Used += int64(len(n.data))
	}
	u.Free = u.Capacity - u.Used
	return u, nil
}

type reader struct {
	ctx  context.Context
	name string
	r    *bytes.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, fmt.Errorf("read %s: %w", r.name, err)
	}
	return r.r.Read(p)
}

func (r *reader) Close() error { return nil }

type writer struct {
	ctx   context.Context
	store *Store
	name  string
	block int64
	buf   bytes.Buffer
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, fmt.Errorf("write %s: %w", w.name, err)
	}
	return w.buf.Write(p)
}

func (w *writer) Commit() error {
	if err := w.ctx.Err(); err != nil {
		return fmt.Errorf("commit %s: %w", w.name, err)
	}
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if err := w.store.mkdirs(path.Dir(w.name)); err != nil {
		return fmt.Errorf("commit %s: %w", w.name, err)
	}
	w.store.put(w.name, node{data: w.buf.Bytes(), block: w.block})
	return nil
}

// put stores a file as a new one; the caller holds mu.
func (s *Store) put(name string, n node) {
	s.tags++
	n.modTime, n.tag = time.Now(), strconv.Itoa(s.tags)
	s.nodes[name] = n
}

// Copy implements storage.Copier.
func (s *Store) Copy(ctx context.Context, from, to string) error {
	n, err := s.file(ctx, "copy", from)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	to = path.Clean(to)
	if there, ok := s.nodes[to]; ok && there.dir {
		return fmt.Errorf("copy %s to %s: %w", from, to, storage.ErrIsDir)
	}
	if err := s.mkdirs(path.Dir(to)); err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, to, err)
	}
	s.put(to, n)
	return nil
}

func (w *writer) Abort() error {
	return nil
}

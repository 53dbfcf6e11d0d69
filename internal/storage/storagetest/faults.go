package storagetest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"drover/internal/storage"
)

// Op names a call that a fault can hit.
type Op string

// The calls of a store. Read and Write are those of an open file.
const (
	Stat     Op = "stat"
	Open     Op = "open"
	List     Op = "list"
	Checksum Op = "checksum"
	Create   Op = "create"
	Rename   Op = "rename"
	Read     Op = "read"
	Write    Op = "write"
	Commit   Op = "commit"
)

// Fault is scripted: at the Skip+1st and the following Times-1 calls of Op on a
// path that ends in Suffix it does Do, and fails the call with Err unless Err
// is nil.
type Fault struct {
	Op     Op
	Suffix string
	Skip   int
	Times  int // 1 when zero
	Err    error
	// Do runs before the call is failed or goes on: to move a file away in the
	// middle of a copy, for example.
	Do func()
}

// Faulty is a store whose calls fail as scripted. When the test ends it fails
// it for every fault that did not happen: a fault nobody met proves nothing.
type Faulty struct {
	storage.Store
	mu     sync.Mutex
	faults []*scripted
}

type scripted struct {
	Fault
	seen, hit int
}

var _ storage.Store = (*Faulty)(nil)

// WithFaults wraps a store.
func WithFaults(t testing.TB, store storage.Store, faults ...Fault) *Faulty {
	f := &Faulty{Store: store}
	for _, fault := range faults {
		fault.Times = max(fault.Times, 1)
		f.faults = append(f.faults, &scripted{Fault: fault})
	}
	t.Cleanup(func() {
		for _, s := range f.faults {
			if s.hit != s.Times {
				t.Errorf("fault %s of *%s happened %d times, want %d", s.Op, s.Suffix, s.hit, s.Times)
			}
		}
	})
	return f
}

func (f *Faulty) check(op Op, name string) error {
	f.mu.Lock()
	i := slices.IndexFunc(f.faults, func(s *scripted) bool {
		if s.Op != op || !strings.HasSuffix(name, s.Suffix) || s.hit == s.Times {
			return false
		}
		s.seen++
		return s.seen > s.Skip
	})
	if i < 0 {
		f.mu.Unlock()
		return nil
	}
	s := f.faults[i]
	s.hit++
	f.mu.Unlock()
	if s.Do != nil {
		s.Do()
	}
	if s.Err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", op, name, s.Err)
}

// Stat implements storage.Reader.
func (f *Faulty) Stat(ctx context.Context, name string) (storage.Object, error) {
	if err := f.check(Stat, name); err != nil {
		return storage.Object{}, err
	}
	return f.Store.Stat(ctx, name)
}

// List implements storage.Reader.
func (f *Faulty) List(ctx context.Context, dir string) ([]storage.Object, error) {
	if err := f.check(List, dir); err != nil {
		return nil, err
	}
	return f.Store.List(ctx, dir)
}

// Checksum implements storage.Reader.
func (f *Faulty) Checksum(ctx context.Context, name string) (storage.Checksum, error) {
	if err := f.check(Checksum, name); err != nil {
		return storage.Checksum{}, err
	}
	return f.Store.Checksum(ctx, name)
}

// Rename implements storage.Store.
func (f *Faulty) Rename(ctx context.Context, from, to string) error {
	if err := f.check(Rename, from); err != nil {
		return err
	}
	return f.Store.Rename(ctx, from, to)
}

// Open implements storage.Reader.
func (f *Faulty) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := f.check(Open, name); err != nil {
		return nil, err
	}
	r, err := f.Store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return &faultyReader{ReadCloser: r, store: f, name: name}, nil
}

// Create implements storage.Store.
func (f *Faulty) Create(ctx context.Context, name string, opt storage.CreateOptions) (storage.Writer, error) {
	if err := f.check(Create, name); err != nil {
		return nil, err
	}
	w, err := f.Store.Create(ctx, name, opt)
	if err != nil {
		return nil, err
	}
	return &faultyWriter{Writer: w, store: f, name: name}, nil
}

type faultyReader struct {
	io.ReadCloser
	store *Faulty
	name  string
}

func (r *faultyReader) Read(p []byte) (int, error) {
	if err := r.store.check(Read, r.name); err != nil {
		return 0, err
	}
	return r.ReadCloser.Read(p)
}

type faultyWriter struct {
	storage.Writer
	store *Faulty
	name  string
}

func (w *faultyWriter) Write(p []byte) (int, error) {
	if err := w.store.check(Write, w.name); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}

func (w *faultyWriter) Commit() error {
	if err := w.store.check(Commit, w.name); err != nil {
		return err
	}
	return w.Writer.Commit()
}

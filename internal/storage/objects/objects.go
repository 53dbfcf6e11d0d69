// Package objects makes a store of a flat space of keys: what the drivers of
// object stores have in common, so that a driver is its requests and its errors.
//
// A path is the key without its first slash. A directory is an empty object
// whose key ends in a slash, as most tools make it, or is there because a key
// lies below it; such a one goes with the last of them. What an object store has
// no call for is refused and not imitated: a rename of many objects is no step.
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"drover/internal/storage"
)

// Entry is an object, or in a listing a common prefix, whose key ends in a slash.
type Entry struct {
	Key      string
	Size     int64
	Modified time.Time
	Tag      string // the ETag, without quotes
}

// Query says what to list, in the order of keys.
type Query struct {
	Prefix string
	// Below lists every key that begins with the prefix; otherwise those with
	// another slash behind it are one common prefix.
	Below bool
	// Page is how many keys one request asks for; 0 leaves it to the store.
	Page int
}

// Bucket is what a driver gives. Its errors are those of package storage, or say
// nothing about whether an object exists; they need not name the key.
type Bucket interface {
	// Head describes an object.
	Head(ctx context.Context, key string) (Entry, error)
	// Get reads an object from its first byte.
	Get(ctx context.Context, key string) (io.ReadCloser, error)
	// Put makes an object of data, or replaces one, and proves that the store
	// received these bytes.
	Put(ctx context.Context, key string, data []byte) error
	// Begin begins an object of several parts.
	Begin(ctx context.Context, key string) (Upload, error)
	// Copy makes a copy inside the bucket, of any size.
	Copy(ctx context.Context, from, to string) error
	// Delete removes objects; one that is absent is no error.
	Delete(ctx context.Context, keys []string) error
	// List calls each with what a query yields until it returns false.
	List(ctx context.Context, q Query, each func(Entry) bool) error
}

// Upload is an object whose parts are being sent. Nothing is seen of it before
// Complete.
type Upload interface {
	// Part sends the next part and proves that the store received it. data is
	// the caller's again afterwards.
	Part(ctx context.Context, data []byte) error
	Complete(ctx context.Context) error
	// Abort removes the parts.
	Abort(ctx context.Context) error
}

// deleteEach is how many objects one request removes: what S3 and OSS allow.
const deleteEach = 1000

// Store is the bucket as a store, safe for concurrent use.
type Store struct {
	Bucket Bucket
	// Name of the bucket, for errors.
	Name string
	// PartSize is the size of the first parts of a large object, in bytes;
	// 16 MiB when zero. It doubles every thousand parts: with it fewer than the
	// 10,000 parts that S3 and OSS allow hold more than an object may have.
	PartSize int
}

var (
	_ storage.Store  = (*Store)(nil)
	_ storage.Copier = (*Store)(nil)
)

// key of the object at a path; "" is the bucket itself.
func key(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// prefix of the keys in a directory.
func prefix(dir string) string {
	if k := key(dir); k != "" {
		return k + "/"
	}
	return ""
}

// failed names the operation and the path; the end of the context goes before
// whatever came of it.
func failed(ctx context.Context, op, name string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("%s %s: %w", op, name, err)
}

func object(name string, e Entry) storage.Object {
	return storage.Object{Path: name, Size: e.Size, ModTime: e.Modified, Tag: e.Tag}
}

// Stat implements storage.Reader.
func (s *Store) Stat(ctx context.Context, name string) (storage.Object, error) {
	name = path.Clean("/" + name)
	if name != "/" {
		e, err := s.Bucket.Head(ctx, key(name))
		if err == nil {
			return object(name, e), nil
		}
		if !errors.Is(err, storage.ErrNotExist) {
			return storage.Object{}, failed(ctx, "stat", name, err)
		}
	}
	dir, err := s.dir(ctx, name)
	if err == nil && !dir.there {
		err = storage.ErrNotExist
	}
	if err != nil {
		return storage.Object{}, failed(ctx, "stat", name, err)
	}
	return storage.Object{Path: name, IsDir: true, ModTime: dir.made}, nil
}

// found is what a look at a directory shows.
type found struct {
	there bool
	made  time.Time // of the object that stands for the directory, if there is one
	used  bool      // keys lie below it
}

// dir looks whether a directory is there, by at most two keys of it. The bucket
// is one as long as it is there.
func (s *Store) dir(ctx context.Context, name string) (found, error) {
	f := found{there: key(name) == ""}
	n := 0
	err := s.Bucket.List(ctx, Query{Prefix: prefix(name), Below: true, Page: 2}, func(e Entry) bool {
		f.there = true
		if e.Key == prefix(name) {
			f.made = e.Modified
		} else {
			f.used = true
		}
		n++
		return n < 2
	})
	return f, err
}

// List implements storage.Reader. A key that is both an object and the beginning
// of others cannot be in a file system: it is an error that names it.
func (s *Store) List(ctx context.Context, dir string) ([]storage.Object, error) {
	dir = path.Clean("/" + dir)
	var out []storage.Object
	there := dir == "/"
	err := s.Bucket.List(ctx, Query{Prefix: prefix(dir)}, func(e Entry) bool {
		there = true
		switch name := strings.TrimSuffix(strings.TrimPrefix(e.Key, prefix(dir)), "/"); {
		case name == "":
		case strings.HasSuffix(e.Key, "/"):
			out = append(out, storage.Object{Path: path.Join(dir, name), IsDir: true, ModTime: e.Modified})
		default:
			out = append(out, object(path.Join(dir, name), e))
		}
		return true
	})
	if err == nil && !there {
		err = storage.ErrNotExist
	}
	if err != nil {
		return nil, failed(ctx, "list", dir, err)
	}
	slices.SortFunc(out, func(a, b storage.Object) int { return strings.Compare(a.Path, b.Path) })
	for i := 1; i < len(out); i++ {
		if out[i].Path == out[i-1].Path {
			return nil, fmt.Errorf("list %s: %s is an object, and there are others below it: %w", dir, out[i].Path, errors.ErrUnsupported)
		}
	}
	return out, nil
}

// Open implements storage.Reader.
func (s *Store) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if key(name) == "" {
		return nil, failed(ctx, "open", name, storage.ErrIsDir)
	}
	body, err := s.Bucket.Get(ctx, key(name))
	if err == nil {
		return &reader{ctx: ctx, name: name, body: body}, nil
	}
	if errors.Is(err, storage.ErrNotExist) {
		if dir, look := s.dir(ctx, name); look != nil {
			err = look
		} else if dir.there {
			err = storage.ErrIsDir
		}
	}
	return nil, failed(ctx, "open", name, err)
}

type reader struct {
	ctx  context.Context
	name string
	body io.ReadCloser
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = failed(r.ctx, "read", r.name, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.body.Close() }

// Checksum implements storage.Reader. It reads the whole object.
func (s *Store) Checksum(ctx context.Context, name string) (storage.Checksum, error) {
	r, err := s.Open(ctx, name)
	if err != nil {
		return storage.Checksum{}, err
	}
	defer r.Close() //nolint:errcheck // only read
	sum := storage.NewSummer(0)
	if _, err := io.Copy(sum, r); err != nil {
		return storage.Checksum{}, fmt.Errorf("checksum of %s: %w", name, err)
	}
	return sum.Checksum(), nil
}

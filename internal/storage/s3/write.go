package s3

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // Content-MD5 is what every S3 checks
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"drover/internal/storage"
)

const (
	// partSize is the size of the first parts of a large object, in bytes. It
	// doubles every growAfter parts: with it a thousand parts less than S3
	// allows (10,000) hold more than an object may have (5 TiB).
	partSize  = 16 << 20
	growAfter = 1000
	// cleanupWait bounds the removal of what was given up.
	cleanupWait = 5 * time.Second
	contentType = "application/octet-stream"
)

// Create implements storage.Store. The object appears at Commit, whole.
func (s *Store) Create(ctx context.Context, name string, _ storage.CreateOptions) (storage.Writer, error) {
	dir, err := s.dir(ctx, name)
	if err == nil && dir.there {
		err = storage.ErrIsDir
	}
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	return &writer{ctx: ctx, store: s, name: name}, nil
}

// writer gathers a part at a time; an object that fits into the first is put by
// one request.
type writer struct {
	ctx    context.Context
	store  *Store
	name   string
	part   bytes.Buffer
	upload string // id of the multipart upload, once there is one
	parts  []minio.CompletePart
	done   bool
}

func (w *writer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if err := w.ctx.Err(); err != nil {
			return written, fmt.Errorf("write %s: %w", w.name, err)
		}
		full := partSize << (len(w.parts) / growAfter)
		n := min(len(p), full-w.part.Len())
		w.part.Write(p[:n])
		p, written = p[n:], written+n
		if w.part.Len() == full {
			if err := w.send(); err != nil {
				return written, fmt.Errorf("write %s: %w", w.name, err)
			}
		}
	}
	return written, nil
}

func sumOf(p []byte) string {
	sum := md5.Sum(p) //nolint:gosec // see above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// send uploads the part that was gathered.
func (w *writer) send() error {
	s := w.store
	if w.upload == "" {
		id, err := s.core.NewMultipartUpload(w.ctx, s.bucket, key(w.name), minio.PutObjectOptions{ContentType: contentType})
		if err != nil {
			return cause(w.ctx, err)
		}
		w.upload = id
	}
	number := len(w.parts) + 1
	part, err := s.core.PutObjectPart(w.ctx, s.bucket, key(w.name), w.upload, number, bytes.NewReader(w.part.Bytes()), int64(w.part.Len()),
		minio.PutObjectPartOptions{Md5Base64: sumOf(w.part.Bytes())})
	if err != nil {
		return cause(w.ctx, err)
	}
	w.parts = append(w.parts, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	w.part.Reset()
	return nil
}

func (w *writer) Commit() error {
	err := w.ctx.Err()
	if err == nil {
		err = w.complete()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("commit %s: %w", w.name, err), w.Abort())
	}
	w.done = true
	return nil
}

func (w *writer) complete() error {
	s := w.store
	if w.upload == "" {
		return s.put(w.ctx, key(w.name), w.part.Bytes())
	}
	if w.part.Len() > 0 {
		if err := w.send(); err != nil {
			return err
		}
	}
	_, err := s.core.CompleteMultipartUpload(w.ctx, s.bucket, key(w.name), w.upload, w.parts, minio.PutObjectOptions{})
	return cause(w.ctx, err)
}

// put makes an object of bytes by one request.
func (s *Store) put(ctx context.Context, at string, data []byte) error {
	_, err := s.core.PutObject(ctx, s.bucket, at, bytes.NewReader(data), int64(len(data)), sumOf(data), "", minio.PutObjectOptions{ContentType: contentType})
	return cause(ctx, err)
}

// Abort removes the parts that were uploaded, which would else be kept, and
// paid for, unseen.
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	if w.upload == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), cleanupWait)
	defer cancel()
	err := cause(ctx, w.store.core.AbortMultipartUpload(ctx, w.store.bucket, key(w.name), w.upload))
	if err != nil {
		return fmt.Errorf("abort the upload %s of %s: %w", w.upload, w.name, err)
	}
	return nil
}

// Mkdirs implements storage.Store: the directory itself becomes an object, its
// parents are there for it.
func (s *Store) Mkdirs(ctx context.Context, dir string) error {
	if key(dir) == "" {
		return ctx.Err()
	}
	if err := s.put(ctx, prefix(dir), nil); err != nil {
		return fmt.Errorf("mkdirs %s: %w", dir, err)
	}
	return nil
}

// Rename implements storage.Store: S3 has no such step.
func (s *Store) Rename(_ context.Context, from, to string) error {
	return fmt.Errorf("rename %s to %s: objects cannot be renamed: %w", from, to, errors.ErrUnsupported)
}

// Usage implements storage.Store: a bucket has no bounds.
func (s *Store) Usage(context.Context) (storage.Usage, error) {
	return storage.Usage{}, fmt.Errorf("usage of bucket %s: %w", s.bucket, errors.ErrUnsupported)
}

// Copy implements storage.Copier: by one request, or by parts where the object
// is larger than that takes (5 GiB).
func (s *Store) Copy(ctx context.Context, from, to string) error {
	dir, err := s.dir(ctx, to)
	if err == nil && dir.there {
		err = storage.ErrIsDir
	}
	if err == nil {
		_, err = s.core.ComposeObject(ctx, minio.CopyDestOptions{Bucket: s.bucket, Object: key(to)}, minio.CopySrcOptions{Bucket: s.bucket, Object: key(from)})
		err = cause(ctx, err)
	}
	if err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, to, err)
	}
	return nil
}

// Remove implements storage.Store.
func (s *Store) Remove(ctx context.Context, name string) error {
	dir, err := s.dir(ctx, name)
	at := key(name)
	switch {
	case err != nil:
	case dir.used:
		err = storage.ErrNotEmpty
	case dir.there:
		at = prefix(name)
		fallthrough
	default:
		err = cause(ctx, s.core.RemoveObject(ctx, s.bucket, at, minio.RemoveObjectOptions{}))
	}
	if err == nil || errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("remove %s: %w", name, err)
}

// RemoveAll implements storage.Store. Directories go last, the deepest first:
// stores over a file system cannot remove one that is in use.
func (s *Store) RemoveAll(ctx context.Context, name string) error {
	var dirs []string
	var listing error
	err := s.removeEach(ctx, func(yield func(minio.ObjectInfo) bool) {
		if k := key(name); k != "" && !yield(minio.ObjectInfo{Key: k}) {
			return
		}
		listing = s.each(ctx, minio.ListObjectsOptions{Prefix: prefix(name), Recursive: true}, func(o minio.ObjectInfo) bool {
			if strings.HasSuffix(o.Key, "/") {
				dirs = append(dirs, o.Key)
				return true
			}
			return yield(o)
		})
	})
	if err = errors.Join(err, listing); err == nil {
		slices.Sort(dirs)
		for _, at := range slices.Backward(dirs) {
			if err = cause(ctx, s.core.RemoveObject(ctx, s.bucket, at, minio.RemoveObjectOptions{})); err != nil && !errors.Is(err, storage.ErrNotExist) {
				break
			}
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("remove tree %s: %w", path.Clean("/"+name), err)
	}
	return nil
}

// removeEach removes what objects yields, many by one request.
func (s *Store) removeEach(ctx context.Context, objects func(yield func(minio.ObjectInfo) bool)) error {
	results, err := s.core.RemoveObjectsWithIter(ctx, s.bucket, objects, minio.RemoveObjectsOptions{})
	if err != nil {
		return cause(ctx, err)
	}
	for r := range results {
		if err := cause(ctx, r.Err); err != nil && !errors.Is(err, storage.ErrNotExist) {
			return fmt.Errorf("%s: %w", r.ObjectName, err)
		}
	}
	return ctx.Err()
}

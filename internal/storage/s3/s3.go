// Package s3 is the storage driver for S3 and for stores that speak its
// protocol, and the only importer of github.com/minio/minio-go.
//
// A path is the key without its first slash. A directory is an empty object
// whose key ends in a slash, as most tools make it, or is there because a key
// lies below it; such a one goes with the last of them. What S3 has no call for
// is refused and not imitated: a rename of many objects is no step.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"drover/internal/storage"
)

// Config says which bucket to use and as whom.
type Config struct {
	// Endpoint is the address of the service, for instance
	// https://s3.eu-west-1.amazonaws.com or http://127.0.0.1:7070.
	Endpoint string
	// Region of the bucket; us-east-1 when empty.
	Region string
	Bucket string
	// Keys returns the access key and the secret key; it is asked once, at the
	// first request.
	Keys func() (access, secret string, err error)
	// PathStyle puts the bucket into the path of the address instead of its
	// host name, as stores other than Amazon's want it.
	PathStyle bool
	// Retries is how often a request is tried that failed at the transport or
	// with an error of the server; 5 when zero.
	Retries int
}

// Store is a bucket, safe for concurrent use.
type Store struct {
	bucket    string
	core      minio.Core
	transport *http.Transport
}

var (
	_ storage.Store  = (*Store)(nil)
	_ storage.Copier = (*Store)(nil)
)

// Open returns the store. It connects at the first operation.
func Open(cfg Config) (*Store, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("open s3: endpoint %q: write https://host or http://host:port", cfg.Endpoint)
	}
	if cfg.Bucket == "" || cfg.Keys == nil {
		return nil, errors.New("open s3: a bucket and its keys are needed")
	}
	transport, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, fmt.Errorf("open s3: %w", err)
	}
	opt := &minio.Options{
		Creds: credentials.New(keys(cfg.Keys)), Secure: u.Scheme == "https", Transport: transport,
		Region: cfg.Region, MaxRetries: cfg.Retries,
	}
	if opt.Region == "" {
		opt.Region = "us-east-1" // asking for it would be one more permission to have
	}
	if opt.MaxRetries <= 0 {
		opt.MaxRetries = 5
	}
	if cfg.PathStyle {
		opt.BucketLookup = minio.BucketLookupPath
	}
	core, err := minio.NewCore(u.Host, opt)
	if err != nil {
		return nil, fmt.Errorf("open s3: %w", err)
	}
	return &Store{bucket: cfg.Bucket, core: *core, transport: transport}, nil
}

// Close closes idle connections.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// keys is a provider of credentials that do not expire.
type keys func() (access, secret string, err error)

func (k keys) Retrieve() (credentials.Value, error) {
	access, secret, err := k()
	return credentials.Value{AccessKeyID: access, SecretAccessKey: secret, SignerType: credentials.SignatureV4}, err
}

func (k keys) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return k.Retrieve()
}

func (keys) IsExpired() bool { return false }

// key of the object at a path; "" is the bucket itself.
func key(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// prefix of the keys in a directory.
func prefix(dir string) string {
	if k := key(dir); k != "" {
		return k + "/"
	}
	return ""
}

func object(name string, info minio.ObjectInfo) storage.Object {
	return storage.Object{Path: name, Size: info.Size, ModTime: info.LastModified, Tag: strings.Trim(info.ETag, `"`)}
}

// Stat implements storage.Reader.
func (s *Store) Stat(ctx context.Context, name string) (storage.Object, error) {
	name = path.Clean("/" + name)
	if name != "/" {
		info, err := s.core.StatObject(ctx, s.bucket, key(name), minio.StatObjectOptions{})
		if err == nil {
			return object(name, info), nil
		}
		if err = cause(ctx, err); !errors.Is(err, storage.ErrNotExist) {
			return storage.Object{}, fmt.Errorf("stat %s: %w", name, err)
		}
	}
	dir, err := s.dir(ctx, name)
	switch {
	case err != nil:
		return storage.Object{}, fmt.Errorf("stat %s: %w", name, err)
	case !dir.there:
		return storage.Object{}, fmt.Errorf("stat %s: %w", name, storage.ErrNotExist)
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
	err := s.each(ctx, minio.ListObjectsOptions{Prefix: prefix(name), Recursive: true, MaxKeys: 2}, func(o minio.ObjectInfo) bool {
		f.there = true
		if o.Key == prefix(name) {
			f.made = o.LastModified
		} else {
			f.used = true
		}
		n++
		return n < 2
	})
	return f, err
}

// each calls fn with what a listing yields, until fn returns false.
func (s *Store) each(ctx context.Context, opt minio.ListObjectsOptions, fn func(minio.ObjectInfo) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range s.core.ListObjectsIter(ctx, s.bucket, opt) {
		if o.Err != nil {
			return cause(ctx, o.Err)
		}
		if !fn(o) {
			return nil
		}
	}
	return ctx.Err()
}

// List implements storage.Reader. A key that is both an object and the beginning
// of others cannot be in a file system: it is an error that names it.
func (s *Store) List(ctx context.Context, dir string) ([]storage.Object, error) {
	dir = path.Clean("/" + dir)
	var out []storage.Object
	there := dir == "/"
	err := s.each(ctx, minio.ListObjectsOptions{Prefix: prefix(dir)}, func(o minio.ObjectInfo) bool {
		there = true
		switch name := strings.TrimSuffix(strings.TrimPrefix(o.Key, prefix(dir)), "/"); {
		case name == "":
		case strings.HasSuffix(o.Key, "/"):
			out = append(out, storage.Object{Path: path.Join(dir, name), IsDir: true, ModTime: o.LastModified})
		default:
			out = append(out, object(path.Join(dir, name), o))
		}
		return true
	})
	if err == nil && !there {
		err = storage.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
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
		return nil, fmt.Errorf("open %s: %w", name, storage.ErrIsDir)
	}
	body, _, _, err := s.core.GetObject(ctx, s.bucket, key(name), minio.GetObjectOptions{})
	if err == nil {
		return &reader{ctx: ctx, name: name, body: body}, nil
	}
	if err = cause(ctx, err); errors.Is(err, storage.ErrNotExist) {
		if dir, look := s.dir(ctx, name); look != nil {
			err = look
		} else if dir.there {
			err = storage.ErrIsDir
		}
	}
	return nil, fmt.Errorf("open %s: %w", name, err)
}

type reader struct {
	ctx  context.Context
	name string
	body io.ReadCloser
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read %s: %w", r.name, cause(r.ctx, err))
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

// cause maps an answer of the server to an error of the contract. Only an answer
// that names the key says that the object is not there.
func cause(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.Code {
	case minio.NoSuchKey:
		return storage.ErrNotExist
	case minio.AccessDenied, "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return fmt.Errorf("%w: %s: %s (request %s)", storage.ErrDenied, answer.Code, answer.Message, answer.RequestID)
	}
	return fmt.Errorf("%s: %s (status %d, request %s)", answer.Code, answer.Message, answer.StatusCode, answer.RequestID)
}

// Package s3 is the storage driver for S3 and for stores that speak its
// protocol, and the only importer of github.com/minio/minio-go. How paths become
// keys is package objects'.
package s3

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // Content-MD5 is what every S3 checks
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"drover/internal/storage"
	"drover/internal/storage/objects"
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
	// Tries is how often a request is sent that failed at the transport or with
	// an error of the server; 5 when zero.
	Tries int
}

// Store is a bucket, safe for concurrent use.
type Store struct {
	objects.Store
	transport *http.Transport
}

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
		Region: cfg.Region, MaxRetries: cfg.Tries,
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
	return &Store{objects.Store{Bucket: &bucket{core: *core, name: cfg.Bucket}, Name: cfg.Bucket}, transport}, nil
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

// bucket is an objects.Bucket.
type bucket struct {
	core minio.Core
	name string
}

const contentType = "application/octet-stream"

func entry(info minio.ObjectInfo) objects.Entry {
	return objects.Entry{Key: info.Key, Size: info.Size, Modified: info.LastModified, Tag: strings.Trim(info.ETag, `"`)}
}

func (b *bucket) Head(ctx context.Context, key string) (objects.Entry, error) {
	info, err := b.core.StatObject(ctx, b.name, key, minio.StatObjectOptions{})
	return entry(info), cause(err)
}

func (b *bucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	body, _, _, err := b.core.GetObject(ctx, b.name, key, minio.GetObjectOptions{})
	return body, cause(err)
}

// sumOf is the Content-MD5 of data, which is signed and which the server
// compares. A signature over the data besides would, without TLS, be sent in
// chunks: versitygw takes the last chunk of an empty object for the next request
// of the connection (tested).
func sumOf(data []byte) string {
	sum := md5.Sum(data) //nolint:gosec // see above
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (b *bucket) Put(ctx context.Context, key string, data []byte) error {
	_, err := b.core.PutObject(ctx, b.name, key, bytes.NewReader(data), int64(len(data)), sumOf(data), "", minio.PutObjectOptions{ContentType: contentType, DisableContentSha256: true})
	return cause(err)
}

// Copy is one request, or several where the object is larger than that takes
// (5 GiB).
func (b *bucket) Copy(ctx context.Context, from, to string) error {
	_, err := b.core.ComposeObject(ctx, minio.CopyDestOptions{Bucket: b.name, Object: to}, minio.CopySrcOptions{Bucket: b.name, Object: from})
	return cause(err)
}

func (b *bucket) Delete(ctx context.Context, keys []string) error {
	if len(keys) == 1 {
		return gone(b.core.RemoveObject(ctx, b.name, keys[0], minio.RemoveObjectOptions{}))
	}
	each := func(yield func(minio.ObjectInfo) bool) {
		for _, k := range keys {
			if !yield(minio.ObjectInfo{Key: k}) {
				return
			}
		}
	}
	results, err := b.core.RemoveObjectsWithIter(ctx, b.name, each, minio.RemoveObjectsOptions{})
	if err != nil {
		return cause(err)
	}
	for r := range results {
		if err := gone(r.Err); err != nil {
			return fmt.Errorf("%s: %w", r.ObjectName, err)
		}
	}
	return ctx.Err()
}

// gone is cause where an object that is not there is as good as removed.
func gone(err error) error {
	if err = cause(err); errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	return err
}

func (b *bucket) List(ctx context.Context, q objects.Query, each func(objects.Entry) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opt := minio.ListObjectsOptions{Prefix: q.Prefix, Recursive: q.Below, MaxKeys: q.Page}
	for o := range b.core.ListObjectsIter(ctx, b.name, opt) {
		if o.Err != nil {
			return cause(o.Err)
		}
		if !each(entry(o)) {
			return nil
		}
	}
	return ctx.Err()
}

func (b *bucket) Begin(ctx context.Context, key string) (objects.Upload, error) {
	id, err := b.core.NewMultipartUpload(ctx, b.name, key, minio.PutObjectOptions{ContentType: contentType})
	if err != nil {
		return nil, cause(err)
	}
	return &upload{bucket: b, key: key, id: id}, nil
}

type upload struct {
	*bucket
	key, id string
	parts   []minio.CompletePart
}

func (u *upload) Part(ctx context.Context, data []byte) error {
	number := len(u.parts) + 1
	part, err := u.core.PutObjectPart(ctx, u.name, u.key, u.id, number, bytes.NewReader(data), int64(len(data)), minio.PutObjectPartOptions{Md5Base64: sumOf(data), DisableContentSha256: true})
	if err != nil {
		return cause(err)
	}
	u.parts = append(u.parts, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	return nil
}

func (u *upload) Complete(ctx context.Context) error {
	_, err := u.core.CompleteMultipartUpload(ctx, u.name, u.key, u.id, u.parts, minio.PutObjectOptions{})
	return cause(err)
}

func (u *upload) Abort(ctx context.Context) error {
	return cause(u.core.AbortMultipartUpload(ctx, u.name, u.key, u.id))
}

// cause maps an answer of the server to an error of the contract. Only an answer
// that names the key says that the object is not there.
func cause(err error) error {
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

// Package oss is the storage driver for Alibaba Cloud's object store, and the
// only importer of github.com/aliyun/aliyun-oss-go-sdk. How paths become keys is
// package objects'.
//
// The driver adds what that client lacks: a request that failed at the transport
// or with an error of the server is sent again; the CRC64 that the store computed
// of what it received is compared with ours, the one of a whole object of many
// parts too, and where the store sends none the write fails; what is read is
// compared with the object's CRC64 where it has one, which an object made by a
// copy need not have.
package oss

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aliyun/aliyun-oss-go-sdk/oss"
	"github.com/cenkalti/backoff/v5"

	"drover/internal/storage"
	"drover/internal/storage/objects"
)

// Config says which bucket to use and as whom.
type Config struct {
	// Endpoint is the address of the service, for instance
	// https://oss-cn-hangzhou.aliyuncs.com. A bucket is a part of the host name,
	// and of the path where the endpoint is an IP address.
	Endpoint string
	Bucket   string
	// Keys returns the AccessKey ID and the AccessKey secret; it is asked at
	// every request.
	Keys func() (id, secret string, err error)
	// Tries is how often a request is sent that failed at the transport or with
	// an error of the server; 5 when zero.
	Tries uint
}

const (
	dialTimeout = 10 * time.Second
	// answerTimeout bounds the wait for an answer to begin, which for the end of
	// an upload of many parts takes the longest.
	answerTimeout = 2 * time.Minute
	firstPause    = 200 * time.Millisecond
)

// Store is a bucket, safe for concurrent use.
type Store struct {
	objects.Store
	transport *http.Transport
}

// Open returns the store. It connects at the first operation.
func Open(cfg Config) (*Store, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("open oss: endpoint %q: write https://oss-cn-hangzhou.aliyuncs.com or the like", cfg.Endpoint)
	}
	if cfg.Bucket == "" || cfg.Keys == nil {
		return nil, errors.New("open oss: a bucket and its keys are needed")
	}
	if cfg.Tries == 0 {
		cfg.Tries = 5
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       time.Minute,
		ResponseHeaderTimeout: answerTimeout,
		DisableCompression:    true,
	}
	plain := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	client, err := sdk.New(u.Scheme+"://"+u.Host, "", "", sdk.HTTPClient(plain), sdk.SetCredentialsProvider(keys(cfg.Keys)))
	if err != nil {
		return nil, fmt.Errorf("open oss: %w", err)
	}
	b, err := client.Bucket(cfg.Bucket)
	if err != nil {
		return nil, fmt.Errorf("open oss: %w", err)
	}
	return &Store{objects.Store{Bucket: &bucket{sdk: b, tries: cfg.Tries}, Name: cfg.Bucket}, transport}, nil
}

// Close closes idle connections.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// keys is a provider of credentials.
type keys func() (id, secret string, err error)

type pair struct{ id, secret string }

func (p pair) GetAccessKeyID() string     { return p.id }
func (p pair) GetAccessKeySecret() string { return p.secret }
func (pair) GetSecurityToken() string     { return "" }

// GetCredentials is not called where GetCredentialsE is there.
func (k keys) GetCredentials() sdk.Credentials {
	id, secret, _ := k() //nolint:errcheck // see above
	return pair{id, secret}
}

func (k keys) GetCredentialsE() (sdk.Credentials, error) {
	id, secret, err := k()
	return pair{id, secret}, err
}

// bucket is an objects.Bucket.
type bucket struct {
	sdk   *sdk.Bucket
	tries uint
}

var ecma = crc64.MakeTable(crc64.ECMA)

// try does a request until it is answered for good. It must be repeatable.
func (b *bucket) try(ctx context.Context, request func(opt sdk.Option) error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval = firstPause
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := request(sdk.WithContext(ctx))
		if err != nil && !passing(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pause), backoff.WithMaxTries(b.tries), backoff.WithMaxElapsedTime(0))
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return cause(err)
}

// passing reports whether the same request may succeed later.
func passing(err error) bool {
	var answer sdk.ServiceError
	if errors.As(err, &answer) {
		return answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusRequestTimeout
	}
	var crc sdk.CRCCheckError
	var transport *url.Error
	return errors.As(err, &crc) || errors.As(err, &transport)
}

// cause maps an answer of the server to an error of the contract.
func cause(err error) error {
	var answer sdk.ServiceError
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.Code {
	case "NoSuchKey":
		return storage.ErrNotExist
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return fmt.Errorf("%w: %s: %s (request %s)", storage.ErrDenied, answer.Code, answer.Message, answer.RequestID)
	}
	return fmt.Errorf("%s: %s (status %d, request %s)", answer.Code, answer.Message, answer.StatusCode, answer.RequestID)
}

// proved compares the CRC64 that the store sent with ours. None is no proof.
func proved(h http.Header, want uint64) error {
	text := h.Get(sdk.HTTPHeaderOssCRC64)
	if text == "" {
		return errors.New("the store did not send the CRC64 of what it received")
	}
	got, err := strconv.ParseUint(text, 10, 64)
	if err != nil || got != want {
		return fmt.Errorf("the store received other bytes: their CRC64 is %s, not %d", text, want)
	}
	return nil
}

func (b *bucket) Put(ctx context.Context, key string, data []byte) error {
	var h http.Header
	err := b.try(ctx, func(opt sdk.Option) error {
		return b.sdk.PutObject(key, bytes.NewReader(data), opt, sdk.GetResponseHeader(&h), sdk.ContentType("application/octet-stream"))
	})
	if err != nil {
		return err
	}
	return proved(h, crc64.Checksum(data, ecma))
}

func (b *bucket) Head(ctx context.Context, key string) (objects.Entry, error) {
	var h http.Header
	err := b.try(ctx, func(opt sdk.Option) (err error) {
		h, err = b.sdk.GetObjectDetailedMeta(key, opt)
		return absentWithoutBody(err)
	})
	if err != nil {
		return objects.Entry{}, err
	}
	e := objects.Entry{Key: key, Tag: strings.Trim(h.Get("Etag"), `"`)}
	if e.Size, err = strconv.ParseInt(h.Get("Content-Length"), 10, 64); err != nil {
		return objects.Entry{}, fmt.Errorf("the length of the object: %w", err)
	}
	if e.Modified, err = http.ParseTime(h.Get("Last-Modified")); err != nil {
		return objects.Entry{}, fmt.Errorf("the modification time of the object: %w", err)
	}
	return e, nil
}

// absentWithoutBody names the one error that an answer to HEAD may have no room
// for. Whether the bucket is there shows the listing that follows.
func absentWithoutBody(err error) error {
	var answer sdk.ServiceError
	if errors.As(err, &answer) && answer.Code == "" && answer.StatusCode == http.StatusNotFound {
		answer.Code = "NoSuchKey"
		return answer
	}
	return err
}

func (b *bucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	var got *sdk.GetObjectResult
	err := b.try(ctx, func(opt sdk.Option) (err error) {
		got, err = b.sdk.DoGetObject(&sdk.GetObjectRequest{ObjectKey: key}, []sdk.Option{opt})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &reader{got}, nil
}

// reader compares at the end what was read with the object's CRC64.
type reader struct{ *sdk.GetObjectResult }

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.Response.Body.Read(p)
	if !errors.Is(err, io.EOF) || r.Response.Headers.Get(sdk.HTTPHeaderOssCRC64) == "" {
		return n, err
	}
	if got := r.ClientCRC.Sum64(); got != r.ServerCRC {
		return n, fmt.Errorf("other bytes came than the store keeps: their CRC64 is %d, not %d", got, r.ServerCRC)
	}
	return n, err
}

func (r *reader) Close() error { return r.Response.Body.Close() }

func (b *bucket) Delete(ctx context.Context, keys []string) error {
	if len(keys) == 1 {
		return b.try(ctx, func(opt sdk.Option) error { return b.sdk.DeleteObject(keys[0], opt) })
	}
	return b.try(ctx, func(opt sdk.Option) error {
		done, err := b.sdk.DeleteObjects(keys, opt)
		if err == nil && len(done.DeletedObjects) != len(keys) {
			err = fmt.Errorf("%d of %d objects were removed", len(done.DeletedObjects), len(keys))
		}
		return err
	})
}

func (b *bucket) List(ctx context.Context, q objects.Query, each func(objects.Entry) bool) error {
	options := []sdk.Option{sdk.Prefix(q.Prefix), sdk.MaxKeys(1000)}
	if !q.Below {
		options = append(options, sdk.Delimiter("/"))
	}
	if q.Page > 0 {
		options[1] = sdk.MaxKeys(q.Page)
	}
	for token := ""; ; {
		var page sdk.ListObjectsResultV2
		err := b.try(ctx, func(opt sdk.Option) (err error) {
			page, err = b.sdk.ListObjectsV2(append(options[:len(options):len(options)], opt, sdk.ContinuationToken(token))...)
			return err
		})
		if err != nil {
			return err
		}
		for _, o := range page.Objects {
			if !each(objects.Entry{Key: o.Key, Size: o.Size, Modified: o.LastModified, Tag: strings.Trim(o.ETag, `"`)}) {
				return nil
			}
		}
		for _, p := range page.CommonPrefixes {
			if !each(objects.Entry{Key: p}) {
				return nil
			}
		}
		if !page.IsTruncated {
			return ctx.Err()
		}
		if token = page.NextContinuationToken; token == "" {
			return errors.New("the store announced another page and did not say where it begins")
		}
	}
}

package oss

import (
	"bytes"
	"context"
	"errors"
	"hash/crc64"
	"net/http"
	"time"

	sdk "github.com/aliyun/aliyun-oss-go-sdk/oss"

	"drover/internal/storage/objects"
)

func (b *bucket) Begin(ctx context.Context, key string) (objects.Upload, error) {
	u := &upload{bucket: b}
	err := b.try(ctx, func(opt sdk.Option) (err error) {
		u.begun, err = b.sdk.InitiateMultipartUpload(key, opt, sdk.ContentType("application/octet-stream"))
		return err
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// upload is an objects.Upload.
type upload struct {
	*bucket
	begun sdk.InitiateMultipartUploadResult
	parts []sdk.UploadPart
	crc   uint64 // of all parts so far
}

func (u *upload) Part(ctx context.Context, data []byte) error {
	var h http.Header
	err := u.try(ctx, func(opt sdk.Option) error {
		part, err := u.sdk.UploadPart(u.begun, bytes.NewReader(data), int64(len(data)), len(u.parts)+1, opt, sdk.GetResponseHeader(&h))
		if err == nil {
			u.parts = append(u.parts, part)
		}
		return err
	})
	if err != nil {
		return err
	}
	u.crc = crc64.Update(u.crc, ecma, data)
	return proved(h, crc64.Checksum(data, ecma))
}

// Complete also proves that the parts were put together in their order: the
// client library does not look.
func (u *upload) Complete(ctx context.Context) error {
	var h http.Header
	err := u.try(ctx, func(opt sdk.Option) error {
		_, err := u.sdk.CompleteMultipartUpload(u.begun, u.parts, opt, sdk.GetResponseHeader(&h))
		return err
	})
	if err != nil {
		return err
	}
	return proved(h, u.crc)
}

func (u *upload) Abort(ctx context.Context) error {
	return u.try(ctx, func(opt sdk.Option) error { return u.sdk.AbortMultipartUpload(u.begun, opt) })
}

// wholeCopy is the size up to which an object is copied by one request, and of
// the parts of a larger one, in bytes.
const wholeCopy = 1 << 30

func (b *bucket) Copy(ctx context.Context, from, to string) error {
	e, err := b.Head(ctx, from)
	if err != nil {
		return err
	}
	if e.Size <= wholeCopy {
		return b.try(ctx, func(opt sdk.Option) error {
			_, err := b.sdk.CopyObject(from, to, opt)
			return err
		})
	}
	return b.copyParts(ctx, e, to, wholeCopy)
}

// copyParts copies an object that must not change meanwhile part by part.
func (b *bucket) copyParts(ctx context.Context, from objects.Entry, to string, partSize int64) error {
	begun, err := b.Begin(ctx, to)
	if err != nil {
		return err
	}
	u := begun.(*upload) //nolint:errcheck // Begin returns no other
	for at := int64(0); at < from.Size; at += partSize {
		err := b.try(ctx, func(opt sdk.Option) error {
			part, err := b.sdk.UploadPartCopy(u.begun, b.sdk.BucketName, from.Key, at, min(partSize, from.Size-at), len(u.parts)+1, opt, sdk.CopySourceIfMatch(from.Tag))
			if err == nil {
				u.parts = append(u.parts, part)
			}
			return err
		})
		if err != nil {
			return u.givenUp(ctx, err)
		}
	}
	err = b.try(ctx, func(opt sdk.Option) error {
		_, err := b.sdk.CompleteMultipartUpload(u.begun, u.parts, opt)
		return err
	})
	if err != nil {
		return u.givenUp(ctx, err)
	}
	return nil
}

// cleanupWait bounds the removal of the parts of a copy that was given up.
const cleanupWait = 5 * time.Second

func (u *upload) givenUp(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupWait)
	defer cancel()
	return errors.Join(err, u.Abort(ctx))
}

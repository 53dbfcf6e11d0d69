package oss

import (
	"context"
	"errors"
)

// CopyParts is a copy by parts of a size that a test can wait for.
func CopyParts(ctx context.Context, s *Store, from, to string, partSize int64) error {
	b, ok := s.Bucket.(*bucket)
	if !ok {
		return errors.New("another bucket")
	}
	e, err := b.Head(ctx, from)
	if err != nil {
		return err
	}
	return b.copyParts(ctx, e, to, partSize)
}

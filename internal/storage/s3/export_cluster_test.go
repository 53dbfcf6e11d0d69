//go:build cluster

package s3

import (
	"context"
	"errors"
)

// Uploads counts the multipart uploads that were neither completed nor given up.
func Uploads(ctx context.Context, s *Store) (n int, err error) {
	b, ok := s.Bucket.(*bucket)
	if !ok {
		return 0, errors.New("another bucket")
	}
	for u := range b.core.ListIncompleteUploads(ctx, b.name, "", true) {
		if u.Err != nil {
			return n, u.Err
		}
		n++
	}
	return n, nil
}

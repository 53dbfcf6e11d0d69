//go:build cluster

package s3

import "context"

// Uploads counts the multipart uploads that were neither completed nor given up.
func Uploads(ctx context.Context, s *Store) (n int, err error) {
	for u := range s.core.ListIncompleteUploads(ctx, s.bucket, "", true) {
		if u.Err != nil {
			return n, u.Err
		}
		n++
	}
	return n, nil
}

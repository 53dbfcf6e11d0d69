//go:build unix

package local

import (
	"context"

	"golang.org/x/sys/unix"

	"drover/internal/storage"
)

// Usage implements storage.Store: that of the file system under the directory.
func (s *Store) Usage(ctx context.Context) (storage.Usage, error) {
	if err := ctx.Err(); err != nil {
		return storage.Usage{}, wrap("usage", s.root, err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(s.root, &st); err != nil {
		return storage.Usage{}, wrap("usage", s.root, err)
	}
	block := int64(st.Bsize)
	return storage.Usage{
		Capacity: int64(st.Blocks) * block,
		Used:     int64(st.Blocks-st.Bfree) * block,
		Free:     int64(st.Bavail) * block,
	}, nil
}

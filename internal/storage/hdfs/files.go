package hdfs

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"drover/internal/storage"
)

const (
	filePerm fs.FileMode = 0o644
	dirPerm  fs.FileMode = 0o755
	// completeWait bounds how long Commit waits for the DataNodes to report
	// the last block to the NameNode. The Java client gives up much sooner.
	completeWait = 2 * time.Minute
	// cleanupWait bounds the removal of a file that was given up.
	cleanupWait = 5 * time.Second
)

// Create implements storage.Store. The file is visible, and grows, under its
// final name at once.
func (s *Store) Create(ctx context.Context, name string, opt storage.CreateOptions) (storage.Writer, error) {
	return s.newWriter(ctx, name, opt)
}

func (s *Store) newWriter(ctx context.Context, name string, opt storage.CreateOptions) (*writer, error) {
	st, err := s.create(ctx, name, opt)
	if err != nil {
		return nil, own(ctx, "create", name, err)
	}
	return &writer{
		ctx: ctx, store: s, release: s.nn.KeepLease(ctx),
		name: name, file: st.FileID, blockSize: st.BlockSize,
	}, nil
}

// discardFile removes a file that was given up, unless another stands in its
// place by now.
func (s *Store) discardFile(ctx context.Context, name string, file uint64) error {
	st, err := s.nn.Stat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && st.FileID != file {
		return nil
	}
	if err == nil {
		_, err = s.nn.Delete(ctx, name, false)
	}
	return own(ctx, "remove", name, err)
}

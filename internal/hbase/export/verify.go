package export

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"drover/internal/hbase/snapshot"
	"drover/internal/storage"
)

// verifyParallel is the number of questions under way at the target's NameNode.
const verifyParallel = 8

// missing returns those of the files that the target does not have at their
// full length.
func missing(ctx context.Context, job Job, files []snapshot.File) ([]snapshot.File, error) {
	var mu sync.Mutex
	var out []snapshot.File
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(verifyParallel)
	for _, f := range files {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() error {
			ok, err := retry(gctx, job, "verify "+f.Path(), func() (bool, error) { return complete(gctx, job, f) })
			if err == nil && !ok {
				mu.Lock()
				defer mu.Unlock()
				out = append(out, f)
			}
			return err
		})
	}
	err := group.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("verify export of snapshot %s: %w", job.Snapshot, err)
	}
	return out, nil
}

// complete also says no to a file of another length: an attempt that was
// believed dead may be at it again.
func complete(ctx context.Context, job Job, f snapshot.File) (bool, error) {
	o, err := job.Target.Stat(ctx, f.ArchivePath(job.TargetRoot))
	if errors.Is(err, storage.ErrNotExist) {
		return false, nil
	}
	return err == nil && (f.Size < 0 || o.Size == f.Size), err
}

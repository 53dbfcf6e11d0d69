package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"drover/internal/hbase/snapshot"
	"drover/internal/storage"
)

// verifyParallel is the number of questions under way at the target's NameNode.
const verifyParallel = 8

// Verification is what VerifyTarget found. Checksums are not part of it: they
// were compared when the files were copied or adopted, and HBase never changes a
// file once it is written.
type Verification struct {
	// MetadataGone says that the target does not have the snapshot itself. All
	// its files are then in danger, even those still there: PublishMetadata
	// and another look have to follow.
	MetadataGone bool
	// Missing are the indexes, in order, of files the target does not have at
	// their full length; CopyRange brings them.
	Missing []int
}

// Complete reports whether the target has all of the snapshot.
func (v Verification) Complete() bool { return !v.MetadataGone && len(v.Missing) == 0 }

// VerifyTarget looks whether the target has the metadata, byte for byte, and
// every file at its full length. It writes nothing.
func VerifyTarget(ctx context.Context, job Job) (Verification, error) {
	plan, err := job.plan(ctx)
	if err != nil {
		return Verification{}, err
	}
	job.Plan = plan
	there, err := retry(ctx, job, "verify metadata of snapshot "+job.Snapshot, func() (bool, error) {
		files, err := metadataFiles(ctx, job)
		if err != nil {
			return false, err
		}
		return sameMetadata(ctx, job, files)
	})
	if err != nil {
		return Verification{}, err
	}
	out, err := missing(ctx, job)
	return Verification{MetadataGone: !there, Missing: out}, err
}

func missing(ctx context.Context, job Job) ([]int, error) {
	var mu sync.Mutex
	var out []int
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(verifyParallel)
	for i, f := range job.Plan.Files {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() error {
			ok, err := retry(gctx, job, "verify "+f.Path(), func() (bool, error) { return complete(gctx, job, f) })
			if err == nil && !ok {
				mu.Lock()
				defer mu.Unlock()
				out = append(out, i)
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
	slices.Sort(out)
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

package copy

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"drover/internal/mirror/advice"
	"drover/internal/mirror/tree"
)

const (
	// dirCalls bounds the calls under way when directories are made; they
	// share a connection.
	dirCalls = 32
	// chunk is how many entries of a manifest are held in memory.
	chunk = 4096
	// open is what the owner may do with a directory until it is finished,
	// whatever the original says.
	open = 0o700
)

// Directories makes the given directories at the target, with the storage
// policies that decide where their files go. One that is there stays as it is.
// Owners, modes and times come at the end: FinishDirectories.
func Directories(ctx context.Context, dst tree.Tree, entries []tree.Entry, opt Options) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(dirCalls)
	for _, e := range entries {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() error {
			name := dst.Path(e.Path)
			if err := dst.NN.Mkdirs(gctx, name, e.Mode|open, true); err != nil {
				return advice.On(err)
			}
			if !opt.Preserve.Policy || e.Policy == 0 {
				return nil
			}
			s, err := dst.NN.Stat(gctx, name)
			if err == nil && s.StoragePolicy != e.Policy {
				err = tree.SetPolicy(gctx, dst.NN, name, e.Policy)
			}
			return advice.On(err)
		})
	}
	return group.Wait()
}

// FinishDirectories gives the given directories the attributes of their
// originals, the deepest first, when all that is to be in them is there. Where a
// tree is finished in several calls, those that hold directories of others come
// later.
func FinishDirectories(ctx context.Context, dst tree.Tree, entries []tree.Entry, opt Options) error {
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b tree.Entry) int { return depth(b) - depth(a) })
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && depth(entries[n]) == depth(entries[0]) {
			n++
		}
		group, gctx := errgroup.WithContext(ctx)
		group.SetLimit(dirCalls)
		for _, e := range entries[:n] {
			if gctx.Err() != nil {
				break
			}
			group.Go(func() error {
				return advice.On(tree.SetAttributes(gctx, dst.NN, dst.Path(e.Path), e, opt.Preserve))
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func depth(e tree.Entry) int {
	if e.Path == "" {
		return 0
	}
	return 1 + strings.Count(e.Path, "/")
}

// ListedDirectories is Directories for all that tree.WriteShards listed into
// the local directory dir.
func ListedDirectories(ctx context.Context, dst tree.Tree, dir string, opt Options) error {
	n, err := tree.DirCount(dir)
	if err != nil {
		return err
	}
	for first := int64(0); first < n; first += chunk {
		entries, err := chunkOf(dir, first, min(first+chunk, n))
		if err != nil {
			return err
		}
		if err := Directories(ctx, dst, entries, opt); err != nil {
			return err
		}
	}
	return nil
}

// FinishListedDirectories is FinishDirectories for all that tree.WriteShards
// listed into the local directory dir, from the last to the first: parents are
// listed before what is in them.
func FinishListedDirectories(ctx context.Context, dst tree.Tree, dir string, opt Options) error {
	last, err := tree.DirCount(dir)
	if err != nil {
		return err
	}
	for last > 0 {
		first := max(0, last-chunk)
		entries, err := chunkOf(dir, first, last)
		if err != nil {
			return err
		}
		if err := FinishDirectories(ctx, dst, entries, opt); err != nil {
			return err
		}
		last = first
	}
	return nil
}

func chunkOf(dir string, first, last int64) ([]tree.Entry, error) {
	entries := make([]tree.Entry, 0, last-first)
	err := tree.DirRange(dir, first, last, func(_ int64, e tree.Entry) error {
		entries = append(entries, e)
		return nil
	})
	return entries, err
}

package copy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
)

// Totals sum up what was done to the files of one call.
type Totals struct {
	Files    int64 `json:"files"`
	Copied   int64 `json:"copied"`
	Adopted  int64 `json:"adopted"`
	Appended int64 `json:"appended"`
	Relayed  int64 `json:"relayed"`
	Bytes    int64 `json:"bytes"` // written
	Kept     int64 `json:"kept"`  // bytes found complete
	Retries  int64 `json:"retries"`
}

func (n *Totals) add(r Result) {
	n.Files++
	n.Bytes += r.Bytes
	n.Kept += r.Kept
	n.Retries += int64(r.Retries)
	switch {
	case r.Adopted:
		n.Adopted++
	case r.Appended:
		n.Appended++
	default:
		n.Copied++
	}
	if r.Relayed && r.Bytes > 0 {
		n.Relayed++
	}
}

func (n *Totals) sum(o Totals) {
	n.Files += o.Files
	n.Copied += o.Copied
	n.Adopted += o.Adopted
	n.Appended += o.Appended
	n.Relayed += o.Relayed
	n.Bytes += o.Bytes
	n.Kept += o.Kept
	n.Retries += o.Retries
}

// ListedFiles is Files for a shard that tree.WriteShards listed into the local
// directory dir, some files at a time.
func ListedFiles(ctx context.Context, src, dst tree.Tree, dir string, shard tree.Shard, opt Options) (Totals, error) {
	var n Totals
	var held []tree.Entry
	flush := func() error {
		done, err := Files(ctx, src, dst, held, opt)
		n.sum(done)
		held = held[:0]
		return err
	}
	err := tree.Files(dir, shard, func(_ int64, e tree.Entry) error {
		if held = append(held, e); len(held) < chunk {
			return nil
		}
		return flush()
	})
	if err == nil && len(held) > 0 {
		err = flush()
	}
	return n, err
}

// window is how many files of one directory are looked at together: what a
// batch holds in memory.
const window = 1000

// Files brings the given files, a shard for example, from one tree to the other.
// The files of a directory are looked at by listing it on both sides, so that a
// small file that is not there yet costs no call to the source's NameNode and
// the few that write it to the target's: create, add block, complete, set times.
// The first error that no repetition mends ends the call, with what is done by
// then; the rest is done by calling again.
func Files(ctx context.Context, src, dst tree.Tree, entries []tree.Entry, opt Options) (Totals, error) {
	c := newCopier(src, dst, opt)
	defer c.close()
	release := dst.NN.KeepLease(ctx)
	defer release()
	turns := semaphore.NewWeighted(c.turns())
	group, gctx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	var n Totals
	group.Go(func() error {
		return c.looked(gctx, entries, func(e tree.Entry, seen *look) error {
			weight := c.weight(e)
			if err := turns.Acquire(gctx, weight); err != nil {
				return err
			}
			group.Go(func() error {
				defer turns.Release(weight)
				res, err := c.file(gctx, e, seen)
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				n.add(res)
				if c.opt.Done != nil {
					c.opt.Done(e, res)
				}
				return nil
			})
			return nil
		})
	})
	err := group.Wait()
	if cause := ctx.Err(); cause != nil && err != nil {
		err = cause
	}
	mu.Lock()
	defer mu.Unlock()
	return n, err
}

const (
	// smallFile is the size, in bytes, under which a file is mostly calls to
	// NameNodes that wait for their journals' disks; smallFiles of them, side by
	// side, share those waits and count as one.
	smallFile  = 1 << 20
	smallFiles = 8
	// mostFiles bounds what the small ones add: each holds a thread of a
	// DataNode on either side.
	mostFiles = 256
)

// turns is how many small files are copied at a time.
func (c *copier) turns() int64 {
	return int64(max(c.opt.Parallel, min(smallFiles*c.opt.Parallel, mostFiles)))
}

// weight is how many turns a file takes.
func (c *copier) weight(e tree.Entry) int64 {
	if e.Size < smallFile {
		return 1
	}
	return c.turns() / int64(c.opt.Parallel)
}

// looked calls each with every entry and what is known of it on both sides.
func (c *copier) looked(ctx context.Context, entries []tree.Entry, each func(tree.Entry, *look) error) error {
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b tree.Entry) int {
		if d := strings.Compare(tree.Parent(a.Path), tree.Parent(b.Path)); d != 0 {
			return d
		}
		return namenode.CompareNames(name(a), name(b))
	})
	for len(entries) > 0 {
		dir := tree.Parent(entries[0].Path)
		n := 1
		for n < len(entries) && n < window && tree.Parent(entries[n].Path) == dir {
			n++
		}
		if err := c.directory(ctx, dir, entries[:n], each); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// name is the last part of an entry's path.
func name(e tree.Entry) string { return e.Path[strings.LastIndexByte(e.Path, '/')+1:] }

// few is the number of files in a directory from which on listing it is cheaper
// than asking for each.
const few = 8

func (c *copier) directory(ctx context.Context, dir string, entries []tree.Entry, each func(tree.Entry, *look) error) error {
	if len(entries) < few {
		for _, e := range entries {
			if err := each(e, nil); err != nil {
				return err
			}
		}
		return nil
	}
	var source, target seenFiles
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		source, err = lookAt(gctx, c.src, dir, entries, true)
		return missing(err)
	})
	group.Go(func() (err error) {
		target, err = lookAt(gctx, c.dst, dir, entries, false)
		if errors.Is(err, namenode.ErrNotDir) || isAbsent(err) {
			return nil // the first file says what is the matter
		}
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	for _, e := range entries {
		var seen *look
		if s, known := source.at(name(e)); known && s != nil {
			if t, known := target.at(name(e)); known {
				seen = &look{source: s, target: t}
			}
		}
		if err := each(e, seen); err != nil {
			return err
		}
	}
	return nil
}

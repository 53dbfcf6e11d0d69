package ledger

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"drover/internal/storage"
)

// settle is the part of a round when everything is there. It only removes what
// has a copy elsewhere or has to go, and may be repeated from its beginning. It
// brings records of staged files up to date.
func (a *applier) settle(ctx context.Context, records []Record) error {
	if err := a.clear(ctx); err != nil {
		return err
	}
	if err := a.place(ctx, records); err != nil {
		return err
	}
	// Before directories get their times: the staging directory is in the root.
	if err := a.clearStaging(ctx); err != nil {
		return err
	}
	var dirs []Record
	for _, t := range a.order {
		if t.IsDir() {
			dirs = append(dirs, Record{Entry: t.Entry})
		}
	}
	return a.dressAll(ctx, dirs)
}

// clear removes the old names, files first, then directories from the deepest.
func (a *applier) clear(ctx context.Context) error {
	var files, dirs []string
	for path, rec := range a.removed {
		switch {
		case rec.IsDir() && !a.isDir(path):
			dirs = append(dirs, path)
		case !rec.IsDir() && !a.isFile(path):
			files = append(files, path)
		}
	}
	slices.SortFunc(files, ComparePaths)
	err := a.parallel(ctx, len(files), func(ctx context.Context, i int) error { return a.removeFile(ctx, files[i]) })
	if err != nil {
		return err
	}
	slices.SortFunc(dirs, func(x, y string) int { return ComparePaths(y, x) })
	for _, dir := range dirs {
		if err := a.removeDir(ctx, dir); err != nil {
			return err
		}
	}
	return nil
}

// removeFile removes a file and never a directory that took its place.
func (a *applier) removeFile(ctx context.Context, rel string) error {
	if !a.isDir(rel) {
		return a.Store.Remove(ctx, a.path(rel))
	}
	o, err := a.Store.Stat(ctx, a.path(rel))
	switch {
	case absent(err) || err == nil && o.IsDir:
		return nil
	case err != nil:
		return err
	}
	return a.Store.Remove(ctx, a.path(rel))
}

// removeDir removes a directory that all entries were taken out of, and never a
// file that took its place. What a crashed writer left unseen goes with it; what
// others put there stays, and is drift.
func (a *applier) removeDir(ctx context.Context, rel string) error {
	o, err := a.Store.Stat(ctx, a.path(rel))
	switch {
	case absent(err) || err == nil && !o.IsDir:
		return nil
	case err != nil:
		return err
	}
	err = a.Store.Remove(ctx, a.path(rel))
	if !errors.Is(err, storage.ErrNotEmpty) {
		return err
	}
	left, err := a.Store.List(ctx, a.path(rel))
	if err != nil || len(left) > 0 {
		return err
	}
	return a.Store.RemoveAll(ctx, a.path(rel))
}

// place puts what was staged at its place, now that the way is clear.
func (a *applier) place(ctx context.Context, records []Record) error {
	for _, t := range a.order {
		if t.IsDir() && a.obstructed(t.Path) {
			if err := a.Store.Mkdirs(ctx, a.path(t.Path)); err != nil {
				return err
			}
		}
	}
	// What is staged came first, see put.
	return a.parallel(ctx, len(records), func(ctx context.Context, i int) (err error) {
		if t := a.tasks[records[i].Path]; t.stage > 0 {
			records[i], err = a.copyAt(ctx, a.staged(t), a.path(t.Path), records[i], t.Entry, true)
		}
		return err
	})
}

// dresses reports whether the target holds attributes.
func (c *carrier) dresses() bool {
	_, ok := c.Store.(storage.Dresser)
	return ok
}

// dressAll gives directories, which are in order, their attributes, the last
// first: so that those in a directory come before it.
func (c *carrier) dressAll(ctx context.Context, dirs []Record) error {
	if !c.dresses() {
		return nil
	}
	for _, r := range slices.Backward(dirs) {
		if err := c.dress(ctx, r.Entry, c.path(r.Path)); err != nil {
			return err
		}
	}
	return nil
}

// parallel calls fn for 0 to n-1, so many at a time as the options say.
func (c *carrier) parallel(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(c.opt.Parallel)
	for i := range n {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() error { return fn(gctx, i) })
	}
	return errors.Join(group.Wait(), ctx.Err())
}

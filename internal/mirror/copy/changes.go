package copy

import (
	"context"
	"iter"
	"path"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"drover/internal/mirror/plan"
	"drover/internal/mirror/tree"
)

// lookAhead is how many of a plan's copies are looked up at a time; the calls
// share a connection.
const lookAhead = 32

// Changes brings what a plan copies from the newer tree: files, and new
// directories with all that is new in them. The attributes of directories come
// last of all, with FinishChanges. It may be repeated. A few thousand entries at
// a time are held, however much is new.
func Changes(ctx context.Context, src, dst tree.Tree, changes []plan.Copy, opt Options) (Totals, error) {
	// A diff names a file for a change of its mode, too, and a size and time
	// that are the same prove little about one that it names.
	opt.Compare = true
	var total Totals
	entries := make([]tree.Entry, 0, chunk)
	bring := func() error {
		done, err := bringEntries(ctx, src, dst, entries, opt)
		total.sum(done)
		entries = entries[:0]
		return err
	}
	err := inOrder(ctx, slices.Values(changes), func(ctx context.Context, c plan.Copy, found func(tree.Entry) error) error {
		return entriesOf(ctx, src, c, true, found)
	}, func(e tree.Entry) error {
		if entries = append(entries, e); len(entries) < chunk {
			return nil
		}
		return bring()
	})
	if err != nil {
		return total, err
	}
	err = bring()
	return total, err
}

// bringEntries brings entries none of which is in a directory that comes later.
func bringEntries(ctx context.Context, src, dst tree.Tree, entries []tree.Entry, opt Options) (Totals, error) {
	var dirs, files []tree.Entry
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, e)
		} else {
			files = append(files, e)
		}
	}
	slices.SortStableFunc(dirs, func(a, b tree.Entry) int { return depth(a) - depth(b) })
	if err := Directories(ctx, dst, dirs, opt); err != nil {
		return Totals{}, err
	}
	return Files(ctx, src, dst, files, opt)
}

// FinishChanges gives the directories that a plan copies the attributes of their
// originals, those of a new directory that are inside it first. Of what it walks
// it holds the paths of directories.
func FinishChanges(ctx context.Context, src, dst tree.Tree, changes []plan.Copy, opt Options) error {
	var dirs []string
	finish := func() error {
		err := finishPaths(ctx, src, dst, dirs, opt)
		dirs = dirs[:0]
		return err
	}
	for _, c := range changes {
		switch {
		case c.DirKnown && !c.Dir:
			continue
		case !c.Walk || c.Path == "":
			dirs = append(dirs, c.Path)
		default:
			var inside []string
			err := entriesOf(ctx, src, c, false, func(e tree.Entry) error {
				if e.IsDir() {
					inside = append(inside, e.Path)
				}
				return nil
			})
			if err != nil {
				return err
			}
			slices.Reverse(inside) // a directory is listed before what it holds
			dirs = append(dirs, inside...)
		}
		if len(dirs) >= chunk {
			if err := finish(); err != nil {
				return err
			}
		}
	}
	return finish()
}

// finishPaths gives the directories among paths their attributes, in their
// order.
func finishPaths(ctx context.Context, src, dst tree.Tree, paths []string, opt Options) error {
	for part := range slices.Chunk(paths, chunk) {
		var dirs []tree.Entry
		err := inOrder(ctx, slices.Values(part), func(ctx context.Context, p string, found func(tree.Entry) error) error {
			e, err := tree.Stat(ctx, src, p)
			if err != nil || !e.IsDir() {
				return err
			}
			if err := tree.Attributes(ctx, src, &e); err != nil {
				return err
			}
			return found(e)
		}, func(e tree.Entry) error {
			dirs = append(dirs, e)
			return nil
		})
		if err == nil {
			err = FinishDirectories(ctx, dst, dirs, opt)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Supported calls each with every copy of a plan, completed by whether it is a
// directory, and refuses a plan that copies what cannot be copied, naming the
// first of it: the error is a *tree.Unsupported, when all were told. It holds no
// entries in memory.
func Supported(ctx context.Context, src tree.Tree, changes iter.Seq[plan.Copy], each func(plan.Copy) error) error {
	refused := &tree.Unsupported{Root: src.Root}
	var mu sync.Mutex
	err := inOrder(ctx, changes, func(ctx context.Context, c plan.Copy, found func(plan.Copy) error) error {
		err := entriesOf(ctx, src, c, false, func(e tree.Entry) error {
			if e.Path == c.Path {
				c.Dir, c.DirKnown = e.IsDir(), true
				c.Walk = c.Walk && c.Dir
			}
			mu.Lock()
			defer mu.Unlock()
			refused.Add(src.Path(e.Path), e)
			return nil
		})
		if err != nil {
			return err
		}
		return found(c)
	}, each)
	if err != nil {
		return err
	}
	return refused.Err()
}

// inOrder looks up items side by side, and calls each with what was found, in the
// order of the items. Each item may find any number of things; one of them waits.
func inOrder[I, T any](ctx context.Context, items iter.Seq[I], look func(ctx context.Context, item I, found func(T) error) error, each func(T) error) error {
	group, gctx := errgroup.WithContext(ctx)
	waiting := make(chan chan T, lookAhead)
	group.Go(func() error {
		defer close(waiting)
		for item := range items {
			found := make(chan T, 1)
			select {
			case waiting <- found:
			case <-gctx.Done():
				return gctx.Err()
			}
			group.Go(func() error {
				defer close(found)
				return look(gctx, item, func(t T) error {
					select {
					case found <- t:
						return nil
					case <-gctx.Done():
						return gctx.Err()
					}
				})
			})
		}
		return nil
	})
	group.Go(func() error {
		for found := range waiting {
			for t := range found {
				// What failed closes its channel, too.
				if err := gctx.Err(); err != nil {
					return err
				}
				if err := each(t); err != nil {
					return err
				}
			}
		}
		return gctx.Err()
	})
	return group.Wait()
}

// entriesOf calls each with what a copy stands for: the entry, or all below a
// directory that is new, with or without ACLs and extended attributes.
func entriesOf(ctx context.Context, t tree.Tree, c plan.Copy, attributes bool, each func(tree.Entry) error) error {
	if c.Walk && c.Path != "" {
		opt := tree.ListOptions{Under: []string{c.Path}, Attributes: attributes}
		for _, s := range c.Skip {
			opt.Skip = append(opt.Skip, path.Join(c.Path, s))
		}
		_, err := tree.List(ctx, t, opt, each)
		return err
	}
	e, err := tree.Stat(ctx, t, c.Path)
	if err == nil && attributes {
		err = tree.Attributes(ctx, t, &e)
	}
	if err != nil {
		return err
	}
	return each(e)
}

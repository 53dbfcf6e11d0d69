package copy

import (
	"context"
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
// last of all, with FinishChanges. It may be repeated.
func Changes(ctx context.Context, src, dst tree.Tree, changes []plan.Copy, opt Options) (Totals, error) {
	// A diff names a file for a change of its mode, too, and a size and time
	// that are the same prove little about one that it names.
	opt.Compare = true
	var dirs, files []tree.Entry
	err := lookUp(ctx, src, changes, func(e tree.Entry) {
		if e.IsDir() {
			dirs = append(dirs, e)
		} else {
			files = append(files, e)
		}
	})
	if err != nil {
		return Totals{}, err
	}
	slices.SortStableFunc(dirs, func(a, b tree.Entry) int { return depth(a) - depth(b) })
	if err := Directories(ctx, dst, dirs, opt); err != nil {
		return Totals{}, err
	}
	return Files(ctx, src, dst, files, opt)
}

// FinishChanges gives the directories that a plan copies the attributes of their
// originals.
func FinishChanges(ctx context.Context, src, dst tree.Tree, changes []plan.Copy, opt Options) error {
	changes = slices.DeleteFunc(slices.Clone(changes), func(c plan.Copy) bool { return c.DirKnown && !c.Dir })
	var dirs []tree.Entry
	err := lookUp(ctx, src, changes, func(e tree.Entry) {
		if e.IsDir() {
			dirs = append(dirs, e)
		}
	})
	if err != nil {
		return err
	}
	return FinishDirectories(ctx, dst, dirs, opt)
}

// Supported refuses a plan that copies what cannot be copied, naming the first of
// it: the error is a *tree.Unsupported. It holds no entries in memory.
func Supported(ctx context.Context, src tree.Tree, changes []plan.Copy) error {
	refused := &tree.Unsupported{Root: src.Root}
	var mu sync.Mutex
	add := func(e tree.Entry) {
		mu.Lock()
		defer mu.Unlock()
		refused.Add(src.Path(e.Path), e)
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(lookAhead)
	for _, c := range changes {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if c.Walk && c.Path != "" {
				_, err := tree.List(gctx, src, walkOf(c), func(e tree.Entry) error {
					add(e)
					return nil
				})
				return err
			}
			e, err := tree.Stat(gctx, src, c.Path)
			add(e)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return refused.Err()
}

// walkOf lists all that is new in a directory that is.
func walkOf(c plan.Copy) tree.ListOptions {
	opt := tree.ListOptions{Under: []string{c.Path}}
	for _, s := range c.Skip {
		opt.Skip = append(opt.Skip, path.Join(c.Path, s))
	}
	return opt
}

// lookUp calls each with every entry that the copies stand for, in their order.
func lookUp(ctx context.Context, t tree.Tree, changes []plan.Copy, each func(tree.Entry)) error {
	found := make([][]tree.Entry, len(changes))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(lookAhead)
	for i, c := range changes {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() (err error) {
			found[i], err = entriesOf(gctx, t, c)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, entries := range found {
		for _, e := range entries {
			each(e)
		}
	}
	return nil
}

// entriesOf is what a copy stands for: the entry, and all below a directory that
// is new.
func entriesOf(ctx context.Context, t tree.Tree, c plan.Copy) (all []tree.Entry, err error) {
	if c.Walk && c.Path != "" {
		opt := walkOf(c)
		opt.Attributes = true
		_, err := tree.List(ctx, t, opt, func(e tree.Entry) error {
			all = append(all, e)
			return nil
		})
		return all, err
	}
	e, err := tree.Stat(ctx, t, c.Path)
	if err == nil {
		err = tree.Attributes(ctx, t, &e)
	}
	return []tree.Entry{e}, err
}

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
	err := sideBySide(ctx, changes, func(ctx context.Context, _ int, c plan.Copy) error {
		return entriesOf(ctx, src, c, false, func(e tree.Entry) error {
			mu.Lock()
			defer mu.Unlock()
			refused.Add(src.Path(e.Path), e)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return refused.Err()
}

// lookUp calls each with every entry that the copies stand for, in their order.
func lookUp(ctx context.Context, t tree.Tree, changes []plan.Copy, each func(tree.Entry)) error {
	found := make([][]tree.Entry, len(changes))
	err := sideBySide(ctx, changes, func(ctx context.Context, i int, c plan.Copy) error {
		return entriesOf(ctx, t, c, true, func(e tree.Entry) error {
			found[i] = append(found[i], e)
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, entries := range found {
		for _, e := range entries {
			each(e)
		}
	}
	return nil
}

// sideBySide calls look with every copy and its place among them.
func sideBySide(ctx context.Context, changes []plan.Copy, look func(ctx context.Context, i int, c plan.Copy) error) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(lookAhead)
	for i, c := range changes {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() error { return look(gctx, i, c) })
	}
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

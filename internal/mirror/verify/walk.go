package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// comparison is one run over two trees.
type comparison struct {
	source, target side
	// order is how the names of both sides' listings are sorted.
	order func(a, b string) int
	opt   Options
	tally *tally
	group *errgroup.Group

	buffers buffers
}

// run compares what opt.Paths names. The order must be that of both sides.
func run(ctx context.Context, source, target side, order func(a, b string) int, opt Options) (Result, error) {
	opt = opt.withDefaults()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(opt.Parallel)
	c := &comparison{source: source, target: target, order: order, opt: opt, tally: newTally(opt), group: group}
	paths := []string{""}
	if opt.Paths != nil {
		paths = outermost(opt.Paths, opt.Shallow)
	}
	group.Go(func() error {
		for _, rel := range paths {
			if err := c.fork(func() error { return c.start(ctx, rel) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return Result{}, err
	}
	return c.tally.end(), nil
}

// outermost sorts paths and leaves out what lies below another one, unless they
// are shallow.
func outermost(paths []string, shallow bool) []string {
	cleaned := make([]string, 0, len(paths))
	for _, p := range paths {
		cleaned = append(cleaned, strings.TrimPrefix(path.Clean("/"+p), "/"))
	}
	// Sorted with the slash before any other character, so that a directory is
	// followed by what is below it.
	slices.SortFunc(cleaned, func(a, b string) int {
		return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
	})
	cleaned = slices.Compact(cleaned)
	if shallow {
		return cleaned
	}
	var kept []string
	for _, p := range cleaned {
		if len(kept) > 0 && below(p, kept[len(kept)-1]) {
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// below reports whether p is root or lies under it.
func below(p, root string) bool {
	return root == "" || p == root || strings.HasPrefix(p, root+"/")
}

// fork runs fn beside the caller when there is room, else in the caller: so the
// work in hand, and with it the memory, stays bounded by Parallel times the
// depth of the tree.
func (c *comparison) fork(fn func() error) error {
	if c.group.TryGo(fn) {
		return nil
	}
	return fn()
}

// start compares the entries at one path of Paths.
func (c *comparison) start(ctx context.Context, rel string) error {
	a, errA := c.source.stat(ctx, rel)
	b, errB := c.target.stat(ctx, rel)
	absentA, absentB := errors.Is(errA, fs.ErrNotExist), errors.Is(errB, fs.ErrNotExist)
	switch {
	case errA != nil && !absentA:
		return errA
	case errB != nil && !absentB:
		return errB
	case rel == "" && (absentA || absentB):
		return errors.Join(errA, errB) // there is nothing to compare with
	case absentA && absentB:
		c.tally.gap(Gap{Path: rel, Reason: "it is on neither side"})
		return nil
	case absentB:
		c.tally.lone(Difference{Path: rel, Kind: Missing, Source: a.kind.String()})
		return nil
	case absentA:
		c.tally.lone(Difference{Path: rel, Kind: Extra, Target: b.kind.String()})
		return nil
	}
	return c.pair(ctx, a, b)
}

// pair compares two entries of the same path, and directories with what is
// below them.
func (c *comparison) pair(ctx context.Context, a, b entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if gap := c.extend(ctx, &a, &b); gap != "" {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.tally.gap(Gap{Path: a.rel, Reason: gap})
	}
	found := differences(a, b, c.opt)
	switch {
	case a.kind == dir && b.kind == dir:
		c.tally.compared(a, found)
		if c.opt.Shallow {
			return nil
		}
		return c.merge(ctx, a.rel)
	case a.kind == file && b.kind == file && a.size == b.size && !c.opt.NoContent:
		return c.file(ctx, a, b, found)
	case a.kind == other && b.kind == other:
		c.tally.gap(Gap{Path: a.rel, Reason: "it is neither a file nor a directory: its content is not compared"})
	}
	c.tally.compared(a, found)
	return nil
}

// extend reads ACL and extended attributes where they are to be compared, and
// says why it could not.
func (c *comparison) extend(ctx context.Context, a, b *entry) string {
	wanted := c.opt.Metadata && a.kind == b.kind && a.has&b.has&hasExtended != 0
	if !wanted || slices.Contains(c.opt.Ignore, ACL) && slices.Contains(c.opt.Ignore, XAttr) {
		return ""
	}
	err := c.source.attributes(ctx, a)
	if err == nil {
		err = c.target.attributes(ctx, b)
	}
	if err == nil {
		return ""
	}
	a.has &^= hasExtended
	return "its attributes cannot be read: " + err.Error()
}

// merge walks two directories in step.
func (c *comparison) merge(ctx context.Context, rel string) error {
	left := stepper{cursor: c.source.list(rel), order: c.order, where: "source " + shown(rel)}
	right := stepper{cursor: c.target.list(rel), order: c.order, where: "target " + shown(rel)}
	if err := left.step(ctx); err != nil {
		return err
	}
	if err := right.step(ctx); err != nil {
		return err
	}
	for left.ok || right.ok {
		order := 0
		switch {
		case !left.ok:
			order = 1
		case !right.ok:
			order = -1
		default:
			order = c.order(left.e.name, right.e.name)
		}
		a, b := left.e, right.e
		switch {
		case order < 0:
			c.tally.lone(Difference{Path: a.rel, Kind: Missing, Source: a.kind.String()})
		case order > 0:
			c.tally.lone(Difference{Path: b.rel, Kind: Extra, Target: b.kind.String()})
		default:
			if err := c.fork(func() error { return c.pair(ctx, a, b) }); err != nil {
				return err
			}
		}
		if order <= 0 {
			if err := left.step(ctx); err != nil {
				return err
			}
		}
		if order >= 0 {
			if err := right.step(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// stepper holds the entry a cursor stands at and refuses a listing out of
// order, which a merge would take for differences.
type stepper struct {
	cursor
	order func(a, b string) int
	where string
	e     entry
	ok    bool
	begun bool
}

func (s *stepper) step(ctx context.Context) error {
	last := s.e.name
	var err error
	if s.e, s.ok, err = s.next(ctx); err != nil {
		return err
	}
	if s.ok && s.begun && s.order(last, s.e.name) >= 0 {
		return fmt.Errorf("list %s: %q comes after %q: the listing is not in order, nothing can be concluded from it", s.where, s.e.name, last)
	}
	s.begun = true
	return nil
}

// shown is a relative path for people: the root has a name, too.
func shown(rel string) string {
	if rel == "" {
		return "."
	}
	return rel
}

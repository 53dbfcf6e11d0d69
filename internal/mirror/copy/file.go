package copy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cenkalti/backoff/v5"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/advice"
	"drover/internal/mirror/tree"
)

// look is what a batch saw of a file on both sides in one listing.
type look struct {
	source *namenode.Status // with blocks
	target *namenode.Status // nil: nothing is there
}

// file tries a file until it is there. seen holds for the first attempt; nil
// means nobody looked.
func (c *copier) file(ctx context.Context, e tree.Entry, seen *look) (Result, error) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = firstWait, longWait
	tries := 0
	res, err := backoff.Retry(ctx, func() (Result, error) {
		tries++
		res, err := c.once(ctx, e, seen)
		seen = nil
		if wantsToken(err) {
			c.tokens.Store(true)
		}
		var g *gone
		switch {
		case err == nil:
			return res, nil
		case ctx.Err() != nil, permanent(err), errors.As(err, &g), errors.Is(err, namenode.ErrQuota):
			return res, backoff.Permanent(err)
		}
		return res, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(uint(c.opt.Attempts)), backoff.WithMaxElapsedTime(0))
	res.Retries = tries - 1
	if err == nil {
		return res, nil
	}
	if cause := ctx.Err(); cause != nil {
		return res, fmt.Errorf("copy %s: %w", c.src.Path(e.Path), cause)
	}
	return res, advice.On(fmt.Errorf("copy %s, attempt %d: %w", c.src.Path(e.Path), tries, err))
}

// once is one attempt.
func (c *copier) once(ctx context.Context, e tree.Entry, seen *look) (Result, error) {
	if e.Kind != tree.File || e.Erasure != "" || e.Encrypted {
		return Result{}, fault.As(fault.Unsupported, fmt.Errorf("%s is no plain file", c.src.Path(e.Path)))
	}
	if seen == nil {
		seen = &look{}
		s, err := c.dst.NN.StatLink(ctx, c.dst.Path(e.Path))
		switch {
		case err == nil:
			seen.target = &s
		case !errors.Is(err, fs.ErrNotExist):
			return Result{}, err
		}
	}
	there := seen.target
	if there != nil && there.Type != namenode.File {
		return Result{}, fault.As(fault.Conflict, fmt.Errorf("at the target %s is no file; remove it", c.dst.Path(e.Path)))
	}
	if there != nil && there.Size == e.Size && there.ModTime == e.MTime {
		if res, ok, err := c.adopt(ctx, e, seen); ok || err != nil {
			return res, err
		}
	}
	parts, err := c.parts(ctx, e, seen.source)
	if err != nil {
		return Result{}, err
	}
	w := &writing{copier: c, e: e, name: c.dst.Path(e.Path), parts: parts, sums: make([][]byte, len(parts))}
	w.res.Relayed = true
	if there != nil && e.Size >= worthResuming {
		err = w.resume(ctx)
		if w.kept > 0 || err != nil {
			return w.res, err
		}
	}
	return w.res, w.anew(ctx)
}

// adopt accepts a file that is complete by size and time, with Compare also by
// checksum, and puts its attributes right. Not ok: it is to be copied.
func (c *copier) adopt(ctx context.Context, e tree.Entry, seen *look) (Result, bool, error) {
	res := Result{Adopted: true, Kept: e.Size}
	if c.opt.Compare {
		parts, err := c.parts(ctx, e, seen.source)
		if err != nil {
			return Result{}, false, err
		}
		w := &writing{copier: c, e: e, name: c.dst.Path(e.Path), parts: parts, sums: make([][]byte, len(parts))}
		l, err := c.dst.NN.Blocks(ctx, w.name)
		if err != nil {
			return Result{}, false, err
		}
		if err := w.shared(ctx, l.Blocks); err != nil {
			return Result{}, false, err
		}
		if w.kept != e.Size {
			return Result{}, false, nil
		}
		res.Checksum = w.sum()
	}
	have := tree.FromStatus(e.Path, *seen.target)
	if err := tree.OwnPolicy(ctx, c.dst.NN, c.dst.Path(e.Path), &have); err != nil {
		return res, false, err
	}
	if err := c.extra(ctx, &have); err != nil {
		return res, false, err
	}
	return res, true, tree.Reconcile(ctx, c.dst.NN, c.dst.Path(e.Path), e, have, c.opt.Preserve)
}

// extra adds what a status does not say of a file at the target, as far as it
// is preserved.
func (c *copier) extra(ctx context.Context, have *tree.Entry) error {
	if !c.opt.Preserve.XAttrs && (!c.opt.Preserve.ACL || !have.HasACL) {
		return nil
	}
	return tree.Attributes(ctx, c.dst, have)
}

package copy

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
)

// sumsAtOnce bounds the checksums of one file asked for at a time.
const sumsAtOnce = 8

// resume keeps what the target's file has in common with the original and
// writes the rest. When there is nothing to keep, kept stays 0 and the file as
// it is.
func (w *writing) resume(ctx context.Context) error {
	l, err := w.closed(ctx)
	if err != nil {
		return err
	}
	if err := w.shared(ctx, l.Blocks); err != nil || w.kept == 0 {
		return err
	}
	w.res.Kept, w.res.Appended = w.kept, true
	if l.Size > w.kept {
		if err := w.cut(ctx); err != nil {
			return err
		}
	}
	if w.kept < w.e.Size {
		if err := w.goOn(ctx); err != nil {
			return err
		}
	}
	w.res.Checksum = w.sum()
	return tree.SetAttributes(ctx, w.dst.NN, w.name, w.e, w.opt.Preserve)
}

// closed returns where the target's file is once nobody writes it: whoever did
// is gone, or it would not be ours to write.
func (w *writing) closed(ctx context.Context) (l namenode.Locations, err error) {
	err = again(ctx, func() error {
		if l, err = w.dst.NN.Blocks(ctx, w.name); err != nil || !l.Open {
			return err
		}
		if _, err := w.dst.NN.RecoverLease(ctx, w.name); err != nil {
			return err
		}
		return errStillOpen
	}, func(err error) bool { return errors.Is(err, errStillOpen) || errors.Is(err, namenode.ErrBeingWritten) })
	return l, err
}

var errStillOpen = errors.New("the datanodes do not yet agree on the length of a file a writer left open")

// shared finds how much of the target's blocks is as the original: whole
// blocks, and the beginning of one if it is the last.
func (w *writing) shared(ctx context.Context, there []namenode.Block) error {
	n := min(len(there), len(w.parts))
	equal := make([]bool, n)
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(sumsAtOnce)
	for i := range n {
		p, b := w.parts[i], there[i]
		if b.Length == 0 || b.Length > p.length || (b.Length < p.length && i != len(there)-1) {
			n = i
			break
		}
		group.Go(func() error {
			a, err := w.read.Checksum(gctx, p.block, b.Length, false)
			if err != nil {
				return err
			}
			got, err := w.write.Checksum(gctx, b.Transfer(w.dst.DataNodesByName), b.Length, false)
			if err != nil {
				return gctx.Err() // lost with its DataNodes: it is written anew
			}
			equal[i] = got.Equal(a)
			w.sums[i] = a.Sum
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i := 0; i < n && equal[i]; i++ {
		w.kept += there[i].Length
	}
	return nil
}

// cut takes off what is behind the kept bytes. They end with a block, so that
// it is done at once.
func (w *writing) cut(ctx context.Context) error {
	done, err := w.dst.NN.Truncate(ctx, w.name, w.kept)
	if err == nil && !done {
		_, err = w.closed(ctx)
	}
	return err
}

// goOn appends what is missing.
func (w *writing) goOn(ctx context.Context) error {
	i := 0
	for i < len(w.parts) && w.parts[i].offset+w.parts[i].length <= w.kept {
		i++
	}
	p := w.parts[i]
	skip := w.kept - p.offset
	last, s, err := w.dst.NN.Append(ctx, w.name, skip == 0)
	if err != nil {
		return err
	}
	if last == nil {
		return fmt.Errorf("append to %s: the namenode names no last block of a file of %d bytes", w.name, w.kept)
	}
	w.id, w.last = s.FileID, last.Proto(last.Length)
	if skip > 0 {
		if last.Length != skip {
			return fmt.Errorf("append to %s: its last block has %d bytes, expected %d", w.name, last.Length, skip)
		}
		if err := w.fill(ctx, i, *last, skip); err != nil {
			return err
		}
		i++
	}
	return w.rest(ctx, i)
}

// fill goes on with the target's last block behind its first skip bytes, and
// proves the whole block.
func (w *writing) fill(ctx context.Context, i int, last namenode.Block, skip int64) error {
	p := w.parts[i]
	renewed, err := w.dst.NN.UpdateBlockForPipeline(ctx, last)
	if err != nil {
		return err
	}
	to := last.Transfer(w.dst.DataNodesByName)
	to.Token = renewed.Token
	grown := last
	grown.Generation, grown.Token = renewed.Generation, renewed.Token
	_, err = w.stream(ctx, p, skip, to, datanode.WriteOptions{Append: true, Generation: renewed.Generation}, func() error {
		return w.dst.NN.UpdatePipeline(ctx, last, grown, last.Nodes, last.StorageIDs)
	})
	if err != nil {
		return err
	}
	w.last = grown.Proto(p.length)
	w.res.Bytes += p.length - skip
	want, err := w.read.Checksum(ctx, p.block, p.length, false)
	if err != nil {
		return err
	}
	grown.Length = p.length
	got, err := w.write.Checksum(ctx, grown.Transfer(w.dst.DataNodesByName), p.length, false)
	if err != nil {
		return err
	}
	if !got.Equal(want) {
		return fmt.Errorf("the target's checksum of %s is %x after it was appended to, the source's is %x", to, got.Sum, want.Sum)
	}
	w.sums[i] = want.Sum
	return nil
}

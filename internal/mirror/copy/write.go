package copy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
	"drover/internal/hadoop/wire"
	"drover/internal/mirror/tree"
)

// writing is a file at the target under way.
type writing struct {
	*copier
	e     tree.Entry
	name  string // absolute, at the target
	parts []part
	sums  [][]byte // MD5 of the CRCs of each part that is proven
	kept  int64    // bytes of the target that are as they should be
	id    uint64   // of the file at the target
	last  wire.Message
	res   Result
}

// sum is the file's checksum when all parts are proven.
func (w *writing) sum() string { return datanode.FileSum(w.sums) }

// anew writes the whole file, over whatever is there.
func (w *writing) anew(ctx context.Context) error {
	o := namenode.CreateOptions{Mode: w.e.Mode & 0o777, Overwrite: true, CreateParent: true, BlockSize: w.e.BlockSize, Replicate: true}
	if w.opt.Preserve.Replication {
		o.Replication = w.e.Replication
	}
	s, err := w.dst.NN.Create(ctx, w.name, o)
	if err != nil {
		return err
	}
	w.id = s.FileID
	have := tree.FromStatus(w.e.Path, s)
	have.MTime, have.Policy = -1, w.e.Policy // the one is still to come, the other comes now
	if w.opt.Preserve.Policy && w.e.Policy != 0 {
		// Before the first block: it decides on what disks they go.
		if err := tree.SetPolicy(ctx, w.dst.NN, w.name, w.e.Policy); err != nil {
			return w.giveUp(ctx, err)
		}
	}
	if err := w.rest(ctx, 0); err != nil {
		return w.giveUp(ctx, err)
	}
	return tree.Reconcile(ctx, w.dst.NN, w.name, w.e, have, w.opt.Preserve)
}

// giveUp removes a small file that was not finished. A large one stays: the next
// attempt goes on from its last whole block.
func (w *writing) giveUp(ctx context.Context, err error) error {
	if w.e.Size >= worthResuming && w.res.Bytes > 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longWait)
	defer cancel()
	if _, gone := w.dst.NN.Delete(ctx, w.name, false); gone != nil {
		err = errors.Join(err, fmt.Errorf("and what was written stays: %w", gone))
	}
	return err
}

// rest writes the parts from the given one on and closes the file.
func (w *writing) rest(ctx context.Context, from int) error {
	for i := from; i < len(w.parts); i++ {
		if err := w.part(ctx, i); err != nil {
			return err
		}
	}
	if w.last != nil {
		// A DataNode reports a block when it has acknowledged it; to ask at
		// once is to ask twice.
		select {
		case <-time.After(reportLag):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := again(ctx, func() error {
		done, err := w.dst.NN.Complete(ctx, w.name, w.last, w.id)
		if err == nil && !done {
			err = errUnreported
		}
		return err
	}, func(err error) bool { return errors.Is(err, errUnreported) })
	if err != nil {
		return err
	}
	w.res.Checksum = w.sum()
	return nil
}

var errUnreported = errors.New("the datanodes have not reported the last block")

// reportLag is how long the NameNode usually takes to hear of a block.
const reportLag = 2 * time.Millisecond

// again repeats a call to the NameNode while it waits for the DataNodes.
func again(ctx context.Context, call func() error, early func(error) bool) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 2*time.Millisecond, time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := call()
		if err != nil && !early(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(reportWait))
	return err
}

// part writes one block, on other DataNodes when those the NameNode chose fail.
func (w *writing) part(ctx context.Context, i int) error {
	p := w.parts[i]
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = firstWait, longWait
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		to, err := w.addBlock(ctx, w.avoid.List())
		if err != nil {
			if errors.Is(err, namenode.ErrNoRoom) {
				w.avoid.Forgive()
			}
			return struct{}{}, final(ctx, err)
		}
		sum, err := w.block(ctx, p, to.Transfer(w.dst.DataNodesByName))
		if err == nil {
			w.sums[i], w.last = sum, to.Proto(p.length)
			w.res.Bytes += p.length
			return struct{}{}, nil
		}
		return struct{}{}, w.misplaced(ctx, &p, to, err)
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(uint(w.opt.Attempts)), backoff.WithMaxElapsedTime(0))
	return err
}

// misplaced gives up a block that could not be written, and says whether another
// try may succeed: on other DataNodes, or from another of the source's replicas.
// Else it is the source's fault, and the file's to be tried again.
func (w *writing) misplaced(ctx context.Context, p *part, to namenode.Block, err error) error {
	var broken *datanode.PipelineError
	var damaged *datanode.DamagedError
	again := true
	switch {
	case errors.As(err, &broken):
		w.avoid.Failed(to, broken.Bad.Raw)
	case errors.As(err, &damaged):
		again = p.block.Pass(err)
	default:
		return backoff.Permanent(err)
	}
	// Of damaged data DataNodes may have kept what they refused, CRCs and all: left
	// in the file it would pass for a copy.
	if gone := w.dst.NN.AbandonBlock(ctx, w.name, to, w.id); gone != nil {
		return backoff.Permanent(errors.Join(err, gone))
	}
	if !again {
		return backoff.Permanent(err)
	}
	return err
}

// final tells backoff of an error that no repetition mends.
func final(ctx context.Context, err error) error {
	if ctx.Err() != nil || permanent(err) || errors.Is(err, namenode.ErrQuota) || errors.Is(err, namenode.ErrLeaseLost) {
		return backoff.Permanent(err)
	}
	return err
}

// addBlock gets a place for the next block.
func (w *writing) addBlock(ctx context.Context, bad []namenode.DataNode) (to namenode.Block, err error) {
	err = again(ctx, func() (err error) {
		to, err = w.dst.NN.AddBlock(ctx, w.name, w.last, namenode.AddBlockOptions{FileID: w.id, Exclude: bad})
		return err
	}, func(err error) bool { return errors.Is(err, namenode.ErrNotReplicatedYet) })
	to.Length = 0
	return to, err
}

// block copies a part into a new block and returns the MD5 of its CRCs.
func (w *writing) block(ctx context.Context, p part, to datanode.Block) (sum []byte, err error) {
	if p.whole {
		sum, err = datanode.Relay(ctx, w.read, p.block, w.write, to, w.moved(ctx))
	} else {
		sum, err = w.stream(ctx, p, 0, to, datanode.WriteOptions{}, func() error { return nil })
		if err == nil {
			err = w.asSource(ctx, p, sum)
		}
	}
	if err != nil || !w.opt.Prove {
		return sum, err
	}
	got, err := w.write.Checksum(ctx, to, p.length, false)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(got.Sum, sum) {
		return nil, fmt.Errorf("the target's checksum of %s is %x, that of the packets sent is %x", to, got.Sum, sum)
	}
	return sum, nil
}

// asSource holds the checksum of a part that was cut out of a block against
// what the source's DataNodes say of it.
func (w *writing) asSource(ctx context.Context, p part, sum []byte) error {
	want, err := w.read.Checksum(ctx, p.block, p.length, false)
	if err != nil {
		return err
	}
	if !bytes.Equal(want.Sum, sum) {
		return fmt.Errorf("the source's checksum of %s is %x, that of the bytes read is %x", p.block, want.Sum, sum)
	}
	return nil
}

// stream copies the bytes of a part behind the first skip ones, with checksums
// made anew, into a new block or to the end of one; ready is called when the
// DataNodes are, before the first byte. The sum covers what was written.
func (w *writing) stream(ctx context.Context, p part, skip int64, to datanode.Block, o datanode.WriteOptions, ready func() error) ([]byte, error) {
	w.res.Relayed = false
	in, err := w.read.Read(ctx, p.block, skip, p.length-skip)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	o.Checksum = in.Checksum()
	out, err := w.write.NewWriter(ctx, to, o)
	if err != nil {
		return nil, err
	}
	if err := ready(); err != nil {
		out.Abort()
		return nil, err
	}
	moved := w.moved(ctx)
	err = in.Data(func(b []byte) error {
		if err := moved(len(b)); err != nil {
			return err
		}
		_, err := out.Write(b)
		return err
	})
	if err != nil {
		out.Abort()
		return nil, err
	}
	if err := out.Close(); err != nil {
		return nil, err
	}
	return out.Sum(), nil
}

package tree

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
	"drover/internal/hadoop/wire"
)

const (
	// reportWait bounds the wait until the DataNodes have reported a block.
	reportWait = 2 * time.Minute
	// cleanupWait bounds the cleaning up after a write that failed.
	cleanupWait = 5 * time.Second
	writeBuffer = 64 << 10
)

// create makes a file with all its content. After an error nothing is left.
func (t Target) create(ctx context.Context, name string, a Attr, replace bool, c Content) (int64, error) {
	defer t.NameNode.KeepLease(ctx)()
	made, err := t.NameNode.Create(ctx, name, namenode.CreateOptions{
		Mode: 0o644, Overwrite: replace, Replication: cmp.Or(a.Replication, 1), BlockSize: cmp.Or(a.BlockSize, MiB),
	})
	if err != nil {
		return 0, err
	}
	f := &openFile{target: t, name: name, fileID: made.FileID, blockSize: made.BlockSize}
	n, err := f.pour(ctx, c)
	if err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupWait)
		defer cancel()
		_, undone := t.NameNode.Delete(undo, name, false)
		return n, errors.Join(err, undone)
	}
	return n, nil
}

// append adds a content at a file's end. After an error that wraps a refusal of
// the NameNode the file is as it was; after any other its end is unknown.
func (t Target) append(ctx context.Context, name string, newBlock bool, c Content) error {
	defer t.NameNode.KeepLease(ctx)()
	last, was, err := t.NameNode.Append(ctx, name, newBlock)
	if err != nil {
		return err
	}
	f := &openFile{target: t, name: name, fileID: was.FileID, blockSize: was.BlockSize}
	switch {
	case last != nil && newBlock:
		f.last = last.Proto(last.Length)
	case last != nil:
		err = f.goOn(ctx, *last)
	}
	var n int64
	if err == nil {
		n, err = f.pour(ctx, c)
	}
	if err == nil {
		return nil
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupWait)
	defer cancel()
	t.NameNode.RecoverLease(undo, name) //nolint:errcheck // the lease runs out by itself
	if n > 0 {
		// Not wrapped: to whoever retries after a refusal it must look final.
		return fmt.Errorf("append to %s, of which %d bytes were sent: %v", name, n, err) //nolint:errorlint // see above
	}
	return err
}

// openFile is a file this client has open for writing.
type openFile struct {
	target    Target
	name      string
	fileID    uint64
	blockSize int64
	block     namenode.Block   // under way
	w         *datanode.Writer // of block; nil between blocks
	last      wire.Message     // the block before, with its length
}

// goOn sets up the pipeline of a last block that has room (Hadoop's
// DataStreamer.setupPipelineForAppendOrRecovery).
func (f *openFile) goOn(ctx context.Context, last namenode.Block) error {
	nn := f.target.NameNode
	renewed, err := nn.UpdateBlockForPipeline(ctx, last)
	if err != nil {
		return err
	}
	b := blockOf(last)
	b.Token = renewed.Token
	w, err := f.target.DataNodes.NewWriter(ctx, b, datanode.WriteOptions{Append: true, Generation: renewed.Generation})
	if err != nil {
		return fmt.Errorf("append to %s: %w", f.name, err)
	}
	f.block, f.w = last, w
	f.block.Generation, f.block.Token = renewed.Generation, renewed.Token
	if err := nn.UpdatePipeline(ctx, last, f.block, last.Nodes, last.StorageIDs); err != nil {
		f.w.Abort()
		return err
	}
	return nil
}

// blockOf is a NameNode's block as DataNodes are told of it.
func blockOf(b namenode.Block) datanode.Block {
	out := datanode.Block{ID: b.Proto(b.Length), Token: b.Token, Size: b.Length, StorageIDs: b.StorageIDs, StorageTypes: b.StorageTypes}
	for _, n := range b.Nodes {
		out.Nodes = append(out.Nodes, datanode.Node{Raw: n.Proto, Addr: n.Addr(false)})
	}
	return out
}

// pour writes a content and closes the file. It returns how many bytes went to
// DataNodes, also with an error.
func (f *openFile) pour(ctx context.Context, c Content) (int64, error) {
	r, err := open(c)
	if err != nil {
		return 0, err
	}
	defer r.Close() //nolint:errcheck // only read
	n, err := io.CopyBuffer(writerFunc(func(p []byte) (int, error) { return f.write(ctx, p) }), r, make([]byte, writeBuffer))
	if err == nil && f.w != nil {
		err = f.endBlock()
	}
	if err == nil {
		err = f.complete(ctx)
	}
	if err != nil {
		if f.w != nil {
			f.w.Abort()
		}
		err = fmt.Errorf("write %s: %w", f.name, err)
	}
	return n, err
}

// writerFunc hides everything but Write, so that the buffer given is used.
type writerFunc func(p []byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func (f *openFile) write(ctx context.Context, p []byte) (int, error) {
	total := 0
	for len(p) > 0 {
		if f.w == nil {
			if err := f.beginBlock(ctx); err != nil {
				return total, err
			}
		}
		n, err := f.w.Write(p[:min(int64(len(p)), f.blockSize-f.w.Size())])
		total += n
		if err != nil {
			return total, err
		}
		p = p[n:]
		if f.w.Size() == f.blockSize {
			if err := f.endBlock(); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

func (f *openFile) beginBlock(ctx context.Context) error {
	b, err := untilReported(ctx, func() (namenode.Block, error) {
		return f.target.NameNode.AddBlock(ctx, f.name, f.last, namenode.AddBlockOptions{FileID: f.fileID})
	})
	if err != nil {
		return err
	}
	b.Length = 0
	f.block = b
	f.w, err = f.target.DataNodes.NewWriter(ctx, blockOf(b), datanode.WriteOptions{})
	return err
}

func (f *openFile) endBlock() error {
	w := f.w
	f.w = nil
	if err := w.Close(); err != nil {
		return err
	}
	f.last = f.block.Proto(w.Size())
	return nil
}

var errNotReported = fmt.Errorf("the datanodes have not reported the last block: %w", namenode.ErrNotReplicatedYet)

func (f *openFile) complete(ctx context.Context) error {
	_, err := untilReported(ctx, func() (struct{}, error) {
		done, err := f.target.NameNode.Complete(ctx, f.name, f.last, f.fileID)
		if err == nil && !done {
			err = errNotReported
		}
		return struct{}{}, err
	})
	return err
}

// untilReported repeats a call while the NameNode waits for the DataNodes.
func untilReported[T any](ctx context.Context, call func() (T, error)) (T, error) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 3*time.Millisecond, time.Second
	return backoff.Retry(ctx, func() (T, error) {
		v, err := call()
		if err != nil && !errors.Is(err, namenode.ErrNotReplicatedYet) {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(reportWait))
}

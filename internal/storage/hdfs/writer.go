package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
	"drover/internal/hadoop/wire"
)

// writer is a file being written; see storage.Writer.
type writer struct {
	ctx       context.Context
	store     *Store
	release   func() // of the lease
	name      string
	file      uint64 // its id
	blockSize int64
	block     namenode.Block   // where cur writes
	cur       *datanode.Writer // nil between blocks
	last      wire.Message     // id, with its length, of the block before
	broken    error            // what a write met; nothing but Abort may follow
	done      bool
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, fmt.Errorf("write %s: %w", w.name, fs.ErrClosed)
	}
	total := 0
	for len(p) > 0 && w.broken == nil {
		n, err := w.write(p)
		total += n
		p = p[n:]
		if err != nil {
			w.broken = wrap(w.ctx, "write", w.name, err)
		}
	}
	return total, w.broken
}

// write takes some of p: at most the rest of a block.
func (w *writer) write(p []byte) (int, error) {
	if w.cur == nil {
		if err := w.beginBlock(); err != nil {
			return 0, err
		}
	}
	n, err := w.cur.Write(p[:min(int64(len(p)), w.blockSize-w.cur.Size())])
	if err != nil {
		w.cur = nil // it gave the block up
		w.store.failed(w.block, err)
		return n, err
	}
	if w.cur.Size() == w.blockSize {
		err = w.endBlock()
	}
	return n, err
}

func (w *writer) beginBlock() error {
	return w.store.place(w.ctx, w.name, w.last, w.file, func(b namenode.Block) (err error) {
		w.block = b
		// Whoever writes to the store may take a break.
		w.cur, err = w.store.dn.NewWriter(w.ctx, b.Transfer(w.store.cfg.UseDataNodeHostname), datanode.WriteOptions{KeepAlive: true})
		return err
	})
}

func (w *writer) endBlock() error {
	cur := w.cur
	w.cur = nil
	if err := cur.Close(); err != nil {
		w.store.failed(w.block, err) // whoever writes the file anew does without it
		return err
	}
	w.last = w.block.Proto(cur.Size())
	return nil
}

// Commit implements storage.Writer.
func (w *writer) Commit() error {
	if w.done {
		return fmt.Errorf("commit %s: %w", w.name, fs.ErrClosed)
	}
	if w.broken != nil {
		return errors.Join(w.broken, w.Abort())
	}
	var err error
	if w.cur != nil {
		err = w.endBlock()
	}
	if err == nil {
		err = w.store.finish(w.ctx, w.name, w.last, w.file)
	}
	if err != nil {
		return errors.Join(wrap(w.ctx, "commit", w.name, err), w.Abort())
	}
	w.done = true
	w.release()
	return nil
}

// Abort implements storage.Writer. The removal does not depend on the writer's
// context, which has usually ended by then.
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	w.release()
	if w.cur != nil {
		w.cur.Abort()
		w.cur = nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), cleanupWait)
	defer cancel()
	return w.store.discardFile(ctx, w.name, w.file)
}

package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	mrand "math/rand/v2"
	"time"

	"drover/internal/hadoop/namenode"
)

// file is one file of a worker: all bytes ever written to it, drawn anew.
type file struct {
	path    string
	content Content
}

// work makes changes until the writer stops.
func (w *Writer) work(ctx context.Context, worker int) {
	rng := mrand.New(mrand.NewPCG(mrand.Uint64(), uint64(worker)))
	var files []*file
	for n := 0; w.await(ctx, w.limiter.Reserve().Delay()); n++ {
		op, f := w.draw(rng, worker, n, files)
		again, err := w.change(ctx, op, f)
		switch {
		case !again:
			return
		case err != nil: // nobody knows what became of it
			files = without(files, f)
		case op.Kind == Create:
			files = append(files, f)
		case op.Kind == Delete:
			files = without(files, f)
		}
	}
}

func without(files []*file, f *file) []*file {
	var out []*file
	for _, g := range files {
		if g != f {
			out = append(out, g)
		}
	}
	return out
}

// await waits, and reports whether the writer goes on.
func (w *Writer) await(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-w.stopping:
		return false
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// keepFiles is about how many files a worker has: beyond it deletes are as
// frequent as creates.
const keepFiles = 200

func (w *Writer) draw(rng *mrand.Rand, worker, n int, files []*file) (Op, *file) {
	piece := &Piece{Seed: rng.Uint64(), Bytes: rng.Int64N(w.cfg.MaxSize + 1)}
	p := rng.IntN(100)
	if len(files) < 3 || p < 60 && len(files) < keepFiles || p < 40 {
		f := &file{path: fmt.Sprintf("%s/f%08d", w.dir(worker, ""), n)}
		return Op{Kind: Create, Path: f.path, Piece: piece, Attr: &Attr{BlockSize: w.cfg.BlockSize, Replication: 1}}, f
	}
	f := pick(rng, files)
	switch {
	case p < 75:
		return Op{Kind: Append, Path: f.path, Piece: piece}, f
	case p < 90:
		return Op{Kind: Rename, Path: f.path, To: fmt.Sprintf("%s/r%08d", w.dir(worker, pick(rng, []string{"", "old"})), n)}, f
	default:
		return Op{Kind: Delete, Path: f.path}, f
	}
}

// change makes one change, again and again while it is refused, and records it.
// False: the writer stops. An error: the change failed, and whether HDFS has
// made it is unknown.
func (w *Writer) change(ctx context.Context, op Op, f *file) (goOn bool, err error) {
	refused := false
	defer func() {
		if refused {
			w.refusal(-1)
		}
	}()
	for {
		w.turn.RLock()
		t, onTarget := w.current()
		err = NewApplier(t, nil).one(ctx, op)
		if err == nil || !isRefusal(err) {
			goOn = w.settleChange(op, f, err, onTarget)
			w.turn.RUnlock()
			return goOn && ctx.Err() == nil, err
		}
		w.turn.RUnlock()
		if !refused {
			refused = true
			w.refusal(1)
		}
		if !w.await(ctx, refusedPause) {
			return false, err
		}
	}
}

func (w *Writer) current() (Target, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.target, w.onTarget
}

func (w *Writer) refusal(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refusing += n
	if n > 0 {
		w.stats.Refused++
		w.froze(time.Now())
	}
}

// isRefusal reports whether HDFS refuses changes for now, having made none.
func isRefusal(err error) bool {
	return errors.Is(err, namenode.ErrQuota) || errors.Is(err, namenode.ErrSafeMode) || errors.Is(err, fs.ErrPermission)
}

// settleChange puts an answered change into the ledger and counts it. It
// reports whether the writer may go on: not without its ledger.
func (w *Writer) settleChange(op Op, f *file, err error, onTarget bool) bool {
	now := time.Now()
	e := Entry{Time: now.UnixMilli(), Kind: op.Kind, Path: op.Path, To: op.To, Target: onTarget}
	if err != nil {
		e.Kind = lost
	} else if failed := f.became(op, &e); failed != nil {
		return w.giveUp(failed)
	}
	line, failed := e.line()
	if failed == nil {
		failed = w.ledger.Record(line)
	}
	if failed != nil {
		return w.giveUp(failed)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.stats.Errors++
		w.stats.LastError = err.Error()
		return true
	}
	w.stats.Acked++
	if onTarget {
		if w.stats.Target++; w.stats.Target == 1 {
			w.stats.FreezeMillis = now.Sub(w.frozeAt).Milliseconds()
		}
	}
	if w.refusing == 0 && !w.held && !onTarget {
		w.frozeAt = time.Time{}
	}
	w.lastAck = now
	switch op.Kind {
	case Create:
		w.stats.Files++
	case Delete:
		w.stats.Files--
	}
	return true
}

func (w *Writer) giveUp(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fatal = errors.Join(w.fatal, err)
	return false
}

// became makes an acknowledged change to the file, and completes its entry.
func (f *file) became(op Op, e *Entry) error {
	switch op.Kind {
	case Create:
		f.content = op.content()
	case Append:
		f.content = appended{f.content, op.content()}
	case Rename:
		f.path = op.To
		return nil
	case Delete:
		return nil
	}
	r, err := open(f.content)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	e.Digest, e.Size, err = DigestReader(r)
	return err
}

package tree

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"drover/internal/workload/ledger"
)

// WriterConfig says what a Writer writes.
type WriterConfig struct {
	// Dir is the directory below the target's root that is the writer's own,
	// relative; default "live".
	Dir        string
	Rate       int    // changes a second; default 20
	Workers    int    // changes under way at once; default 2
	MaxSize    int64  // of a file or of what is appended, bytes; default 64 KiB
	BlockSize  int64  // bytes; default MiB
	LedgerPath string // created; must not exist
}

// WriterStats says what a writer has done so far.
type WriterStats struct {
	Acked   int64 // changes in the ledger
	Target  int64 // those of them acknowledged after Switch
	Files   int64 // that are there now
	Refused int64 // refusals by a fence; the changes were tried again
	Errors  int64 // other failures; the file was given up
	// Frozen: the writer is held, or HDFS refuses changes, at present.
	Frozen bool
	// FreezeMillis is how long nothing was acknowledged around the cutover: from
	// the last acknowledgement before Hold or the first refusal to the first
	// one after Switch. 0 before that.
	FreezeMillis int64
	LastError    string
}

// refusedPause is the pause before a refused change is tried again.
const refusedPause = 100 * time.Millisecond

// Writer is an application that never stops changing a tree: it creates files,
// appends to them, renames and deletes them, a few at a time, at a steady rate,
// with every acknowledged change in its ledger. Each worker has files of its
// own, so the ledger's order is each file's order. When HDFS refuses changes
// (permissions, quota, safe mode) it holds them and tries again.
type Writer struct {
	cfg     WriterConfig
	run     string // makes the names of this writer unique
	ledger  *ledger.File
	limiter *rate.Limiter

	stopping chan struct{} // closed: no new changes
	abandon  context.CancelFunc
	wg       sync.WaitGroup
	turn     sync.RWMutex // held for reading while a change is under way, for writing while held

	mu       sync.Mutex
	target   Target
	onTarget bool
	held     bool
	refusing int // workers whose change is refused at present
	lastAck  time.Time
	frozeAt  time.Time // zero unless held, refused, or switched without an acknowledgement yet
	stats    WriterStats
	fatal    error
	stopped  bool
}

// StartWriter makes the writer's directory and its ledger and begins to write
// below the root of t. The writer runs until Stop; the clients stay the
// caller's.
func StartWriter(ctx context.Context, t Target, cfg WriterConfig) (*Writer, error) {
	cfg.Dir = cmp.Or(cfg.Dir, "live")
	cfg.Rate, cfg.Workers = orDefault(cfg.Rate, 20), orDefault(cfg.Workers, 2)
	cfg.MaxSize, cfg.BlockSize = cmp.Or(cfg.MaxSize, 64<<10), cmp.Or(cfg.BlockSize, MiB)
	w := &Writer{
		cfg: cfg, run: strings.ToLower(rand.Text()[:6]), target: t,
		limiter: rate.NewLimiter(rate.Limit(cfg.Rate), 1), stopping: make(chan struct{}),
	}
	for i := range cfg.Workers {
		if err := t.NameNode.Mkdirs(ctx, t.path(w.dir(i, "old")), 0o755, true); err != nil {
			return nil, fmt.Errorf("start writer: %w", err)
		}
	}
	var err error
	if w.ledger, err = ledger.Create(cfg.LedgerPath); err != nil {
		return nil, fmt.Errorf("start writer: %w", err)
	}
	life, abandon := context.WithCancel(context.WithoutCancel(ctx))
	w.abandon = abandon
	for i := range cfg.Workers {
		w.wg.Go(func() { w.work(life, i) })
	}
	return w, nil
}

// dir is a worker's directory, or one below it.
func (w *Writer) dir(worker int, below string) string {
	return strings.TrimSuffix(fmt.Sprintf("%s/%s-%d/%s", w.cfg.Dir, w.run, worker, below), "/")
}

// Hold ends the changes for now: it returns when none is under way any more, so
// that everything acknowledged is in the ledger and nothing comes after it.
// Release, or Switch, lets the writer go on. It is the human's word at a freeze.
func (w *Writer) Hold(ctx context.Context) error {
	w.mu.Lock()
	if w.held {
		w.mu.Unlock()
		return nil
	}
	w.held = true
	w.froze(w.lastAck)
	w.mu.Unlock()
	got := make(chan struct{})
	go func() {
		w.turn.Lock()
		close(got)
	}()
	select {
	case <-got:
		return nil
	case <-ctx.Done():
		go func() { <-got; w.turn.Unlock() }()
		w.mu.Lock()
		w.held = false
		w.mu.Unlock()
		return fmt.Errorf("hold writer: %w", ctx.Err())
	}
}

// Release undoes Hold.
func (w *Writer) Release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held {
		w.held = false
		if !w.onTarget {
			w.frozeAt = time.Time{}
		}
		w.turn.Unlock()
	}
}

// Switch sends all changes from now on to t and releases the writer. A change
// that is refused at present is made there. Later calls do nothing.
func (w *Writer) Switch(t Target) {
	w.mu.Lock()
	if w.onTarget {
		w.mu.Unlock()
		return
	}
	w.froze(w.lastAck)
	w.target, w.onTarget = t, true
	w.mu.Unlock()
	w.Release()
}

// froze notes when the freeze began, if it has not begun yet.
func (w *Writer) froze(at time.Time) {
	if w.frozeAt.IsZero() {
		w.frozeAt = at
	}
}

// Stats tells how far the writer is.
func (w *Writer) Stats() WriterStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Frozen = w.held || w.refusing > 0
	return s
}

// Stop ends the writer and closes its ledger. Changes under way are waited for
// until ctx ends; refused ones are not. The error is what made the writer give
// up, if something did: refusals and failed changes do not.
func (w *Writer) Stop(ctx context.Context) (WriterStats, error) {
	w.mu.Lock()
	stopped := w.stopped
	w.stopped = true
	w.mu.Unlock()
	if stopped {
		return w.Stats(), w.fatal
	}
	close(w.stopping)
	w.Release()
	cancel := context.AfterFunc(ctx, w.abandon)
	w.wg.Wait()
	cancel()
	w.abandon()
	w.mu.Lock()
	w.fatal = errors.Join(w.fatal, w.ledger.Close())
	w.mu.Unlock()
	return w.Stats(), w.fatal
}

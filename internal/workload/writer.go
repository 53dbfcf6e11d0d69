package workload

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"drover/internal/hbase"
	"drover/internal/hbase/rows"
	"drover/internal/workload/ledger"
)

// WriterConfig says what a Writer writes.
type WriterConfig struct {
	Table      hbase.TableName
	Families   []string // default f, g, h; each row has one cell in one of them
	Rate       int      // rows per second; default 1,000
	Workers    int      // batches under way at once; default 4
	Batch      int      // rows per batch; default 20
	ValueSize  int      // bytes; default 100
	LedgerPath string   // created; must not exist
}

func (c WriterConfig) withDefaults() WriterConfig {
	if len(c.Families) == 0 {
		c.Families = []string{"f", "g", "h"}
	}
	c.Rate = orDefault(c.Rate, 1000)
	c.Workers = orDefault(c.Workers, 4)
	c.Batch = orDefault(c.Batch, 20)
	c.ValueSize = orDefault(c.ValueSize, 100)
	return c
}

// retryPause is the pause before a refused or failed batch is tried again.
const retryPause = 100 * time.Millisecond

// Writer is an application that never stops writing: unique rows at a steady
// rate, every acknowledged one in its ledger. When the table turns read only
// it holds what was refused and tries again, so it goes on by itself when the
// fence is lifted, and at once when Switch gives it the target.
type Writer struct {
	cfg     WriterConfig
	run     string // makes the rows of this writer unique
	ledger  *ledger.File
	limiter *rate.Limiter
	meter   meter
	seq     atomic.Int64

	stopping chan struct{} // closed: no new batches
	abandon  context.CancelFunc
	wg       sync.WaitGroup

	mu       sync.Mutex
	client   *rows.Client
	onTarget bool
	changed  chan struct{} // closed by Switch
	fatal    error
	stopped  bool
}

// StartWriter creates the ledger and begins to write to source. The writer
// runs until Stop; the clients stay the caller's.
func StartWriter(source *rows.Client, cfg WriterConfig) (*Writer, error) {
	cfg = cfg.withDefaults()
	l, err := ledger.Create(cfg.LedgerPath)
	if err != nil {
		return nil, fmt.Errorf("start writer on table %s: %w", cfg.Table, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &Writer{
		cfg: cfg, run: strings.ToLower(rand.Text()[:6]), ledger: l,
		limiter:  rate.NewLimiter(rate.Limit(cfg.Rate), max(cfg.Batch, cfg.Rate/10)),
		stopping: make(chan struct{}), abandon: cancel,
		client: source, changed: make(chan struct{}),
	}
	for range cfg.Workers {
		w.wg.Go(func() { w.work(ctx) })
	}
	return w, nil
}

// Switch sends everything from now on to target, what the source refused
// included. Attempts under way at the source are given up; a write of theirs
// that was not acknowledged is sent to target with the same timestamp. Later
// calls do nothing.
func (w *Writer) Switch(target *rows.Client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.onTarget {
		return
	}
	w.meter.switchover(time.Now())
	w.client, w.onTarget = target, true
	close(w.changed)
}

// Stats tells how far the writer is.
func (w *Writer) Stats() WriterStats { return w.meter.snapshot() }

// Stop ends the writer and closes its ledger. Batches under way are waited for
// until ctx ends, refused ones are not. The error is what made the writer give
// up, if something did: refusals and failed attempts do not.
func (w *Writer) Stop(ctx context.Context) (WriterStats, error) {
	w.mu.Lock()
	if w.stopped {
		w.mu.Unlock()
		return w.Stats(), w.fatal
	}
	w.stopped = true
	w.mu.Unlock()
	close(w.stopping)
	idle := make(chan struct{})
	go func() {
		w.wg.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
		w.abandon()
		<-idle
	}
	w.abandon()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fatal = errors.Join(w.fatal, w.ledger.Close())
	return w.Stats(), w.fatal
}

// work writes batches until the writer stops.
func (w *Writer) work(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		if err := w.waitTurn(ctx); err != nil {
			return
		}
		if !w.deliver(ctx, w.batch()) {
			return
		}
	}
}

// waitTurn waits for the rate limiter; the error says that the writer stops.
func (w *Writer) waitTurn(ctx context.Context) error {
	turn := w.limiter.ReserveN(time.Now(), w.cfg.Batch)
	t := time.NewTimer(turn.Delay())
	defer t.Stop()
	select {
	case <-w.stopping:
		return errStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

var errStopped = errors.New("writer stopped")

// write is one row on its way: the entry is recorded when it is acknowledged.
type write struct {
	mutation rows.Mutation
	entry    Entry
}

func (w *Writer) batch() []write {
	out := make([]write, w.cfg.Batch)
	now := uint64(time.Now().UnixMilli())
	for i := range out {
		n := w.seq.Add(1)
		value := make([]byte, w.cfg.ValueSize)
		for j := range value {
			value[j] = byte(mrand.Uint32())
		}
		row := fmt.Sprintf("%04x-w-%s-%010d", spread(int(n)), w.run, n)
		family := w.cfg.Families[int(n)%len(w.cfg.Families)]
		cell := rows.Cell{Family: family, Qualifier: "w", Timestamp: now, Value: value}
		out[i] = write{
			mutation: rows.Mutation{Row: row, Cells: []rows.Cell{cell}},
			entry:    Entry{Row: row, Family: family, Qualifier: cell.Qualifier, Timestamp: now, Digest: Digest(value)},
		}
	}
	return out
}

// deliver tries the batch until every row is acknowledged, and reports whether
// the writer may go on.
func (w *Writer) deliver(ctx context.Context, left []write) bool {
	held := false
	for {
		client, onTarget, changed := w.current()
		var acked []write
		var err error
		acked, left, err = w.attempt(ctx, client, onTarget, changed, left)
		if !w.record(acked, onTarget) {
			return false
		}
		if len(left) == 0 {
			if held {
				w.meter.released()
			}
			return true
		}
		switch {
		case hbase.IsReadOnly(err):
			w.meter.refusedWrites(len(left), !held, time.Now())
			held = true
		case ctx.Err() == nil && !closed(changed):
			w.meter.failed(len(left), err)
		}
		if !w.pause(ctx, changed) {
			return false
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (w *Writer) current() (*rows.Client, bool, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.onTarget {
		return w.client, true, nil
	}
	return w.client, false, w.changed
}

// attempt sends the writes once and parts them by whether they were
// acknowledged. An attempt at the source ends when the writer is switched.
func (w *Writer) attempt(ctx context.Context, client *rows.Client, onTarget bool, changed <-chan struct{}, ws []write) (acked, left []write, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !onTarget {
		over := make(chan struct{})
		defer close(over)
		go func() {
			select {
			case <-changed:
				cancel()
			case <-over:
			}
		}()
	}
	ms := make([]rows.Mutation, len(ws))
	for i, x := range ws {
		ms[i] = x.mutation
	}
	err = client.Put(ctx, w.cfg.Table.String(), ms)
	if err == nil {
		return ws, nil, nil
	}
	var be *rows.BatchError
	if !errors.As(err, &be) {
		return nil, ws, err
	}
	refused := map[int]bool{}
	for _, r := range be.Rows {
		refused[r.Index] = true
	}
	for i, x := range ws {
		if refused[i] {
			left = append(left, x)
			continue
		}
		acked = append(acked, x)
	}
	return acked, left, err
}

// record puts acknowledged writes into the ledger and counts them. A ledger
// that cannot be written ends the writer.
func (w *Writer) record(ws []write, onTarget bool) bool {
	if len(ws) == 0 {
		return true
	}
	var lines []byte
	for _, x := range ws {
		lines = x.entry.append(lines)
	}
	if err := w.ledger.Record(lines); err != nil {
		w.mu.Lock()
		w.fatal = errors.Join(w.fatal, err)
		w.mu.Unlock()
		return false
	}
	w.meter.acked(len(ws), onTarget, time.Now())
	return true
}

// pause waits before the next attempt: shortly, or until the writer is
// switched. False: the writer stops, and what it holds was never acknowledged.
func (w *Writer) pause(ctx context.Context, changed <-chan struct{}) bool {
	t := time.NewTimer(retryPause)
	defer t.Stop()
	select {
	case <-w.stopping:
		return false
	case <-ctx.Done():
		return false
	case <-changed:
		return true
	case <-t.C:
		return true
	}
}

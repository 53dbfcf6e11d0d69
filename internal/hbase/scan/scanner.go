// Package scan reads every cell of a key range of a table as one canonical
// stream of bytes: the concatenated cell blocks of the region servers' answers.
// The stream depends on the cells alone, not on regions, batches, moves, splits
// or restarts, so that two tables are equal when their streams are.
//
// A scanner never trusts an answer it cannot place. It numbers its calls
// (next_call_seq), so that a lost answer is noticed instead of skipped; it holds
// back the last row of each block, which may be incomplete, and after any error
// locates the region anew and starts again at that row.
package scan

import (
	"context"
	"errors"
	"io"
	"math"
	"sync/atomic"
	"time"

	"drover/internal/hbase/hbasepb"
)

const (
	// DefaultBlock is the size of an answer asked for. 2 MB was the fastest of
	// the sizes tried; it is also HBase's own default.
	DefaultBlock = 2 << 20
	// DefaultPatience is how long a scan goes on without a single row before it
	// gives up: a killed region server's regions are back after about a minute.
	DefaultPatience = 5 * time.Minute
	// renewEvery keeps the server's lease (60 s unless configured) while the
	// consumer is busy elsewhere.
	renewEvery = 15 * time.Second
	// readAhead is how many chunks wait for the consumer.
	readAhead = 2
)

// Spec says what is read.
type Spec struct {
	Start []byte // first row; empty: the table's first
	Stop  []byte // row after the last; empty: the table's end
	// Raw also returns delete markers and what they hide.
	Raw bool
	// Filter runs on the server; nil reads everything. It must only ever leave
	// out cells because of the cell, never because of what was read before.
	Filter *hbasepb.Filter
	// Random reads with positional reads, better for few rows of a large region.
	Random bool
	// Block is the size in bytes of an answer; 0 means DefaultBlock. A row that
	// does not fit comes in several answers.
	Block int
	// Rows bounds the rows of an answer; 0 leaves that to Block.
	Rows int
	// Patience is how long to try without progress; 0 means DefaultPatience.
	Patience time.Duration
}

// Chunk is a part of the stream: whole cells, in order. A row may go on in the
// next chunk. The bytes are the receiver's and are not written to again unless
// it releases them.
type Chunk struct {
	Block []byte
	Cells int
	// Rows counts the rows that begin in this chunk.
	Rows int

	release func()
}

// Release lets the bytes be used for others to come, which saves a scan of large
// answers a third of its CPU. Nobody may look at them, or at cells in them, any
// more. It may be left out.
func (c Chunk) Release() {
	if c.release != nil {
		c.release()
	}
}

// Releasing returns the chunk with what its release does.
func (c Chunk) Releasing(release func()) Chunk {
	c.release = release
	return c
}

// recycler is a Caller that can use the memory of answers again.
type recycler interface{ Recycle(cells []byte) }

// Scanner yields the cells of a key range. It is for one goroutine.
type Scanner struct {
	chunks   chan Chunk
	cancel   context.CancelCauseFunc
	err      error // why the stream ended; nil is its end. Set before chunks is closed.
	restarts atomic.Int64
}

var errClosed = errors.New("scanner closed")

// Scan starts reading. The caller must Close the scanner.
func (t *Table) Scan(ctx context.Context, spec Spec) *Scanner {
	if spec.Block == 0 {
		spec.Block = DefaultBlock
	}
	if spec.Rows == 0 {
		spec.Rows = math.MaxInt32
	}
	if spec.Patience == 0 {
		spec.Patience = DefaultPatience
	}
	ctx, cancel := context.WithCancelCause(ctx)
	s := &Scanner{chunks: make(chan Chunk, readAhead), cancel: cancel}
	r := &reader{table: t, spec: spec, out: s, pos: spec.Start}
	go func() {
		s.err = r.run(ctx)
		close(s.chunks)
	}()
	return s
}

// Next gives the next part of the stream. At its end it returns io.EOF; any
// other error means that the stream is incomplete, and stays.
func (s *Scanner) Next() (Chunk, error) {
	c, ok := <-s.chunks
	if ok {
		return c, nil
	}
	if s.err != nil {
		return Chunk{}, s.err
	}
	return Chunk{}, io.EOF
}

// Restarts counts how often the scan had to be taken up again.
func (s *Scanner) Restarts() int64 { return s.restarts.Load() }

// Close ends the scan, on the server too, and waits until that is done. It may
// be called at any time and more than once.
func (s *Scanner) Close() {
	s.cancel(errClosed)
	for range s.chunks { // drained until the reader has closed it
	}
}

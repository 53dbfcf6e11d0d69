package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"drover/internal/hbase"
	"drover/internal/pause"
)

// reader runs one scan: region by region, block by block.
type reader struct {
	table *Table
	spec  Spec
	out   *Scanner

	// pos is the first row not yet given to the consumer. After an error the
	// scan is taken up there.
	pos []byte
	// held is the last row received, kept back because the next block may go on
	// with it. pos is its key. It is empty before the first row of a region.
	held     []Chunk
	heldCell int
	progress bool // the scan came further since the last error
}

// run reads the whole key range. Its error says that the stream is incomplete.
func (r *reader) run(ctx context.Context) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 20*time.Millisecond, 3*time.Second
	stuck := time.Now()
	for {
		done, err := r.nextRegion(ctx)
		if done {
			return nil
		}
		if r.progress || err == nil {
			r.progress = false
			stuck = time.Now()
			wait.Reset()
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return fmt.Errorf("scan %s: %w", r.table.name, context.Cause(ctx))
		}
		if !restartable(err) {
			return fmt.Errorf("scan %s at row %q: %w", r.table.name, r.pos, err)
		}
		if tried := time.Since(stuck); tried > r.spec.Patience {
			return fmt.Errorf("scan %s at row %q: no progress for %s: %w", r.table.name, r.pos, tried.Round(time.Second), err)
		}
		r.held, r.heldCell = nil, 0
		r.out.restarts.Add(1)
		if err := pause.For(ctx, wait.NextBackOff()); err != nil {
			return fmt.Errorf("scan %s: %w", r.table.name, err)
		}
	}
}

// nextRegion reads from pos to the end of the region that holds it, and reports
// whether that was the end of the key range.
func (r *reader) nextRegion(ctx context.Context) (done bool, err error) {
	region, version, err := r.table.locate(ctx, r.pos)
	if err != nil {
		r.table.forget(version)
		return false, err
	}
	stop := r.spec.Stop
	last := len(region.End) == 0 || (len(stop) > 0 && bytes.Compare(stop, region.End) <= 0)
	if !last {
		stop = region.End
	}
	if err := r.readRegion(ctx, region, stop); err != nil {
		r.table.forget(version)
		return false, err
	}
	// Rows do not cross regions: what was held back is complete.
	if err := r.flushHeld(ctx, nil); err != nil {
		return false, err
	}
	r.pos = region.End
	return last, nil
}

func (r *reader) readRegion(ctx context.Context, region hbase.Region, stop []byte) error {
	client, err := r.table.source.Client(ctx, region.Server)
	if err != nil {
		return err
	}
	rs := &regionScan{client: client, region: region, spec: r.spec, start: r.pos, stop: stop}
	defer rs.close(ctx)
	for {
		b, err := rs.next(ctx)
		if err != nil {
			return err
		}
		if err := r.take(ctx, rs, b); err != nil {
			return err
		}
		if b.last {
			return nil
		}
	}
}

// take gives the consumer all rows of a block but the last, together with the
// row held back before.
func (r *reader) take(ctx context.Context, rs *regionScan, b block) error {
	if len(b.cells) == 0 {
		return nil // heartbeat, or the end of the region
	}
	cut, err := r.cut(b)
	if err != nil {
		return err
	}
	if cut.rows == 0 { // the whole block goes on with the row held back
		r.held, r.heldCell = append(r.held, Chunk{Block: b.cells, release: rs.release(b.cells, 1)}), r.heldCell+cut.cells
		return nil
	}
	if err := r.flushHeld(ctx, rs); err != nil {
		return err
	}
	release := rs.release(b.cells, int32(1+min(1, cut.at)))
	row := bytes.Clone(cut.row) // the block may be gone when it is asked for
	if cut.at > 0 {
		// Of the rows counted, one begins at the cut and stays; if the block
		// began with the rest of the held row, that one was never counted.
		if err := r.send(ctx, rs, Chunk{Block: b.cells[:cut.at:cut.at], Cells: cut.cells - cut.after, Rows: cut.rows - 1, release: release}); err != nil {
			return err
		}
	}
	// Reading the row that the scan was taken up at is no progress: a row too
	// long to come through would be tried for ever.
	r.progress = r.progress || !bytes.Equal(r.pos, row)
	r.held, r.heldCell, r.pos = []Chunk{{Block: b.cells[cut.at:], release: release}}, cut.after, row
	return nil
}

// cutting says where the last row of a block begins.
type cutting struct {
	at    int    // offset of the last row
	row   []byte // its key
	rows  int    // rows that begin in the block
	cells int    // cells of the block
	after int    // cells of the last row
}

// cut walks the cells of a block. The server says how many belong to each
// result, so rows are compared only where a result begins: a long row comes as
// several results.
func (r *reader) cut(b block) (cutting, error) {
	var c cutting
	var row []byte
	if len(r.held) > 0 {
		row = r.pos
	}
	rest := b.cells
	for _, n := range b.perResult {
		for i := range n {
			cell, tail, err := SplitCell(rest)
			if err != nil {
				return c, err
			}
			if i == 0 && (row == nil || !bytes.Equal(row, cell.Row())) {
				if row != nil && bytes.Compare(row, cell.Row()) > 0 {
					return c, fmt.Errorf("%w: row %q after row %q", ErrMalformed, cell.Row(), row)
				}
				row = cell.Row()
				c.at, c.row, c.after = len(b.cells)-len(rest), row, 0
				c.rows++
			}
			c.cells++
			c.after++
			rest = tail
		}
	}
	if len(rest) > 0 {
		return c, fmt.Errorf("%w: %d bytes after the last of %d cells", ErrMalformed, len(rest), c.cells)
	}
	return c, nil
}

// flushHeld gives the consumer the row held back.
func (r *reader) flushHeld(ctx context.Context, rs *regionScan) error {
	for i, c := range r.held {
		if i == 0 {
			c.Rows, c.Cells = 1, r.heldCell
		}
		if err := r.send(ctx, rs, c); err != nil {
			return err
		}
	}
	r.held, r.heldCell = nil, 0
	return nil
}

// send waits for the consumer and keeps the server's lease meanwhile.
func (r *reader) send(ctx context.Context, rs *regionScan, c Chunk) error {
	select {
	case r.out.chunks <- c:
		return nil
	default:
	}
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case r.out.chunks <- c:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			if rs != nil {
				rs.renew(ctx)
			}
		}
	}
}

// restartable reports whether reading on at the held row may succeed. HBase
// marks as "do not retry" also what only says that a scanner is gone.
func restartable(err error) bool {
	if errors.Is(err, ErrMalformed) || errors.Is(err, errProtocol) || errors.Is(err, hbase.ErrTableNotFound) {
		return false
	}
	var remote *hbase.RemoteError
	if !errors.As(err, &remote) || !remote.DoNotRetry {
		return true
	}
	for _, class := range []string{
		"UnknownScannerException", "OutOfOrderScannerNextException", "ScannerResetException",
		"LeaseException", "RegionServerStoppedException", "RegionServerAbortedException",
	} {
		if hbase.IsClass(err, class) {
			return true
		}
	}
	return false
}

package compare

import (
	"bytes"
	"errors"
	"io"

	"drover/internal/hbase/scan"
)

// stream is what a scanner yields; tests cut streams as they like.
type stream interface {
	Next() (scan.Chunk, error)
}

// cursor is a position in a stream, always between two cells.
type cursor struct {
	stream stream
	block  []byte // not yet consumed; whole cells
	ended  bool
	// chunk holds block, and before is the one that came before it, which may
	// still be looked at; whatever is older is released, unless kept.
	chunk, before scan.Chunk
	keep          bool
	rows          int64
	cells         int64
	bytes         int64
	// consumed, if set, gets every byte once, in order.
	consumed io.Writer
}

// fill makes sure that there is something to consume, or that the stream ended.
func (c *cursor) fill() error {
	for len(c.block) == 0 && !c.ended {
		chunk, err := c.stream.Next()
		if errors.Is(err, io.EOF) {
			c.ended = true
			return nil
		}
		if err != nil {
			return err
		}
		c.turn(chunk)
		c.block = chunk.Block
		c.rows += int64(chunk.Rows)
		c.cells += int64(chunk.Cells)
		c.bytes += int64(len(chunk.Block))
	}
	return nil
}

// turn makes chunk the present one.
func (c *cursor) turn(chunk scan.Chunk) {
	if c.keep || len(chunk.Block) == 0 {
		return
	}
	c.before.Release()
	c.before, c.chunk = c.chunk, chunk
}

// hold lets cells be kept for as long as anybody likes, or ends that: those of
// the present chunk and the one before it, and of all to come until then.
func (c *cursor) hold(keep bool) {
	c.chunk, c.before, c.keep = scan.Chunk{}, scan.Chunk{}, keep
}

func (c *cursor) advance(n int) {
	if c.consumed != nil {
		_, _ = c.consumed.Write(c.block[:n]) // a hash, which never fails
	}
	c.block = c.block[n:]
}

// peek gives the next cell, or nil at the end of the stream.
func (c *cursor) peek() (scan.Cell, error) {
	if err := c.fill(); err != nil || c.ended {
		return nil, err
	}
	cell, _, err := scan.SplitCell(c.block)
	return cell, err
}

func (c *cursor) skip(cell scan.Cell) { c.advance(len(cell) + 4) }

// rowCells consumes the cells that are left of a row.
func (c *cursor) rowCells(key []byte) ([]scan.Cell, error) {
	var out []scan.Cell
	for {
		cell, err := c.peek()
		if err != nil || cell == nil || !bytes.Equal(cell.Row(), key) {
			return out, err
		}
		c.skip(cell)
		out = append(out, cell)
	}
}

// merger walks two streams side by side.
type merger struct {
	source, target *cursor
	// differ is called for every row that differs, in order.
	differ func(row) error
	// tick, if set, is called about once per block.
	tick func()

	// equal is the last bytes that were equal on both sides, in the source's
	// present chunk or the one before it.
	equal []byte
}

// run consumes both streams. Blocks of the two sides need not begin or end at
// the same cells.
func (m *merger) run() error {
	for {
		if err := errors.Join(m.source.fill(), m.target.fill()); err != nil {
			return err
		}
		if m.source.ended && m.target.ended {
			return nil
		}
		if m.tick != nil {
			m.tick()
		}
		// Both begin at a cell and the shorter one ends with a cell: where they
		// are equal, the longer one has a cell's end there too.
		n := min(len(m.source.block), len(m.target.block))
		if n > 0 && bytes.Equal(m.source.block[:n], m.target.block[:n]) {
			m.equal = m.source.block[:n]
			m.source.advance(n)
			m.target.advance(n)
			continue
		}
		if err := m.nextRow(); err != nil {
			return err
		}
	}
}

// nextRow finds the first cell that differs and consumes its row on both sides.
func (m *merger) nextRow() error {
	m.hold(true)
	defer m.hold(false)
	before, err := lastCell(m.equal)
	if err != nil {
		return err
	}
	m.equal = nil
	for {
		a, err := m.source.peek()
		if err != nil {
			return err
		}
		b, err := m.target.peek()
		if err != nil {
			return err
		}
		if a == nil && b == nil {
			return nil
		}
		if a != nil && b != nil && bytes.Equal(a, b) {
			before = a
			m.source.skip(a)
			m.target.skip(b)
			continue
		}
		return m.takeRow(firstRow(a, b), before)
	}
}

func (m *merger) hold(keep bool) {
	m.source.hold(keep)
	m.target.hold(keep)
}

func firstRow(a, b scan.Cell) []byte {
	switch {
	case a == nil:
		return b.Row()
	case b == nil || bytes.Compare(a.Row(), b.Row()) <= 0:
		return a.Row()
	default:
		return b.Row()
	}
}

func (m *merger) takeRow(key []byte, before scan.Cell) error {
	r := row{key: key}
	if before != nil && bytes.Equal(before.Row(), key) {
		r.before = before
	}
	var err error
	if r.source, err = m.source.rowCells(key); err != nil {
		return err
	}
	if r.target, err = m.target.rowCells(key); err != nil {
		return err
	}
	return m.differ(r)
}

// lastCell gives the last cell of a block, or nil for an empty one.
func lastCell(block []byte) (last scan.Cell, err error) {
	for len(block) > 0 {
		if last, block, err = scan.SplitCell(block); err != nil {
			return nil, err
		}
	}
	return last, nil
}

package datanode

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"drover/internal/hadoop/wire"
)

// bufferSize is what a transfer holds in memory: a few packets.
const bufferSize = 256 << 10

// Reader is a block, or a part of one, on its way from a DataNode. It belongs
// to one goroutine and ends with Close.
type Reader struct {
	client *Client
	ctx    context.Context
	block  Block
	node   Node // whose replica it is
	conn   *conn
	stop   func() bool
	scan   scanner
	sum    []byte // ChecksumProto
	skip   int64  // bytes sent only because a chunk begins before the offset
	length int64
	given  int64 // bytes handed to the caller
}

// Read opens a block for reading length bytes from offset, at the first of its
// nodes that answers.
func (c *Client) Read(ctx context.Context, b Block, offset, length int64) (*Reader, error) {
	req := wire.Message(nil).Raw(1, c.operation(b, b.ID)).Uint(2, uint64(offset)).Uint(3, uint64(length))
	errs := []error{}
	for _, node := range b.Nodes {
		nc, resp, stop, err := c.open(ctx, node.Addr, opRead, req)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if resp.sum == nil || resp.chunkOffset > offset {
			stop()
			nc.Close() //nolint:errcheck // only read
			errs = append(errs, fmt.Errorf("datanode %s: %w", node.Addr, wire.ErrMalformed))
			continue
		}
		return &Reader{client: c, ctx: ctx, block: b, node: node, conn: nc, stop: stop, sum: resp.sum, skip: offset - resp.chunkOffset, length: length}, nil
	}
	if len(errs) == 0 {
		errs = append(errs, ErrNoNode)
	}
	return nil, fmt.Errorf("read %s: %w", b, errors.Join(errs...))
}

// Checksum is the ChecksumProto of the block: what a copy is to be written with
// so that both have the same checksum.
func (r *Reader) Checksum() []byte { return r.sum }

// next reads what has come, at least one byte, and returns it. After the last
// packet it returns io.EOF.
func (r *Reader) next(buf []byte) ([]byte, error) {
	if r.scan.ended() {
		return nil, io.EOF
	}
	n, err := r.conn.Read(buf)
	if n > 0 {
		return buf[:n], r.scan.scan(buf[:n])
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return nil, about(r.ctx, r.conn.addr, err)
}

// Close releases the connection; for the next read if this one came to its end.
func (r *Reader) Close() {
	alive := r.stop()
	if !alive || !r.scan.ended() {
		r.conn.Close() //nolint:errcheck // only read
		return
	}
	// The DataNode waits for a word on how the read went (ClientReadStatusProto).
	if _, err := r.conn.Write(wire.AppendDelimited(nil, wire.Message(nil).Uint(1, 0))); err != nil {
		r.conn.Close() //nolint:errcheck // only read
		return
	}
	r.client.put(r.conn)
}

// Data calls each with the bytes asked for, piece by piece, each piece after it
// was found equal to the CRCs sent with it; the error is else a *DamagedError. The slices are valid during the
// call only.
func (r *Reader) Data(each func([]byte) error) error {
	check, err := newChecker(r.sum)
	if err != nil {
		return fmt.Errorf("datanode %s: %w", r.conn.addr, err)
	}
	r.scan.onSums = check.expect
	r.scan.onData = func(p []byte) error {
		check.packet = append(check.packet, p...)
		if r.scan.rest > 0 {
			return nil
		}
		if !check.holds() {
			return &DamagedError{Block: r.block.String(), Node: r.node}
		}
		err := r.give(check.packet, each)
		check.packet = check.packet[:0]
		return err
	}
	buf := r.client.buffer()
	defer r.client.release(buf)
	for {
		if _, err := r.next(*buf); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	if r.given != r.length {
		return fmt.Errorf("datanode %s sent %d bytes of %d: %w", r.conn.addr, r.given, r.length, io.ErrUnexpectedEOF)
	}
	return nil
}

// give cuts off what was not asked for.
func (r *Reader) give(p []byte, each func([]byte) error) error {
	n := min(r.skip, int64(len(p)))
	r.skip -= n
	p = p[n:]
	p = p[:min(int64(len(p)), r.length-r.given)]
	r.given += int64(len(p))
	if len(p) == 0 {
		return nil
	}
	return each(p)
}

// checker compares the data of a packet with its CRCs.
type checker struct {
	table  *crc32.Table
	chunk  int
	want   []byte
	packet []byte
}

// newChecker takes a ChecksumProto.
func newChecker(sum []byte) (*checker, error) {
	c := &checker{}
	var kind uint64
	err := wire.Fields(sum, func(n wire.Number, v uint64, _ []byte) error {
		switch n {
		case 1:
			kind = v
		case 2:
			c.chunk = int(v)
		}
		return nil
	})
	switch kind {
	case 1:
		c.table = crc32.IEEETable
	case crc32c:
		c.table = crc32.MakeTable(crc32.Castagnoli)
	default:
		return nil, fmt.Errorf("block has checksums of type %d, want CRC32 or CRC32C: %w", kind, errors.ErrUnsupported)
	}
	if err == nil && c.chunk <= 0 {
		err = wire.ErrMalformed
	}
	return c, err
}

func (c *checker) expect(sums []byte) { c.want = append(c.want, sums...) }

func (c *checker) holds() bool {
	want := c.want
	for rest := c.packet; len(rest) > 0; {
		chunk := rest[:min(len(rest), c.chunk)]
		if len(want) < 4 || crc32.Checksum(chunk, c.table) != binary.BigEndian.Uint32(want) {
			return false
		}
		rest, want = rest[len(chunk):], want[4:]
	}
	c.want = c.want[:0]
	return true
}

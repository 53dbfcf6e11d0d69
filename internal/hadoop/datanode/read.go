package datanode

import (
	"context"
	"errors"
	"fmt"
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

	check  *checker // nil until the first Read
	ready  []byte   // checked, and not handed out yet
	given  int64    // bytes handed out
	failed error    // what a Read met; no other may follow
}

// Read opens a block for reading length bytes from offset, at the first of its
// nodes that answers. NewReader's goes on at another node when one fails.
func (c *Client) Read(ctx context.Context, b Block, offset, length int64) (*Reader, error) {
	errs := []error{}
	for _, node := range b.Nodes {
		r, err := c.readAt(ctx, b, node, offset, length)
		if err == nil {
			return r, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		errs = append(errs, ErrNoNode)
	}
	return nil, fmt.Errorf("read %s: %w", b, errors.Join(errs...))
}

// readAt is Read at one node.
func (c *Client) readAt(ctx context.Context, b Block, node Node, offset, length int64) (*Reader, error) {
	req := wire.Message(nil).Raw(1, c.operation(b, b.ID)).Uint(2, uint64(offset)).Uint(3, uint64(length))
	nc, resp, stop, err := c.open(ctx, node.Addr, opRead, req)
	if err != nil {
		return nil, err
	}
	if resp.sum == nil || resp.chunkOffset > offset {
		stop()
		nc.Close() //nolint:errcheck // only read
		return nil, fmt.Errorf("datanode %s: %w", node.Addr, wire.ErrMalformed)
	}
	return &Reader{client: c, ctx: ctx, block: b, node: node, conn: nc, stop: stop, sum: resp.sum, skip: offset - resp.chunkOffset, length: length}, nil
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

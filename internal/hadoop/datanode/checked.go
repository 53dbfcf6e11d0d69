package datanode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"drover/internal/hadoop/wire"
)

// Read implements io.Reader: it hands out bytes that were found equal to the CRCs
// sent with them, and no others; the error is else a *DamagedError. What it leaves
// in p behind those is of no meaning. Of CRC32 and CRC32C alone; a block without
// checksums (dfs.checksum.type NULL) is errors.ErrUnsupported.
func (r *Reader) Read(p []byte) (int, error) {
	if r.failed != nil || len(p) == 0 {
		return 0, r.failed
	}
	n, err := r.read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = err
		return 0, err
	}
	r.given += int64(n)
	return n, err
}

func (r *Reader) read(p []byte) (int, error) {
	if r.check == nil {
		check, err := newChecker(r.sum)
		if err != nil {
			return 0, fmt.Errorf("datanode %s: %w", r.conn.addr, err)
		}
		r.check = check
	}
	for len(r.ready) == 0 {
		if r.given == r.length {
			r.drain()
			return 0, io.EOF
		}
		if r.scan.rest == 0 {
			if err := r.packet(); err != nil {
				return 0, err
			}
			continue
		}
		if n, err := r.chunks(p); n > 0 || err != nil {
			return n, err
		}
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// packet takes a packet's header and CRCs.
func (r *Reader) packet() error {
	if r.scan.ended() {
		return fmt.Errorf("datanode %s sent %d bytes of %d: %w", r.conn.addr, r.given, r.length, io.ErrUnexpectedEOF)
	}
	for before := r.scan.packets; r.scan.packets == before; {
		if _, err := r.pull(r.scan.missing()); err != nil {
			return err
		}
	}
	sums, err := r.pull(r.scan.sums)
	if err != nil {
		return err
	}
	if need := r.check.sums(r.scan.rest); len(sums) != need {
		return fmt.Errorf("datanode %s: %w: %d bytes of checksums in a packet that needs %d", r.conn.addr, wire.ErrMalformed, len(sums), need)
	}
	r.check.want = append(r.check.want[:0], sums...)
	return nil
}

// chunks moves checked data: whole chunks to where they are wanted, or, when that
// is no place for one or only a part of it was asked for, one chunk to ready.
func (r *Reader) chunks(p []byte) (int, error) {
	n := int(min(int64(len(p)), int64(r.scan.rest), r.length-r.given))
	if n < r.scan.rest {
		n -= n % r.check.chunk
	}
	if n > 0 && r.skip == 0 {
		return n, r.take(p[:n])
	}
	r.ready = slices.Grow(r.check.buf[:0], r.check.chunk)[:min(r.check.chunk, r.scan.rest)]
	r.check.buf = r.ready
	if err := r.take(r.ready); err != nil {
		r.ready = nil
		return 0, err
	}
	skip := min(r.skip, int64(len(r.ready)))
	r.skip -= skip
	r.ready = r.ready[skip:]
	r.ready = r.ready[:min(int64(len(r.ready)), r.length-r.given)]
	return 0, nil
}

// take fills p with the packet's next chunks and holds them against their CRCs.
func (r *Reader) take(p []byte) error {
	if err := r.fill(p); err != nil {
		return err
	}
	if !r.check.holds(p) {
		return &DamagedError{Block: r.block.String(), Node: r.node}
	}
	return nil
}

// pull takes the next n bytes of the stream, valid until the next call.
func (r *Reader) pull(n int) ([]byte, error) {
	r.check.head = slices.Grow(r.check.head[:0], n)[:n]
	return r.check.head, r.fill(r.check.head)
}

func (r *Reader) fill(p []byte) error {
	if _, err := io.ReadFull(r.conn, p); err != nil {
		return about(r.ctx, r.conn.addr, err)
	}
	return r.scan.scan(p)
}

// drain takes what follows the bytes asked for, so that the connection can be
// used again: the rest of a chunk, and the last packet.
func (r *Reader) drain() {
	for !r.scan.ended() {
		var err error
		if r.scan.rest > 0 {
			_, err = r.pull(r.scan.rest)
		} else {
			err = r.packet()
		}
		if err != nil {
			return
		}
	}
}

// Data calls each with the bytes asked for, piece by piece, as Read hands them
// out. The slices are valid during the call only.
func (r *Reader) Data(each func([]byte) error) error {
	buf := r.client.buffer()
	defer r.client.release(buf)
	for {
		n, err := r.Read(*buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := each((*buf)[:n]); err != nil {
			return err
		}
	}
}

// checker compares data with CRCs.
type checker struct {
	table *crc32.Table
	chunk int    // bytes under one CRC
	want  []byte // CRCs of what is still to come of a packet
	head  []byte // of a packet, or its CRCs
	buf   []byte // a chunk
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
	if err == nil && (c.chunk <= 0 || c.chunk > maxPacketSize) {
		err = wire.ErrMalformed
	}
	return c, err
}

// sums is the size of the CRCs of so many bytes.
func (c *checker) sums(data int) int { return (data + c.chunk - 1) / c.chunk * 4 }

// holds compares whole chunks with their CRCs, the next of those wanted.
func (c *checker) holds(p []byte) bool {
	for len(p) > 0 {
		chunk := p[:min(len(p), c.chunk)]
		if len(c.want) < 4 || crc32.Checksum(chunk, c.table) != binary.BigEndian.Uint32(c.want) {
			return false
		}
		p, c.want = p[len(chunk):], c.want[4:]
	}
	return true
}

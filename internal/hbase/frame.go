package hbase

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

const (
	// maxScratch bounds what a connection keeps for the messages of answers.
	maxScratch = 1 << 20
	// minRecycled is the size from which on memory of cells is used again, and
	// the step by which its size grows, so that one fits the next.
	minRecycled = 64 << 10
	sizeStep    = 256 << 10
)

// recycled holds *[]byte. Answers of a scan are megabytes each; memory that is
// new every time would have to be cleared, and fetched from the system.
var recycled sync.Pool

// Recycle takes back the cells of an answer for the next one's. Nobody may look
// at them any more. Cells that are never given back are garbage like any other.
func (c *Conn) Recycle(cells []byte) {
	if cap(cells) >= minRecycled {
		recycled.Put(&cells)
	}
}

// room returns n bytes of any content.
func room(n int) []byte {
	if n < minRecycled {
		return make([]byte, n)
	}
	if b, ok := recycled.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n, (n+sizeStep-1)/sizeStep*sizeStep)
}

// frame reads answers: u32 length, the header and the message each behind its
// length as a varint, and cells (org.apache.hadoop.hbase.ipc.ServerCall).
type frame struct {
	r       *bufio.Reader
	left    int // bytes of the frame still to come
	scratch []byte
}

// next begins the next frame.
func (f *frame) next() error {
	var size [4]byte
	if _, err := io.ReadFull(f.r, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxFrame {
		return fmt.Errorf("answer of %d bytes is over the limit of %d", n, maxFrame)
	}
	f.left = int(n)
	return nil
}

// ReadByte implements io.ByteReader inside the frame.
func (f *frame) ReadByte() (byte, error) {
	if f.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	f.left--
	return f.r.ReadByte()
}

// message reads the next message's bytes, valid until the next call.
func (f *frame) message() ([]byte, error) {
	n, err := binary.ReadUvarint(f)
	if err != nil {
		return nil, err
	}
	if n > uint64(f.left) {
		return nil, io.ErrUnexpectedEOF
	}
	if n > uint64(cap(f.scratch)) {
		f.scratch = make([]byte, n)
	}
	b := f.scratch[:n]
	if n > maxScratch {
		f.scratch = nil
	}
	f.left -= int(n)
	_, err = io.ReadFull(f.r, b)
	return b, err
}

// cells reads what is left of the frame.
func (f *frame) cells() ([]byte, error) {
	b := room(f.left)
	f.left = 0
	_, err := io.ReadFull(f.r, b)
	return b, err
}

// skip drops what is left of the frame.
func (f *frame) skip() error {
	n := f.left
	f.left = 0
	_, err := f.r.Discard(n)
	return err
}

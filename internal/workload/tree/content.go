package tree

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

// Content is what a file holds.
type Content interface {
	Size() int64 // bytes
	Open() (io.ReadCloser, error)
}

// Piece is a run of bytes drawn from a seed: the first Bytes bytes of its
// stream. Nothing is stored; they are drawn anew each time they are read.
type Piece struct {
	Seed  uint64 `json:"seed"`
	Bytes int64  `json:"bytes"`
}

// Size implements Content.
func (p Piece) Size() int64 { return p.Bytes }

// Open implements Content. It never fails.
func (p Piece) Open() (io.ReadCloser, error) {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], p.Seed)
	return io.NopCloser(io.LimitReader(rand.NewChaCha8(seed), p.Bytes)), nil
}

// appended is a content with another after it.
type appended struct{ head, tail Content }

func (a appended) Size() int64 { return sizeOf(a.head) + sizeOf(a.tail) }

func (a appended) Open() (io.ReadCloser, error) {
	head, err := open(a.head)
	if err != nil {
		return nil, err
	}
	tail, err := open(a.tail)
	if err != nil {
		head.Close() //nolint:errcheck // only read
		return nil, err
	}
	return both{io.MultiReader(head, tail), head, tail}, nil
}

type both struct {
	io.Reader
	head, tail io.Closer
}

func (b both) Close() error {
	b.head.Close() //nolint:errcheck // only read
	return b.tail.Close()
}

// truncated is the first n bytes of a content.
type truncated struct {
	whole Content
	n     int64
}

func (t truncated) Size() int64 { return t.n }

func (t truncated) Open() (io.ReadCloser, error) {
	r, err := open(t.whole)
	if err != nil {
		return nil, err
	}
	return both{io.LimitReader(r, t.n), io.NopCloser(nil), r}, nil
}

// localFile is the content of a file of this machine.
type localFile struct {
	path string
	size int64
}

func (f localFile) Size() int64 { return f.size }

func (f localFile) Open() (io.ReadCloser, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("read local file: %w", err)
	}
	return r, nil
}

// sizeOf and open take nil for an empty content.
func sizeOf(c Content) int64 {
	if c == nil {
		return 0
	}
	return c.Size()
}

func open(c Content) (io.ReadCloser, error) {
	if c == nil {
		c = Piece{}
	}
	return c.Open()
}

package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"drover/internal/storage"
)

// content is what a side can say of a file's bytes.
type content interface {
	// open reads a file from its first byte, under storage.Reader's promises.
	open(ctx context.Context, e entry) (io.ReadCloser, error)
	// keepsSums reports whether sum costs no reading of the file.
	keepsSums(e entry) bool
	// sum is the MD5 of the CRCs of the file's blocks.
	sum(ctx context.Context, e entry) (storage.Checksum, error)
	// composite is the CRC32C of the whole file, wherever it is cut into
	// blocks; ok is false where the store cannot tell it.
	composite(ctx context.Context, e entry) (crc uint32, ok bool, err error)
}

// readSize is how much of each file is read at a time.
const readSize = 1 << 20

// buffers are reused: a tree of small files would else allocate two megabytes
// for each.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[]byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return p
	}
	p := make([]byte, readSize)
	return &p
}

// file compares the bytes of two files of equal length.
func (c *comparison) file(ctx context.Context, a, b entry, found []Difference) error {
	proof, at, err := c.bytes(ctx, a, b)
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	c.tally.proved(proof)
	if err == nil && at >= 0 {
		err = c.unchanged(ctx, a, b)
		if ended := ctx.Err(); ended != nil {
			return ended
		}
		if err == nil {
			text := "other bytes from offset " + strconv.FormatInt(at, 10)
			found = append(found, Difference{Path: a.rel, Kind: Content, Source: "", Target: text})
		}
	}
	if err != nil {
		c.tally.gap(Gap{Path: a.rel, Reason: err.Error()})
	}
	c.tally.compared(a, found)
	return nil
}

// same is the offset that stands for "no byte differs".
const same = -1

// bytes finds out whether two files of equal length hold the same bytes, by the
// cheapest means that proves it, or where they first differ. An error means that
// it could not be found out.
func (c *comparison) bytes(ctx context.Context, a, b entry) (Proof, int64, error) {
	if a.size == 0 {
		return Proof{Empty: 1}, same, nil
	}
	sumsA, sumsB := c.source.keepsSums(a), c.target.keepsSums(b)
	var proof Proof
	var equal bool
	switch {
	case sumsA && sumsB:
		proof, equal = c.bySums(ctx, a, b)
	case sumsA:
		proof, equal = c.bySumOf(ctx, c.source, a, c.target, b)
	case sumsB:
		proof, equal = c.bySumOf(ctx, c.target, b, c.source, a)
	}
	if equal {
		return proof, same, nil
	}
	inVain := proof.BytesRead
	proof, at, err := c.byReading(ctx, a, b)
	proof.BytesRead += inVain
	return proof, at, err
}

// bySums compares what both stores keep. Its no means only: not this way. So
// does an error: whether the file can be read decides.
func (c *comparison) bySums(ctx context.Context, a, b entry) (Proof, bool) {
	if (storage.Checksum{BlockSize: a.blockSize}).Comparable(storage.Checksum{BlockSize: b.blockSize}, a.size) {
		sumA, errA := c.source.sum(ctx, a)
		sumB, errB := c.target.sum(ctx, b)
		if errA == nil && errB == nil && sumA.Equal(sumB) {
			return Proof{Checksum: 1}, true
		}
	}
	crcA, okA, errA := c.source.composite(ctx, a)
	if !okA || errA != nil {
		return Proof{}, false
	}
	crcB, okB, errB := c.target.composite(ctx, b)
	if !okB || errB != nil || crcA != crcB {
		return Proof{}, false
	}
	return Proof{Composite: 1}, true
}

// bySumOf reads only the file whose store keeps no checksum, and cuts its own
// where the other store's is cut.
func (c *comparison) bySumOf(ctx context.Context, kept side, k entry, plain side, p entry) (Proof, bool) {
	want, err := kept.sum(ctx, k)
	if err != nil {
		return Proof{}, false
	}
	summer := storage.NewSummer(want.BlockSize)
	n, err := c.copyTo(ctx, summer, plain, p)
	if err != nil || n != p.size || !summer.Checksum().Equal(want) {
		return Proof{BytesRead: n}, false
	}
	return Proof{Read: 1, BytesRead: n}, true
}

func (c *comparison) copyTo(ctx context.Context, to io.Writer, from side, e entry) (n int64, err error) {
	r, err := from.open(ctx, e)
	if err != nil {
		return 0, err
	}
	buf := c.buffers.get()
	defer c.buffers.pool.Put(buf)
	// The file's own WriterTo would ignore the buffer.
	n, err = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{r}, *buf)
	return n, errors.Join(err, r.Close())
}

// byReading compares byte by byte and stops at the first that differs.
func (c *comparison) byReading(ctx context.Context, a, b entry) (proof Proof, at int64, err error) {
	left, err := c.source.open(ctx, a)
	if err != nil {
		return Proof{}, same, fmt.Errorf("source: %w", err)
	}
	defer left.Close() //nolint:errcheck // only read
	right, err := c.target.open(ctx, b)
	if err != nil {
		return Proof{}, same, fmt.Errorf("target: %w", err)
	}
	defer right.Close() //nolint:errcheck // only read
	bufA, bufB := c.buffers.get(), c.buffers.get()
	defer c.buffers.pool.Put(bufA)
	defer c.buffers.pool.Put(bufB)
	for offset := int64(0); ; {
		n, endA, err := fill(left, *bufA)
		if err != nil {
			return proof, same, fmt.Errorf("source: %w", err)
		}
		m, endB, err := fill(right, *bufB)
		if err != nil {
			return proof, same, fmt.Errorf("target: %w", err)
		}
		proof.BytesRead += int64(n) + int64(m)
		if at := firstDifference((*bufA)[:min(n, m)], (*bufB)[:min(n, m)]); at >= 0 {
			return proof, offset + int64(at), nil
		}
		offset += int64(min(n, m))
		if n != m || endA || endB {
			if n != m || endA != endB || offset != a.size {
				return proof, same, fmt.Errorf("it was listed with %d bytes, but another number was read: it changed while it was compared", a.size)
			}
			proof.Read = 1
			return proof, same, nil
		}
	}
}

// fill reads until the buffer is full or the file ends.
func fill(r io.Reader, buf []byte) (n int, end bool, err error) {
	n, err = io.ReadFull(r, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, true, nil
	}
	return n, false, err
}

// written reports whether e was last written when was was. Where the store marks
// what it holds its times are not asked: some list them in milliseconds and tell
// those of one object in seconds.
func (e entry) written(was entry) bool {
	if was.tag != "" {
		return e.tag == was.tag
	}
	return e.modTime.Equal(was.modTime)
}

func firstDifference(a, b []byte) int {
	if bytes.Equal(a, b) {
		return same
	}
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return same
}

// unchanged returns an error unless both files are still as they were listed: a
// difference in a file that is being written proves nothing.
func (c *comparison) unchanged(ctx context.Context, a, b entry) error {
	for _, f := range []struct {
		side side
		was  entry
		name string
	}{{c.source, a, "source"}, {c.target, b, "target"}} {
		now, err := f.side.stat(ctx, f.was.rel)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if now.kind != f.was.kind || now.size != f.was.size || now.fileID != f.was.fileID || !now.written(f.was) {
			return fmt.Errorf("the %s's file changed while it was compared", f.name)
		}
	}
	return nil
}

package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// maxPart bounds what of a manifest is in memory at a time: a table's schema, a
// region's description, one store file. None of them comes near it.
const maxPart = 64 << 20

// fields reads one protobuf message from a stream, a field at a time, so that a
// message of any size takes the memory of one field.
type fields struct {
	in   *bufio.Reader
	part *bytes.Buffer // for what is larger than in's buffer; shared by all messages of the stream
	left int64         // bytes of the message not taken yet
	open bool          // the message ends where the stream does
}

func newFields(r io.Reader) *fields {
	return &fields{in: bufio.NewReaderSize(r, 64<<10), part: new(bytes.Buffer), left: math.MaxInt64, open: true}
}

// next passes over fields of fixed length and returns the number of the next
// other one, and how long it is: the caller takes it with one of decode, message
// and skip. io.EOF only where the message ends.
func (f *fields) next() (protowire.Number, int64, error) {
	for f.left != 0 {
		tag, err := f.varint(f.open)
		if err != nil {
			return 0, 0, err
		}
		num, typ := protowire.DecodeTag(tag)
		if num < protowire.MinValidNumber {
			return 0, 0, fmt.Errorf("%w: unexpected tag %#x", ErrCorrupt, tag)
		}
		switch typ {
		case protowire.BytesType:
			n, err := f.varint(false)
			if err != nil {
				return 0, 0, err
			}
			return num, int64(n), f.take(n)
		case protowire.VarintType:
			_, err = f.varint(false)
		case protowire.Fixed32Type:
			err = f.pass(4)
		case protowire.Fixed64Type:
			err = f.pass(8)
		default:
			err = fmt.Errorf("%w: unexpected tag %#x", ErrCorrupt, tag)
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return 0, 0, io.EOF
}

// decode reads a field of n bytes into m.
func (f *fields) decode(n int64, m proto.Message) error {
	b, err := f.bytes(n)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, m.ProtoReflect().Descriptor().Name(), err)
	}
	return nil
}

// bytes reads a field of n bytes; they are valid until the next field is read.
func (f *fields) bytes(n int64) ([]byte, error) {
	if n <= int64(f.in.Size()) {
		b, err := f.in.Peek(int(n))
		if err != nil {
			return nil, unexpectedEOF(err)
		}
		_, err = f.in.Discard(int(n))
		return b, err
	}
	if n > maxPart {
		return nil, fmt.Errorf("%w: a part of %d bytes", ErrCorrupt, n)
	}
	f.part.Reset()
	// Grown as bytes arrive: a damaged length must not allocate its claim.
	if got, err := io.CopyN(f.part, f.in, n); err != nil {
		return nil, fmt.Errorf("%d of %d bytes: %w", got, n, unexpectedEOF(err))
	}
	return f.part.Bytes(), nil
}

// message opens a field of n bytes that is a message itself, to be read to its
// end before the next field of f.
func (f *fields) message(n int64) *fields { return &fields{in: f.in, part: f.part, left: n} }

// skip passes over a field of n bytes.
func (f *fields) skip(n int64) error {
	if _, err := f.in.Discard(int(n)); err != nil {
		return unexpectedEOF(err)
	}
	return nil
}

// pass skips n bytes that have not been taken from the message yet.
func (f *fields) pass(n uint64) error {
	if err := f.take(n); err != nil {
		return err
	}
	return f.skip(int64(n))
}

// take accounts for n bytes of the message.
func (f *fields) take(n uint64) error {
	if n > uint64(f.left) {
		return fmt.Errorf("%w: a part of %d bytes where %d are left", ErrCorrupt, n, f.left)
	}
	f.left -= int64(n)
	return nil
}

// varint reads one number; io.EOF before its first byte only where the stream
// may end there.
func (f *fields) varint(mayEnd bool) (uint64, error) {
	var v uint64
	for shift := uint(0); shift < 64; shift += 7 {
		b, err := f.in.ReadByte()
		if err != nil {
			if shift > 0 || !mayEnd {
				err = unexpectedEOF(err)
			}
			return 0, err
		}
		if err := f.take(1); err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%w: endless varint", ErrCorrupt)
}

func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", ErrCorrupt, io.ErrUnexpectedEOF)
	}
	return err
}

// Package wire builds and reads the protocol buffers of Hadoop's protocols by
// hand: the few messages Drover needs are put together field by field, so that
// no generated type clashes with another client's and parts that are only
// handed on stay bytes. Field numbers stand where they are used, with the proto
// file they come from.
package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// Number is the number of a field.
type Number = protowire.Number

// Message is a protobuf message under construction; nil is the empty one. Every
// method appends one field and returns the longer message.
type Message []byte

// Str appends a string.
func (m Message) Str(n Number, s string) Message {
	return protowire.AppendString(protowire.AppendTag(m, n, protowire.BytesType), s)
}

// Raw appends bytes, or a message that is encoded already.
func (m Message) Raw(n Number, b []byte) Message {
	return protowire.AppendBytes(protowire.AppendTag(m, n, protowire.BytesType), b)
}

// Uint appends an unsigned integer or an enum.
func (m Message) Uint(n Number, v uint64) Message {
	return protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), v)
}

// Int appends an integer of type int32, int64, or of an unsigned type into
// which Java puts negative numbers.
func (m Message) Int(n Number, v int64) Message { return m.Uint(n, uint64(v)) }

// Sint appends an integer of type sint32 or sint64.
func (m Message) Sint(n Number, v int64) Message { return m.Uint(n, protowire.EncodeZigZag(v)) }

// Bool appends a truth value.
func (m Message) Bool(n Number, v bool) Message { return m.Uint(n, protowire.EncodeBool(v)) }

// ErrMalformed is what no server of the protocol would send.
var ErrMalformed = errors.New("malformed answer")

// Fields calls fn for each field of b in turn: v holds an integer, raw a
// message, a string or bytes, which share b's memory. A field that is not of
// the type its reader expects shows as zero.
func Fields(b []byte, fn func(n Number, v uint64, raw []byte) error) error {
	for len(b) > 0 {
		n, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return ErrMalformed
		}
		b = b[size:]
		var v uint64
		var raw []byte
		switch typ {
		case protowire.VarintType:
			v, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			raw, size = protowire.ConsumeBytes(b)
		case protowire.Fixed64Type:
			v, size = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var v32 uint32
			v32, size = protowire.ConsumeFixed32(b)
			v = uint64(v32)
		default:
			size = protowire.ConsumeFieldValue(n, typ, b)
		}
		if size < 0 {
			return ErrMalformed
		}
		b = b[size:]
		if err := fn(n, v, raw); err != nil {
			return err
		}
	}
	return nil
}

// Sint decodes what Message.Sint encodes.
func Sint(v uint64) int64 { return protowire.DecodeZigZag(v) }

// AppendDelimited appends m with its length before it.
func AppendDelimited(b []byte, m Message) []byte { return protowire.AppendBytes(b, m) }

// CutDelimited takes the message with its length before it off the front of b.
func CutDelimited(b []byte) (m, rest []byte, err error) {
	m, size := protowire.ConsumeBytes(b)
	if size < 0 {
		return nil, nil, ErrMalformed
	}
	return m, b[size:], nil
}

// maxDelimited bounds a message that stands alone in a stream. The longest are
// the pages of a listing with locations, far below.
const maxDelimited = 64 << 20

// ReadDelimited reads one message with its length before it.
func ReadDelimited(r *bufio.Reader) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if n > maxDelimited {
		return nil, fmt.Errorf("%w: message of %d bytes", ErrMalformed, n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

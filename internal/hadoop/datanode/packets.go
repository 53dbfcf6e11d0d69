package datanode

import (
	"encoding/binary"
	"fmt"

	"drover/internal/hadoop/wire"

	"google.golang.org/protobuf/encoding/protowire"
)

// A packet is u32 (4 + length of checksums and data), u16 length of the header,
// PacketHeaderProto, checksums, data (Hadoop's PacketReceiver). The same bytes
// are valid in both directions: from a DataNode to a reader, and from a writer
// to a DataNode.
const (
	prefixSize    = 6
	maxPacketHead = prefixSize + 256
	maxPacketSize = 16 << 20 // PacketReceiver.MAX_PACKET_SIZE
	// headSize is what this package writes: all of the fields have a fixed
	// length.
	headSize = prefixSize + 25
)

// header is a PacketHeaderProto.
type header struct {
	offset, seqno int64
	last          bool
	data          int
}

func (h header) append(b []byte, payload int) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(4+payload))
	b = binary.BigEndian.AppendUint16(b, headSize-prefixSize)
	b = protowire.AppendFixed64(protowire.AppendTag(b, 1, protowire.Fixed64Type), uint64(h.offset))
	b = protowire.AppendFixed64(protowire.AppendTag(b, 2, protowire.Fixed64Type), uint64(h.seqno))
	b = protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), protowire.EncodeBool(h.last))
	return protowire.AppendFixed32(protowire.AppendTag(b, 4, protowire.Fixed32Type), uint32(h.data))
}

func parseHeader(b []byte) (h header, err error) {
	err = wire.Fields(b, func(n wire.Number, v uint64, _ []byte) error {
		switch n {
		case 1:
			h.offset = int64(v)
		case 2:
			h.seqno = int64(v)
		case 3:
			h.last = v != 0
		case 4:
			h.data = int(int32(v))
		}
		return nil
	})
	return h, err
}

// scanner follows a stream of packets as it passes, without copying it, and
// shows the pieces of checksums and data to those who care.
type scanner struct {
	head    []byte // of a packet whose header is not complete yet
	sums    int    // bytes of checksums still to come
	rest    int    // bytes of data still to come
	data    int64  // data bytes announced so far
	packets int64
	done    bool // the last packet's header was seen

	onSums func([]byte) // nil: nobody
	onData func([]byte) error
}

// scan takes the next bytes of the stream. After the last packet there must be
// none.
func (s *scanner) scan(p []byte) error {
	for len(p) > 0 {
		n := 0
		switch {
		case s.sums > 0:
			n = min(s.sums, len(p))
			s.sums -= n
			if s.onSums != nil {
				s.onSums(p[:n])
			}
		case s.rest > 0:
			n = min(s.rest, len(p))
			s.rest -= n
			if s.onData != nil {
				if err := s.onData(p[:n]); err != nil {
					return err
				}
			}
		case s.done:
			return fmt.Errorf("%w: %d bytes after the last packet", wire.ErrMalformed, len(p))
		default:
			n = min(s.missing(), len(p))
			s.head = append(s.head, p[:n]...)
			if s.missing() == 0 {
				if err := s.header(); err != nil {
					return err
				}
			}
		}
		p = p[n:]
	}
	return nil
}

// ended reports whether the last packet has passed.
func (s *scanner) ended() bool { return s.done && s.sums == 0 && s.rest == 0 }

// missing is the number of bytes of the header that are still to come.
func (s *scanner) missing() int {
	if len(s.head) < prefixSize {
		return prefixSize - len(s.head)
	}
	return prefixSize + int(binary.BigEndian.Uint16(s.head[4:])) - len(s.head)
}

func (s *scanner) header() error {
	length := int64(binary.BigEndian.Uint32(s.head))
	if length < 4 || length > maxPacketSize || len(s.head) > maxPacketHead {
		return fmt.Errorf("%w: packet of %d bytes, header of %d", wire.ErrMalformed, length, len(s.head))
	}
	h, err := parseHeader(s.head[prefixSize:])
	if err != nil {
		return err
	}
	payload := int(length) - 4
	if h.data < 0 || h.data > payload {
		return fmt.Errorf("%w: %d bytes of data in a packet of %d", wire.ErrMalformed, h.data, length)
	}
	s.head = s.head[:0]
	s.sums, s.rest = payload-h.data, h.data
	s.data += int64(h.data)
	s.done = h.last
	s.packets++
	return nil
}

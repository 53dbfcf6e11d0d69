package hdfs

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// packetScanner follows a stream of data packets as it passes, without copying
// it. A packet is u32 (4 + length of checksums and data), u16 length of the
// header, PacketHeaderProto, checksums, data (Hadoop's PacketReceiver). The same
// bytes are valid in both directions: from a DataNode to a reader, and from a
// writer to a DataNode.
type packetScanner struct {
	head    []byte // of a packet whose header is not complete yet
	skip    int    // bytes of checksums and data still to come
	data    int64  // data bytes announced so far
	packets int64
	done    bool // the last packet's header was seen
}

const (
	packetPrefix  = 6
	maxPacketHead = packetPrefix + 256
	maxPacketSize = 16 << 20 // PacketReceiver.MAX_PACKET_SIZE
)

// scan takes the next bytes of the stream. After the last packet there must be
// none.
func (s *packetScanner) scan(p []byte) error {
	for len(p) > 0 {
		if s.skip > 0 {
			n := min(s.skip, len(p))
			s.skip -= n
			p = p[n:]
			continue
		}
		if s.done {
			return fmt.Errorf("%w: %d bytes after the last packet", errWire, len(p))
		}
		n := min(s.missing(), len(p))
		s.head = append(s.head, p[:n]...)
		p = p[n:]
		if s.missing() > 0 {
			continue
		}
		if err := s.header(); err != nil {
			return err
		}
		s.head = s.head[:0]
	}
	return nil
}

// ended reports whether the last packet has passed.
func (s *packetScanner) ended() bool { return s.done && s.skip == 0 }

// missing is the number of bytes of the header that are still to come.
func (s *packetScanner) missing() int {
	if len(s.head) < packetPrefix {
		return packetPrefix - len(s.head)
	}
	return packetPrefix + int(binary.BigEndian.Uint16(s.head[4:])) - len(s.head)
}

func (s *packetScanner) header() error {
	length := int64(binary.BigEndian.Uint32(s.head))
	if length < 4 || length > maxPacketSize || len(s.head) > maxPacketHead {
		return fmt.Errorf("%w: packet of %d bytes, header of %d", errWire, length, len(s.head))
	}
	s.skip = int(length) - 4
	s.packets++
	var data int64
	for b := s.head[packetPrefix:]; len(b) > 0; {
		n, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errWire
		}
		b = b[size:]
		switch {
		case n == 3 && typ == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(b)
			s.done = v != 0
		case n == 4 && typ == protowire.Fixed32Type:
			v, _ := protowire.ConsumeFixed32(b)
			data = int64(int32(v))
		}
		if size = protowire.ConsumeFieldValue(n, typ, b); size < 0 {
			return errWire
		}
		b = b[size:]
	}
	if data < 0 || data > int64(s.skip) {
		return fmt.Errorf("%w: %d bytes of data in a packet of %d", errWire, data, length)
	}
	s.data += data
	return nil
}

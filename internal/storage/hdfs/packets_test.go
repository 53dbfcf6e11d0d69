package hdfs

import (
	"encoding/binary"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// packet is one as a DataNode sends it.
func packet(seqno int64, data int, last bool) []byte {
	var head []byte
	head = protowire.AppendFixed64(protowire.AppendTag(head, 1, protowire.Fixed64Type), uint64(seqno)*65536)
	head = protowire.AppendFixed64(protowire.AppendTag(head, 2, protowire.Fixed64Type), uint64(seqno))
	head = protowire.AppendVarint(protowire.AppendTag(head, 3, protowire.VarintType), protowire.EncodeBool(last))
	head = protowire.AppendFixed32(protowire.AppendTag(head, 4, protowire.Fixed32Type), uint32(data))
	sums := (data + 511) / 512 * 4
	b := binary.BigEndian.AppendUint32(nil, uint32(4+sums+data))
	b = binary.BigEndian.AppendUint16(b, uint16(len(head)))
	b = append(b, head...)
	return append(b, make([]byte, sums+data)...)
}

func stream(sizes ...int) []byte {
	var b []byte
	for i, n := range sizes {
		b = append(b, packet(int64(i), n, false)...)
	}
	return append(b, packet(int64(len(sizes)), 0, true)...)
}

func TestPacketScanner(t *testing.T) {
	b := stream(65536, 65536, 700)
	for _, step := range []int{1, 5, 6, 7, 31, 1000, 65536, len(b)} {
		var s packetScanner
		for rest := b; len(rest) > 0; {
			n := min(step, len(rest))
			if err := s.scan(rest[:n]); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			rest = rest[n:]
			if s.ended() != (len(rest) == 0) {
				t.Fatalf("step %d: ended %v with %d bytes to come", step, s.ended(), len(rest))
			}
		}
		if s.data != 2*65536+700 || s.packets != 4 {
			t.Errorf("step %d: %d bytes in %d packets, want %d in 4", step, s.data, s.packets, 2*65536+700)
		}
	}
}

func TestPacketScannerRefuses(t *testing.T) {
	good := stream(512)
	long := stream(512)
	binary.BigEndian.PutUint32(long, 1<<30)
	short := stream(512)
	binary.BigEndian.PutUint32(short, 3)
	for name, b := range map[string][]byte{
		"bytes after the last packet": append(good[:len(good):len(good)], 0),
		"a packet too long":           long,
		"a packet too short":          short,
		"a header that is none":       {0, 0, 0, 8, 0, 2, 0xff, 0xff, 0, 0, 0, 0},
	} {
		var s packetScanner
		if err := s.scan(b); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzPacketScanner(f *testing.F) {
	f.Add(stream(65536, 10), 7)
	f.Add(stream(), 1)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		if step <= 0 {
			return
		}
		var whole, parts packetScanner
		errWhole := whole.scan(b)
		var errParts error
		for rest := b; len(rest) > 0 && errParts == nil; {
			n := min(step, len(rest))
			errParts = parts.scan(rest[:n])
			rest = rest[n:]
		}
		if (errWhole == nil) != (errParts == nil) || whole.data != parts.data || whole.ended() != parts.ended() {
			t.Errorf("at once: %d bytes, %v; in parts of %d: %d bytes, %v", whole.data, errWhole, step, parts.data, errParts)
		}
	})
}

func FuzzParseBlock(f *testing.F) {
	f.Add([]byte(message(nil).sub(1, message(nil).str(1, "pool").num(2, 7).num(4, 100)).num(2, 0).sub(3, message(nil).sub(1, message(nil).str(1, "10.0.0.1").num(4, 9866)))))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseBlock(b)
		if err != nil {
			return
		}
		for _, n := range got.nodes {
			if addr, err := address(n, false); err == nil && addr == "" {
				t.Error("no address and no error")
			}
		}
	})
}

package hbase

import (
	"encoding/binary"
	"testing"
)

func encodeCell(row, family, qualifier string, ts uint64, typ byte, value string) []byte {
	key := binary.BigEndian.AppendUint16(nil, uint16(len(row)))
	key = append(key, row...)
	key = append(key, byte(len(family)))
	key = append(key, family+qualifier...)
	key = append(binary.BigEndian.AppendUint64(key, ts), typ)
	kv := binary.BigEndian.AppendUint32(nil, uint32(len(key)))
	kv = binary.BigEndian.AppendUint32(kv, uint32(len(value)))
	kv = append(append(kv, key...), value...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(kv))), kv...)
}

func TestNextCell(t *testing.T) {
	block := append(encodeCell("row", "fam", "q", 7, TypePut, "value"), encodeCell("", "", "", 0, TypeDeleteFamily, "")...)
	a, rest, err := NextCell(block)
	if err != nil {
		t.Fatal(err)
	}
	if string(a.Row) != "row" || string(a.Family) != "fam" || string(a.Qualifier) != "q" || a.Timestamp != 7 || a.Type != TypePut || string(a.Value) != "value" {
		t.Errorf("first cell %+v", a)
	}
	b, rest, err := NextCell(rest)
	if err != nil || len(rest) != 0 || b.Type != TypeDeleteFamily || len(b.Row) != 0 {
		t.Errorf("second cell %+v, %d left, %v", b, len(rest), err)
	}
	for n := range len(block) {
		if c, _, err := NextCell(block[:min(n, len(encodeCell("row", "fam", "q", 7, TypePut, "value"))-1)]); err == nil {
			t.Fatalf("%d bytes read as %+v", n, c)
		}
	}
}

func FuzzNextCell(f *testing.F) {
	f.Add(encodeCell("row", "fam", "q", 7, TypePut, "value"))
	f.Add([]byte{0, 0, 0, 8, 0, 0, 0, 12, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			_, rest, err := NextCell(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			b = rest
		}
	})
}

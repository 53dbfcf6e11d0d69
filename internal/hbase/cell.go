package hbase

import (
	"encoding/binary"
	"fmt"
)

// Cell types on the wire (KeyValue.Type).
const (
	TypePut                 = 4
	TypeDelete              = 8
	TypeDeleteFamilyVersion = 10
	TypeDeleteColumn        = 12
	TypeDeleteFamily        = 14
)

// Cell is one cell of a cell block. Its slices point into the block.
type Cell struct {
	Row, Family, Qualifier []byte
	Timestamp              uint64
	Type                   byte
	Value                  []byte
}

// NextCell cuts the first cell off a cell block of codec KeyValueCodec:
// [u32 length][KeyValue] …, KeyValue = u32 key length, u32 value length, key
// (u16 row length, row, u8 family length, family, qualifier, u64 timestamp,
// u8 type), value.
func NextCell(block []byte) (cell Cell, rest []byte, err error) {
	if len(block) < 4 {
		return Cell{}, nil, fmt.Errorf("cell block ends inside a length (%d bytes left)", len(block))
	}
	n := binary.BigEndian.Uint32(block)
	if uint64(n) > uint64(len(block)-4) || n < 8 {
		return Cell{}, nil, fmt.Errorf("cell of %d bytes in a block with %d left", n, len(block)-4)
	}
	kv, rest := block[4:4+n], block[4+n:]
	kl, vl := uint64(binary.BigEndian.Uint32(kv)), uint64(binary.BigEndian.Uint32(kv[4:]))
	if kl < 12 || 8+kl+vl > uint64(len(kv)) {
		return Cell{}, nil, fmt.Errorf("cell of %d bytes announces a key of %d and a value of %d", n, kl, vl)
	}
	key := kv[8 : 8+kl]
	rl := int(binary.BigEndian.Uint16(key))
	if 2+rl+1 > len(key)-9 {
		return Cell{}, nil, fmt.Errorf("cell key of %d bytes announces a row of %d", kl, rl)
	}
	fl := int(key[2+rl])
	if 3+rl+fl > len(key)-9 {
		return Cell{}, nil, fmt.Errorf("cell key of %d bytes announces a row of %d and a family of %d", kl, rl, fl)
	}
	return Cell{
		Row: key[2 : 2+rl], Family: key[3+rl : 3+rl+fl], Qualifier: key[3+rl+fl : len(key)-9],
		Timestamp: binary.BigEndian.Uint64(key[len(key)-9:]), Type: key[len(key)-1],
		Value: kv[8+kl : 8+kl+vl],
	}, rest, nil
}

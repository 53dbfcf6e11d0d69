package scan

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Layout of a KeyValue: u32 key length, u32 value length, then the key
// (u16 row length, row, u8 family length, family, qualifier, u64 timestamp,
// u8 type) and the value. All integers are big endian.
const (
	cellHeader = 8
	keyFixed   = 2 + 1 + 8 + 1
	lengthSize = 4
)

// ErrMalformed marks a cell block that does not hold whole KeyValues.
var ErrMalformed = errors.New("malformed cell block")

// Cell is one KeyValue, a slice of the block it came in: it stays valid as long
// as the block does and must not be written to. Its accessors never allocate.
type Cell []byte

// SplitCell takes the first cell off a block of [u32 length][KeyValue]…. Every
// length is checked, so that the accessors of the returned Cell cannot panic.
func SplitCell(block []byte) (Cell, []byte, error) {
	if len(block) < lengthSize {
		return nil, nil, fmt.Errorf("%w: %d bytes where a cell length belongs", ErrMalformed, len(block))
	}
	n := uint64(binary.BigEndian.Uint32(block))
	if n > uint64(len(block)-lengthSize) {
		return nil, nil, fmt.Errorf("%w: cell of %d bytes in the %d that are left", ErrMalformed, n, len(block)-lengthSize)
	}
	c := Cell(block[lengthSize : lengthSize+n : lengthSize+n])
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	return c, block[lengthSize+n:], nil
}

func (c Cell) check() error {
	if len(c) < cellHeader+keyFixed {
		return fmt.Errorf("%w: cell of %d bytes", ErrMalformed, len(c))
	}
	key := uint64(binary.BigEndian.Uint32(c))
	value := uint64(binary.BigEndian.Uint32(c[4:]))
	if cellHeader+key+value != uint64(len(c)) {
		return fmt.Errorf("%w: key of %d and value of %d bytes in a cell of %d", ErrMalformed, key, value, len(c))
	}
	if key < keyFixed {
		return fmt.Errorf("%w: key of %d bytes", ErrMalformed, key)
	}
	row := uint64(binary.BigEndian.Uint16(c[cellHeader:]))
	if row+keyFixed > key {
		return fmt.Errorf("%w: row of %d bytes in a key of %d", ErrMalformed, row, key)
	}
	if family := uint64(c[cellHeader+2+row]); row+family+keyFixed > key {
		return fmt.Errorf("%w: row of %d and family of %d bytes in a key of %d", ErrMalformed, row, family, key)
	}
	return nil
}

func (c Cell) rowEnd() int { return cellHeader + 2 + int(binary.BigEndian.Uint16(c[cellHeader:])) }
func (c Cell) keyEnd() int { return cellHeader + int(binary.BigEndian.Uint32(c)) }

// Row gives the row key.
func (c Cell) Row() []byte { return c[cellHeader+2 : c.rowEnd()] }

// Family gives the column family.
func (c Cell) Family() []byte {
	e := c.rowEnd()
	return c[e+1 : e+1+int(c[e])]
}

// Qualifier gives the column qualifier, which may be empty.
func (c Cell) Qualifier() []byte {
	e := c.rowEnd()
	return c[e+1+int(c[e]) : c.keyEnd()-9]
}

// Timestamp gives the version: milliseconds, unless the writer chose otherwise.
func (c Cell) Timestamp() uint64 { return binary.BigEndian.Uint64(c[c.keyEnd()-9:]) }

// Type gives the type byte: hbase.TypePut or one of the delete markers.
func (c Cell) Type() byte { return c[c.keyEnd()-1] }

// Key gives row, family, qualifier, timestamp and type with the lengths that
// part them: equal keys name the same version of the same column.
func (c Cell) Key() []byte { return c[cellHeader:c.keyEnd()] }

// Value gives the value.
func (c Cell) Value() []byte { return c[c.keyEnd():] }

// AppendCell appends a cell with its length prefix to a block.
func AppendCell(block, row, family, qualifier []byte, timestamp uint64, typ byte, value []byte) []byte {
	key := keyFixed + len(row) + len(family) + len(qualifier)
	block = binary.BigEndian.AppendUint32(block, uint32(cellHeader+key+len(value)))
	block = binary.BigEndian.AppendUint32(block, uint32(key))
	block = binary.BigEndian.AppendUint32(block, uint32(len(value)))
	block = binary.BigEndian.AppendUint16(block, uint16(len(row)))
	block = append(block, row...)
	block = append(block, byte(len(family)))
	block = append(block, family...)
	block = append(block, qualifier...)
	block = binary.BigEndian.AppendUint64(block, timestamp)
	block = append(block, typ)
	return append(block, value...)
}

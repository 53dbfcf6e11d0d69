package hdfs

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// The library keeps its protocol messages to itself, so the few the relay needs
// are put together here. Field numbers are those of Hadoop 3's
// ClientNamenodeProtocol.proto, hdfs.proto and datatransfer.proto; parts that
// are only handed on (blocks, tokens, DataNodes) stay bytes.

// message builds one protobuf message.
type message []byte

func (m message) str(n protowire.Number, s string) message {
	return protowire.AppendString(protowire.AppendTag(m, n, protowire.BytesType), s)
}

func (m message) sub(n protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, n, protowire.BytesType), b)
}

func (m message) num(n protowire.Number, v uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), v)
}

var errWire = errors.New("malformed answer")

// fields calls fn for each field of b: v holds a varint, raw a message or
// string. Fields of other types are passed over.
func fields(b []byte, fn func(n protowire.Number, v uint64, raw []byte) error) error {
	for len(b) > 0 {
		n, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errWire
		}
		b = b[size:]
		var v uint64
		var raw []byte
		switch typ {
		case protowire.VarintType:
			v, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			raw, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(n, typ, b)
		}
		if size < 0 {
			return errWire
		}
		b = b[size:]
		if err := fn(n, v, raw); err != nil {
			return err
		}
	}
	return nil
}

// maxDelimited bounds a message from a server: a file's block list is the
// longest, a few hundred bytes a block.
const maxDelimited = 64 << 20

// readDelimited reads a message with its length before it.
func readDelimited(r *bufio.Reader) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if n > maxDelimited {
		return nil, fmt.Errorf("%w: message of %d bytes", errWire, n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

// block is a LocatedBlockProto as far as the relay looks into it.
type block struct {
	id      []byte // ExtendedBlockProto
	size    int64
	offset  int64
	nodes   [][]byte // DatanodeInfoProto
	token   []byte   // TokenProto
	corrupt bool
}

func parseBlock(b []byte) (block, error) {
	var out block
	err := fields(b, func(n protowire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			out.id = raw
		case 2:
			out.offset = int64(v)
		case 3:
			out.nodes = append(out.nodes, raw)
		case 4:
			out.corrupt = v != 0
		case 5:
			out.token = raw
		}
		return nil
	})
	if err == nil && out.id == nil {
		err = errWire
	}
	if err == nil {
		err = fields(out.id, func(n protowire.Number, v uint64, _ []byte) error {
			if n == 4 {
				out.size = int64(v)
			}
			return nil
		})
	}
	return out, err
}

// sized returns the block's id with its length set, as the NameNode wants it of
// a block that is complete.
func (b block) sized(n int64) []byte {
	// A later value of a field replaces an earlier one.
	return message(b.id[:len(b.id):len(b.id)]).num(4, uint64(n))
}

// address returns where a DatanodeInfoProto listens for data.
func address(node []byte, byName bool) (string, error) {
	var host string
	var port uint64
	err := fields(node, func(n protowire.Number, _ uint64, id []byte) error {
		if n != 1 {
			return nil
		}
		return fields(id, func(n protowire.Number, v uint64, raw []byte) error {
			switch {
			case n == 1 && !byName, n == 2 && byName:
				host = string(raw)
			case n == 4:
				port = v
			}
			return nil
		})
	})
	if err == nil && (host == "" || port == 0) {
		err = errWire
	}
	return fmt.Sprintf("%s:%d", host, port), err
}

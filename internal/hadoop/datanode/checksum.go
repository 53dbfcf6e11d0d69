package datanode

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // the algorithm HDFS defines for checksums
	"encoding/hex"
	"errors"
	"fmt"

	"drover/internal/hadoop/wire"
)

// BlockSum is the checksum of a block as a DataNode computes it from the CRCs it
// keeps, without reading the data.
type BlockSum struct {
	Sum          []byte // MD5 of the chunks' CRCs; composite: the block's CRC
	BytesPerCRC  int64
	CRCsPerBlock int64
	CRCType      uint64 // ChecksumTypeProto: 1 CRC32, 2 CRC32C
}

// Equal reports whether both are of equal bytes, cut into chunks alike.
func (s BlockSum) Equal(o BlockSum) bool {
	return bytes.Equal(s.Sum, o.Sum) && s.BytesPerCRC == o.BytesPerCRC && s.CRCType == o.CRCType
}

// FileSum is the checksum of a file as HDFS defines it, in hex, of the sums of
// all of its blocks: their MD5 with the zeroes of Hadoop's output buffer, whose
// size doubles from 32 bytes (BlockChecksumHelper, DataOutputBuffer.getData).
func FileSum(blocks [][]byte) string {
	all := bytes.Join(blocks, nil)
	padded := 32
	for padded < len(all) {
		padded *= 2
	}
	sum := md5.Sum(append(all, make([]byte, padded-len(all))...)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

// Checksum asks the first node that answers for the checksum of the block's
// first length bytes. Of a part the DataNode reads the last chunk
// (ReplicatedBlockChecksumComputer.checksumPartialBlock). composite asks for
// the CRC of all bytes, which does not depend on chunks or blocks (Hadoop 3.1
// and later, COMPOSITE_CRC).
func (c *Client) Checksum(ctx context.Context, b Block, length int64, composite bool) (BlockSum, error) {
	req := wire.Message(nil).Raw(1, base(b, b.Sized(length)))
	if composite {
		req = req.Raw(2, wire.Message(nil).Uint(1, 2))
	}
	errs := []error{}
	for _, node := range b.Nodes {
		nc, resp, stop, err := c.open(ctx, node.Addr, opChecksum, req)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		stop()
		nc.Close() //nolint:errcheck // the DataNode closes it as well
		return parseBlockSum(resp.checksum)
	}
	if len(errs) == 0 {
		errs = append(errs, ErrNoNode)
	}
	return BlockSum{}, fmt.Errorf("checksum of %s: %w", b, errors.Join(errs...))
}

func parseBlockSum(b []byte) (out BlockSum, err error) {
	err = wire.Fields(b, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			out.BytesPerCRC = int64(v)
		case 2:
			out.CRCsPerBlock = int64(v)
		case 3:
			out.Sum = raw
		case 4:
			out.CRCType = v
		}
		return nil
	})
	if err == nil && len(out.Sum) == 0 {
		err = fmt.Errorf("checksum: %w", wire.ErrMalformed)
	}
	return out, err
}

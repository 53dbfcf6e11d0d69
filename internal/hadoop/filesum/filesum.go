// Package filesum asks DataNodes for the checksum of a whole file, as Hadoop's
// FileSystem.getFileChecksum does (org.apache.hadoop.hdfs.FileChecksumHelper):
// they compute it from the CRCs they keep, and a few bytes for each block cross
// the network.
package filesum

import (
	"context"
	"crypto/md5" //nolint:gosec // the algorithm HDFS defines for file checksums
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
)

// Types of a CRC (ChecksumTypeProto).
const (
	CRC32  = 1
	CRC32C = 2
)

// MD5 is a file's MD5-of-MD5-of-CRCs (MD5MD5CRC32FileChecksum). Files of equal
// bytes have equal sums only if they are cut into the same blocks and chunks.
type MD5 struct {
	BytesPerCRC int64  // 0 of a file without blocks
	CRCPerBlock int64  // of the first block; 0 unless there are several
	CRCType     uint64 // CRC32 or CRC32C
	Sum         [md5.Size]byte
}

// Algorithm is Hadoop's name, MD5-of-0MD5-of-512CRC32C.
func (m MD5) Algorithm() string {
	crc := "CRC32"
	if m.CRCType == CRC32C {
		crc = "CRC32C"
	}
	return fmt.Sprintf("MD5-of-%dMD5-of-%d%s", m.CRCPerBlock, m.BytesPerCRC, crc)
}

// Hex is what `hdfs dfs -checksum` prints: bytes per CRC, CRCs per block and the
// sum.
func (m MD5) Hex() string {
	b := binary.BigEndian.AppendUint32(nil, uint32(m.BytesPerCRC))
	b = binary.BigEndian.AppendUint64(b, uint64(m.CRCPerBlock))
	return hex.EncodeToString(append(b, m.Sum[:]...))
}

// Client asks the DataNodes of one HDFS. It is safe for concurrent use.
type Client struct {
	nn     *namenode.Client
	dn     *datanode.Client
	byName bool
}

// New returns a client over those of the protocols. byName reaches DataNodes by
// host name (dfs.client.use.datanode.hostname).
func New(nn *namenode.Client, dn *datanode.Client, byName bool) *Client {
	return &Client{nn: nn, dn: dn, byName: byName}
}

// MD5 returns the MD5 sum of the file at path and its length.
func (c *Client) MD5(ctx context.Context, path string) (MD5, int64, error) {
	var out MD5
	h := md5.New() //nolint:gosec // see above
	n := 0
	size, err := c.blocks(ctx, path, false, func(s datanode.BlockSum, _ int64, blocks int) error {
		if len(s.Sum) != md5.Size {
			return fmt.Errorf("a datanode answers with %d bytes, %d are expected", len(s.Sum), md5.Size)
		}
		if n == 0 {
			out.BytesPerCRC, out.CRCType = s.BytesPerCRC, s.CRCType
			if blocks > 1 {
				out.CRCPerBlock = s.CRCsPerBlock
			}
		} else if s.BytesPerCRC != out.BytesPerCRC || s.CRCType != out.CRCType {
			return fmt.Errorf("its blocks have different kinds of CRC: %w", errors.ErrUnsupported)
		}
		h.Write(s.Sum)
		n += md5.Size
		return nil
	})
	if err != nil {
		return MD5{}, 0, fmt.Errorf("checksum %s: %w", path, err)
	}
	if n == 0 {
		out.CRCType = CRC32 // what Hadoop says of a file without blocks
	}
	// Hadoop digests its whole output buffer, whose size doubles from 32 bytes
	// (DataOutputBuffer.getData).
	padded := 32
	for padded < n {
		padded *= 2
	}
	h.Write(make([]byte, padded-n))
	h.Sum(out.Sum[:0])
	return out, size, nil
}

// Composite returns the CRC32C of all bytes of the file at path, wherever it is
// cut, and its length (COMPOSITE_CRC, Hadoop 3.1 and later). A file written with
// another CRC is errors.ErrUnsupported.
func (c *Client) Composite(ctx context.Context, path string) (crc uint32, size int64, err error) {
	size, err = c.blocks(ctx, path, true, func(s datanode.BlockSum, length int64, _ int) error {
		if s.CRCType != CRC32C {
			return fmt.Errorf("its CRC is not CRC32C: %w", errors.ErrUnsupported)
		}
		if len(s.Sum) != 4 {
			return fmt.Errorf("a datanode answers with %d bytes, 4 are expected: it knows no composite CRC: %w", len(s.Sum), errors.ErrUnsupported)
		}
		crc = Combine(crc, binary.BigEndian.Uint32(s.Sum), length)
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("composite checksum %s: %w", path, err)
	}
	return crc, size, nil
}

// blocks calls each with the sums of a file's blocks, in order.
func (c *Client) blocks(ctx context.Context, path string, composite bool, each func(s datanode.BlockSum, length int64, blocks int) error) (int64, error) {
	l, err := c.nn.Blocks(ctx, path)
	switch {
	case err != nil:
		return 0, err
	case l.Open && !l.LastComplete:
		return 0, errors.New("it is being written")
	case l.ErasureCoded:
		return 0, fmt.Errorf("it is erasure-coded: %w", errors.ErrUnsupported)
	case l.Encrypted:
		return 0, fmt.Errorf("it lies in an encryption zone: %w", errors.ErrUnsupported)
	}
	rest := l.Size
	for _, b := range l.Blocks {
		// A snapshot may end inside a block that has grown since.
		length := min(b.Length, rest)
		rest -= length
		if length == 0 {
			continue
		}
		s, err := c.dn.Checksum(ctx, b.Transfer(c.byName), length, composite)
		if err != nil {
			return 0, err
		}
		if err := each(s, length, len(l.Blocks)); err != nil {
			return 0, err
		}
	}
	if rest != 0 {
		return 0, fmt.Errorf("its blocks lack %d of its %d bytes", rest, l.Size)
	}
	return l.Size, nil
}

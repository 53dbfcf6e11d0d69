package storage

import (
	"crypto/md5" //nolint:gosec // the algorithm HDFS defines for file checksums
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"
)

// ChunkSize is the number of bytes under one CRC: HDFS's
// dfs.bytes-per-checksum, which every release defaults to 512.
const ChunkSize = 512

// DefaultBlockSize is used where a store has no blocks of its own: HDFS's
// default, 128 MiB.
const DefaultBlockSize = 128 << 20

// Checksum is a file's checksum as HDFS defines it (MD5 of the blocks' MD5s of
// the chunks' CRC32Cs). Equal sums prove equal bytes as far as the CRCs can;
// different sums prove different bytes only when both were cut at the same
// block size with the same chunk size and CRC, see Comparable.
type Checksum struct {
	BlockSize int64  // bytes; where the file was cut
	Sum       string // lower-case hex
}

// Equal reports whether both sums are known and the same.
func (c Checksum) Equal(o Checksum) bool { return c.Sum != "" && c.Sum == o.Sum }

// Comparable reports whether a difference between the sums of two files of the
// given size proves a difference of their bytes: both fit one block, or both
// were cut at the same size.
func (c Checksum) Comparable(o Checksum, size int64) bool {
	return c.BlockSize == o.BlockSize || (size <= c.BlockSize && size <= o.BlockSize)
}

// Summer computes the checksum of the bytes written to it. The zero value is
// not usable; a Summer belongs to one goroutine.
type Summer struct {
	blockSize int64
	table     *crc32.Table
	file      hash.Hash
	block     hash.Hash
	crcs      []byte // CRCs of the block not yet given to block
	crc       uint32 // of the chunk under way
	inChunk   int
	inBlock   int64
	fileLen   int
}

// crcBatch is how many CRC bytes are gathered before MD5 sees them: calls with
// four bytes each would cost more than the sum.
const crcBatch = 4096

// NewSummer returns a Summer that cuts at blockSize; 0 means DefaultBlockSize.
func NewSummer(blockSize int64) *Summer {
	if blockSize <= 0 {
		blockSize = DefaultBlockSize
	}
	return &Summer{
		blockSize: blockSize,
		table:     crc32.MakeTable(crc32.Castagnoli),
		file:      md5.New(), //nolint:gosec // see above
		block:     md5.New(), //nolint:gosec // see above
		crcs:      make([]byte, 0, crcBatch+4),
	}
}

// Write adds bytes to the sum. It never fails.
func (s *Summer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		step := min(int64(ChunkSize-s.inChunk), s.blockSize-s.inBlock, int64(len(p)))
		s.crc = crc32.Update(s.crc, s.table, p[:step])
		s.inChunk += int(step)
		s.inBlock += step
		p = p[step:]
		if s.inBlock == s.blockSize {
			s.endBlock()
			continue
		}
		if s.inChunk == ChunkSize {
			s.endChunk()
		}
	}
	return n, nil
}

func (s *Summer) endChunk() {
	s.crcs = binary.BigEndian.AppendUint32(s.crcs, s.crc)
	s.crc, s.inChunk = 0, 0
	if len(s.crcs) >= crcBatch {
		s.block.Write(s.crcs)
		s.crcs = s.crcs[:0]
	}
}

func (s *Summer) endBlock() {
	if s.inChunk > 0 {
		s.endChunk()
	}
	s.block.Write(s.crcs)
	s.crcs = s.crcs[:0]
	s.file.Write(s.block.Sum(nil))
	s.fileLen += md5.Size
	s.block.Reset()
	s.inBlock = 0
}

// Checksum ends the sum and returns it; the Summer must not be used afterwards.
func (s *Summer) Checksum() Checksum {
	if s.inBlock > 0 {
		s.endBlock()
	}
	// Hadoop digests its whole output buffer, whose size doubles from 32 bytes,
	// zeroes included (BlockChecksumHelper, DataOutputBuffer.getData).
	padded := 32
	for padded < s.fileLen {
		padded *= 2
	}
	s.file.Write(make([]byte, padded-s.fileLen))
	return Checksum{BlockSize: s.blockSize, Sum: hex.EncodeToString(s.file.Sum(nil))}
}

package hdfs

import (
	"context"
	"encoding/hex"

	"drover/internal/storage"
)

// Checksum implements storage.Reader. The DataNodes compute it from the CRCs
// they keep; no data is read. Files written with other chunks or another CRC
// than CRC32C over 512 bytes yield other sums for equal bytes.
func (s *Store) Checksum(ctx context.Context, name string) (storage.Checksum, error) {
	st, err := s.nn.Stat(ctx, name)
	if err != nil {
		return storage.Checksum{}, own(ctx, "checksum", name, err)
	}
	if st.IsDir() {
		return storage.Checksum{}, wrap(ctx, "checksum", name, storage.ErrIsDir)
	}
	if err := plain(st); err != nil {
		return storage.Checksum{}, wrap(ctx, "checksum", name, err)
	}
	sum, _, err := s.sums.MD5(ctx, name)
	if err != nil {
		return storage.Checksum{}, own(ctx, "checksum", name, err)
	}
	return storage.Checksum{BlockSize: st.BlockSize, Sum: hex.EncodeToString(sum.Sum[:])}, nil
}

// CompositeCRC returns the CRC32C of all bytes of a file, which does not depend
// on its chunks and blocks (Hadoop 3.1 and later, dfs.checksum.combine.mode
// COMPOSITE_CRC). The DataNodes compute it from the CRCs they keep; no data is
// read. A file under CRC32 gives errors.ErrUnsupported.
func (s *Store) CompositeCRC(ctx context.Context, name string) (uint32, error) {
	crc, _, err := s.sums.Composite(ctx, name)
	return crc, own(ctx, "composite checksum", name, err)
}

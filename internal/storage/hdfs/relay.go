package hdfs

import (
	"context"
	"errors"
	"fmt"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
	"drover/internal/storage"
)

// Relay implements storage.Relayer: packets go from the source's DataNode to
// the target's as they are, checksums included, block by block. Nothing is
// computed here; the last DataNode of the target's pipeline checks every chunk
// against its CRC before it acknowledges.
func (s *Store) Relay(ctx context.Context, from storage.Reader, src storage.Object, name string, moved func(n int) error) (bool, error) {
	source, ok := from.(*Store)
	if !ok || src.BlockSize <= 0 {
		return false, nil
	}
	l, err := source.nn.Blocks(ctx, src.Path)
	if err != nil {
		return false, own(ctx, "open", src.Path, err)
	}
	if l.Open || l.Encrypted || l.ErasureCoded || l.Size != src.Size || !relayable(l.Blocks, src.BlockSize) {
		return false, nil
	}
	w, err := s.newWriter(ctx, name, storage.CreateOptions{BlockSize: src.BlockSize})
	if err != nil {
		return true, err
	}
	for _, b := range l.Blocks {
		if err := w.relay(source, b, moved); err != nil {
			return true, errors.Join(wrap(ctx, "relay "+src.Path+" to", name, err), w.Abort())
		}
	}
	return true, w.Commit()
}

// relayable reports whether the blocks are as a writer would make them anew: a
// block cut short in the middle would give the copy another checksum.
func relayable(blocks []namenode.Block, blockSize int64) bool {
	for i, b := range blocks {
		last := i == len(blocks)-1
		if b.Corrupt || len(b.Nodes) == 0 || b.Offset != int64(i)*blockSize || (!last && b.Length != blockSize) {
			return false
		}
	}
	return true
}

// errOtherReplica has a block placed again: the source has more replicas of it.
var errOtherReplica = errors.New("it has other replicas")

// relay makes a block of another HDFS the file's next one.
func (w *writer) relay(source *Store, from namenode.Block, moved func(n int) error) error {
	at := from.Transfer(source.cfg.UseDataNodeHostname)
	return w.store.place(w.ctx, w.name, w.last, w.file, func(to namenode.Block) error {
		_, err := datanode.Relay(w.ctx, source.dn, at, w.store.dn, to.Transfer(w.store.cfg.UseDataNodeHostname), moved)
		if err == nil {
			w.last = to.Proto(from.Length)
		}
		if at.Pass(err) {
			err = fmt.Errorf("%w: %w", err, errOtherReplica)
		}
		return err
	})
}

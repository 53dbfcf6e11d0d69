package datanode

import (
	"context"
	"crypto/md5" //nolint:gosec // the algorithm HDFS defines for checksums
	"errors"
	"fmt"
	"io"
)

// Relay copies a whole block of from.Size bytes into the new block to: the
// packets go from DataNode to DataNode as they are, checksums included. The
// last DataNode of the target's pipeline checks every chunk against its CRC
// before it acknowledges, so nothing is computed here but the block's checksum:
// the MD5 of the CRCs that passed, which is what OP_BLOCK_CHECKSUM of either
// block yields. moved is called with the number of bytes of data about to be
// written; its error ends the copy.
//
// When the target fails the error wraps a *PipelineError, when it refuses what a
// damaged replica of the source gave it is a *DamagedError.
func Relay(ctx context.Context, source *Client, from Block, target *Client, to Block, moved func(n int) error) ([]byte, error) {
	in, err := source.Read(ctx, from, 0, from.Size)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, err := target.Write(ctx, to, WriteOptions{Checksum: in.sum, Bytes: from.Size})
	if err != nil {
		return nil, err
	}
	sum := md5.New() //nolint:gosec // see above
	in.scan.onSums = func(p []byte) { sum.Write(p) }
	if err := pump(in, out, moved); err != nil {
		return nil, in.blame(ctx, err)
	}
	if in.scan.data != from.Size {
		return nil, out.fail(fmt.Errorf("source datanode %s sent %d bytes of a block of %d", in.conn.addr, in.scan.data, from.Size))
	}
	if err := out.finish(); err != nil {
		return nil, in.blame(ctx, err)
	}
	return sum.Sum(nil), nil
}

// pump forwards packets until the block's last.
func pump(in *Reader, out *Pipeline, moved func(int) error) error {
	buf := in.client.buffer()
	defer in.client.release(buf)
	for {
		before := in.scan.data
		p, err := in.next(*buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			out.fail(nil) //nolint:errcheck // the source failed, not the target
			return err
		}
		if in.scan.ended() {
			out.total.Store(in.scan.packets)
		}
		if err := moved(int(in.scan.data - before)); err != nil {
			out.fail(nil) //nolint:errcheck // given up on purpose
			return err
		}
		if _, err := out.conn.Write(p); err != nil {
			return out.fail(err)
		}
	}
}

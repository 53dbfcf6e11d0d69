package hdfs

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/colinmarc/hdfs/v2"
	"google.golang.org/protobuf/encoding/protowire"

	"drover/internal/storage"
)

// relayBuffer is what one relay holds in memory: a few packets.
const relayBuffer = 256 << 10

// Relay implements storage.Relayer: packets go from the source's DataNode to
// the target's as they are, checksums included, block by block. Nothing is
// computed here; the last DataNode of the target's pipeline checks every chunk
// against its CRC before it acknowledges.
func (s *Store) Relay(ctx context.Context, from storage.Reader, src storage.Object, name string, moved func(n int) error) (bool, error) {
	source, ok := from.(*Store)
	if !ok || src.BlockSize <= 0 {
		return false, nil
	}
	read, err := source.hold(ctx, "open", src.Path, func(*hdfs.Client) error { return nil })
	if err != nil {
		return false, err
	}
	where, err := read.locate(source.cfg, src.Path)
	if err != nil {
		source.release(read.session, read.stop() && answered(err))
		return false, wrap(ctx, "open", src.Path, err)
	}
	if !where.relayable(src) {
		source.release(read.session, read.stop())
		return false, nil
	}
	err = s.relay(ctx, read.session, source.cfg, where, src, name, moved)
	source.release(read.session, read.stop() && err == nil)
	return true, err
}

// relayable reports whether the blocks are as a writer would make them anew: a
// block cut short in the middle would give the copy another checksum.
func (l locations) relayable(src storage.Object) bool {
	if l.odd || l.size != src.Size {
		return false
	}
	for i, b := range l.blocks {
		last := i == len(l.blocks)-1
		if b.corrupt || len(b.nodes) == 0 || b.offset != int64(i)*src.BlockSize || (!last && b.size != src.BlockSize) {
			return false
		}
	}
	return true
}

// relay writes the file name from the given blocks.
func (s *Store) relay(ctx context.Context, read *session, readCfg Config, where locations, src storage.Object, name string, moved func(int) error) error {
	w, err := s.newWriter(ctx, name, storage.CreateOptions{BlockSize: src.BlockSize})
	if err != nil {
		return err
	}
	t := transfer{read: read, write: w.held.session, readCfg: readCfg, writeCfg: s.cfg, moved: moved}
	if w.last, err = t.blocks(ctx, where.blocks, name); err != nil {
		return errors.Join(wrap(ctx, "relay "+src.Path+" to", name, err), w.Abort())
	}
	return w.Commit()
}

// transfer moves the blocks of one file.
type transfer struct {
	read, write       *session
	readCfg, writeCfg Config
	moved             func(int) error
	buf               []byte
}

// blocks returns the id, with its length, of the last one written.
func (t *transfer) blocks(ctx context.Context, blocks []block, name string) (last []byte, err error) {
	t.buf = make([]byte, relayBuffer)
	client := t.write.client.Name()
	for _, b := range blocks {
		to, err := again(ctx, func() (block, error) { return t.write.addBlock(t.writeCfg, name, client, last) }, notReplicated)
		if err != nil {
			return nil, err
		}
		if err := t.block(b, to, client); err != nil {
			return nil, err
		}
		last = to.sized(b.size)
	}
	return last, nil
}

// block moves one block.
func (t *transfer) block(from, to block, client string) error {
	in, sum, err := t.openRead(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := openPipeline(t.write, t.writeCfg, to, client, sum)
	if err != nil {
		return err
	}
	n, err := t.pump(in, out)
	if err == nil && n != from.size {
		err = fmt.Errorf("source datanode sent %d bytes of a block of %d", n, from.size)
	}
	if err != nil {
		return out.fail(err)
	}
	return out.finish()
}

// pump forwards packets until the block's last and returns its data's length.
func (t *transfer) pump(in net.Conn, out *pipeline) (int64, error) {
	var s packetScanner
	for !s.ended() {
		n, err := in.Read(t.buf)
		if n > 0 {
			before := s.data
			if err := s.scan(t.buf[:n]); err != nil {
				return s.data, err
			}
			if s.ended() {
				out.total.Store(s.packets)
			}
			if err := t.moved(int(s.data - before)); err != nil {
				return s.data, err
			}
			if _, err := out.conn.Write(t.buf[:n]); err != nil {
				return s.data, err
			}
		}
		if err != nil {
			return s.data, err
		}
	}
	// Tells the DataNode that the read went well (ClientReadStatusProto).
	_, err := in.Write(protowire.AppendBytes(nil, message(nil).num(1, 0)))
	return s.data, err
}

// openRead asks the nearest DataNode that answers for a whole block and returns
// the connection at its first packet, with the block's ChecksumProto.
func (t *transfer) openRead(b block) (net.Conn, []byte, error) {
	req := message(nil).sub(1, operation(b, t.read.client.Name())).num(2, 0).num(3, uint64(b.size))
	var errs error
	for _, node := range b.nodes {
		c, resp, err := open(t.read, t.readCfg, node, opReadBlock, req)
		if err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		if resp.sum == nil || resp.chunkOffset != 0 {
			c.Close() //nolint:errcheck // only read
			return nil, nil, fmt.Errorf("read block: %w", errWire)
		}
		return c, resp.sum, nil
	}
	return nil, nil, errs
}

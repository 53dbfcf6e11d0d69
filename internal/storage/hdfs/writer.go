package hdfs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"drover/internal/storage"
)

const (
	// packetData is what one packet carries at most, as in Hadoop's client.
	packetData = 64 << 10
	packetSums = packetData / storage.ChunkSize * 4
	// packetHead is the room for prefix and header: all of its fields have a
	// fixed length.
	packetHead   = packetPrefix + 25
	crc32c       = 2 // ChecksumTypeProto CHECKSUM_CRC32C
	heartbeatGap = 20 * time.Second
)

// writer is a file being written; see storage.Writer.
type writer struct {
	ctx       context.Context
	store     *Store
	held      held
	name      string
	blockSize int64
	cur       *blockWriter // nil between blocks
	last      []byte       // id, with its length, of the block before
	broken    error        // what a write met; nothing but Abort may follow
	done      bool
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, fmt.Errorf("write %s: %w", w.name, fs.ErrClosed)
	}
	total := 0
	for len(p) > 0 && w.broken == nil {
		n, err := w.write(p)
		total += n
		p = p[n:]
		if err != nil {
			w.broken = wrap(w.ctx, "write", w.name, err)
		}
	}
	return total, w.broken
}

// write takes some of p: at most the rest of a packet.
func (w *writer) write(p []byte) (int, error) {
	if w.cur == nil {
		if err := w.beginBlock(); err != nil {
			return 0, err
		}
	}
	n, err := w.cur.write(p, w.blockSize)
	if err != nil {
		err = w.cur.abandon(err)
		w.cur = nil
		return n, err
	}
	if w.cur.size() == w.blockSize {
		err = w.endBlock()
	}
	return n, err
}

func (w *writer) beginBlock() error {
	ses, cfg, client := w.held.session, w.store.cfg, w.held.client.Name()
	b, err := again(w.ctx, func() (block, error) { return ses.addBlock(cfg, w.name, client, w.last) }, notReplicated)
	if err != nil {
		return err
	}
	p, err := openPipeline(ses, cfg, b, client, message(nil).num(1, crc32c).num(2, storage.ChunkSize))
	if err != nil {
		return err
	}
	w.cur = newBlockWriter(p, b)
	return nil
}

func (w *writer) endBlock() error {
	cur := w.cur
	w.cur = nil
	if err := cur.end(); err != nil {
		return err
	}
	w.last = cur.block.sized(cur.size())
	return nil
}

// Commit implements storage.Writer.
func (w *writer) Commit() error {
	if w.done {
		return fmt.Errorf("commit %s: %w", w.name, fs.ErrClosed)
	}
	if w.broken != nil {
		return errors.Join(w.broken, w.Abort())
	}
	var err error
	if w.cur != nil {
		err = w.endBlock()
	}
	if err == nil {
		err = w.held.finish(w.ctx, w.store.cfg, w.name, w.last)
	}
	if err != nil {
		return errors.Join(wrap(w.ctx, "commit", w.name, err), w.Abort())
	}
	w.done = true
	w.store.release(w.held.session, w.held.stop())
	return nil
}

// Abort implements storage.Writer. The removal does not depend on the writer's
// context, which has usually ended by then.
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	w.held.stop()
	discard(w.held.session)
	if w.cur != nil {
		w.cur.abandon(nil) //nolint:errcheck // given up on purpose
		w.cur = nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), cleanupWait)
	defer cancel()
	return w.store.Remove(ctx, w.name)
}

// blockWriter cuts the bytes of one block into packets.
type blockWriter struct {
	block    block
	pipeline *pipeline
	table    *crc32.Table
	buf      []byte // room for header and checksums, then the packet's data
	n        int    // bytes of data in buf
	stopped  chan struct{}

	mu     sync.Mutex // guards the connection's writes and the rest
	sent   int64      // bytes of the block
	seqno  int64
	closed bool
}

func newBlockWriter(p *pipeline, b block) *blockWriter {
	w := &blockWriter{
		block: b, pipeline: p, table: crc32.MakeTable(crc32.Castagnoli),
		buf: make([]byte, packetHead+packetSums+packetData), stopped: make(chan struct{}),
	}
	go w.heartbeats()
	return w
}

// size is the number of bytes taken so far.
func (w *blockWriter) size() int64 { return w.sent + int64(w.n) }

// write takes as many bytes as the packet and the block have room for.
func (w *blockWriter) write(p []byte, blockSize int64) (int, error) {
	room := min(int64(packetData-w.n), blockSize-w.size(), int64(len(p)))
	copy(w.buf[packetHead+packetSums+w.n:], p[:room])
	w.n += int(room)
	if w.n < packetData {
		return int(room), nil
	}
	return int(room), w.flush()
}

// flush sends the packet gathered.
func (w *blockWriter) flush() error {
	data := w.buf[packetHead+packetSums:][:w.n]
	at := packetHead + packetSums - (w.n+storage.ChunkSize-1)/storage.ChunkSize*4 // checksums end where data begins
	sums := w.buf[at:at]
	for rest := data; len(rest) > 0; {
		chunk := rest[:min(len(rest), storage.ChunkSize)]
		sums = binary.BigEndian.AppendUint32(sums, crc32.Checksum(chunk, w.table))
		rest = rest[len(chunk):]
	}
	err := w.send(at-packetHead, len(sums), w.n, false)
	w.n = 0
	return err
}

// send writes the packet whose header is to stand at the given place in buf.
func (w *blockWriter) send(at, sums, data int, last bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last {
		w.closed = true
		w.pipeline.total.Store(w.seqno + 1)
	}
	appendHeader(w.buf[at:at], sums+data, packetHeader{offset: w.sent, seqno: w.seqno, last: last, data: data})
	w.seqno++
	w.sent += int64(data)
	_, err := w.pipeline.conn.Write(w.buf[at : at+packetHead+sums+data])
	return err
}

// packetHeader is a PacketHeaderProto.
type packetHeader struct {
	offset, seqno int64
	last          bool
	data          int
}

// appendHeader appends what stands before the checksums of a packet.
func appendHeader(b []byte, payload int, h packetHeader) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(4+payload))
	b = binary.BigEndian.AppendUint16(b, packetHead-packetPrefix)
	b = protowire.AppendFixed64(protowire.AppendTag(b, 1, protowire.Fixed64Type), uint64(h.offset))
	b = protowire.AppendFixed64(protowire.AppendTag(b, 2, protowire.Fixed64Type), uint64(h.seqno))
	b = protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), protowire.EncodeBool(h.last))
	return protowire.AppendFixed32(protowire.AppendTag(b, 4, protowire.Fixed32Type), uint32(h.data))
}

// end sends what is left and waits until all DataNodes have all of it.
func (w *blockWriter) end() error {
	defer close(w.stopped)
	if w.n > 0 {
		if err := w.flush(); err != nil {
			return w.pipeline.fail(err)
		}
	}
	if err := w.send(0, 0, 0, true); err != nil {
		return w.pipeline.fail(err)
	}
	return w.pipeline.finish()
}

// abandon gives the block up for err and returns it with the DataNodes' reason.
func (w *blockWriter) abandon(err error) error {
	close(w.stopped)
	return w.pipeline.fail(err)
}

// heartbeats keep the pipeline from timing out while nobody writes.
func (w *blockWriter) heartbeats() {
	beat := appendHeader(nil, 0, packetHeader{seqno: heartbeat})
	tick := time.NewTicker(heartbeatGap)
	defer tick.Stop()
	for {
		select {
		case <-w.stopped:
			return
		case <-tick.C:
		}
		w.mu.Lock()
		if !w.closed {
			w.pipeline.conn.Write(beat) //nolint:errcheck // the next packet meets the same error
		}
		w.mu.Unlock()
	}
}

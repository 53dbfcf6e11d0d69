package datanode

import (
	"context"
	"crypto/md5" //nolint:gosec // the algorithm HDFS defines for checksums
	"encoding/binary"
	"hash"
	"hash/crc32"
	"sync"
	"time"
)

// packetData is about what one packet carries, as in Hadoop's client: a whole
// number of chunks.
const packetData = 64 << 10

// Writer cuts the bytes of one block into packets with their checksums. It
// belongs to one goroutine; after the last Write call either Close or Abort.
type Writer struct {
	pipeline *Pipeline
	table    *crc32.Table
	chunk    int // bytes under one CRC
	data     int // bytes a packet has room for
	head     int // where its data begins in buf
	sum      hash.Hash
	buf      []byte // room for header and checksums, then the packet's data
	n        int    // bytes of data in buf
	failed   bool
	stop     func() // ends the heartbeats

	mu     sync.Mutex // guards the connection's writes and the rest
	offset int64      // in the block, of the packet being filled
	seqno  int64
	ended  bool // the last packet was sent
}

// heartbeatGap is how often a DataNode is told that the writer is alive: it
// waits a minute (dfs.client.socket-timeout).
const heartbeatGap = 20 * time.Second

// NewWriter begins to write a block, or with o.Append to continue one behind
// its Size bytes.
func (c *Client) NewWriter(ctx context.Context, b Block, o WriteOptions) (*Writer, error) {
	if o.Checksum == nil {
		o.Checksum = standardChecksum()
	}
	check, err := newChecker(o.Checksum)
	if err != nil {
		return nil, err
	}
	p, err := c.Write(ctx, b, o)
	if err != nil {
		return nil, err
	}
	w := &Writer{pipeline: p, table: check.table, chunk: check.chunk, sum: md5.New()} //nolint:gosec // see above
	chunks := max(1, packetData/w.chunk)
	w.data, w.head = chunks*w.chunk, headSize+chunks*4
	w.buf = make([]byte, w.head+w.data)
	if o.Append {
		w.offset = b.Size
	}
	w.stop = func() {}
	if o.KeepAlive {
		w.keepAlive(heartbeatGap)
	}
	return w, nil
}

// keepAlive begins to send heartbeats (HdfsConstants' HEART_BEAT_SEQNO), so that
// the pipeline does not time out while nobody writes.
func (w *Writer) keepAlive(gap time.Duration) {
	ctx, cancel := context.WithCancel(w.pipeline.ctx)
	w.stop = cancel
	beat := make([]byte, headSize)
	header{seqno: heartbeat}.append(beat[:0], 0)
	go func() {
		tick := time.NewTicker(gap)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			w.mu.Lock()
			if !w.ended {
				w.pipeline.conn.Write(beat) //nolint:errcheck // the next packet meets the same error
			}
			w.mu.Unlock()
		}
	}()
}

// Sum is the MD5 of the CRCs sent: after Close of a block written from its first
// byte, the block's checksum.
func (w *Writer) Sum() []byte { return w.sum.Sum(nil) }

// Size is the length of the block with all that was written to it.
func (w *Writer) Size() int64 { return w.offset + int64(w.n) }

// Write implements io.Writer. The error is a *PipelineError.
func (w *Writer) Write(p []byte) (int, error) {
	total := 0
	for len(p) > 0 {
		room := w.room() - w.n
		n := copy(w.buf[w.head+w.n:][:room], p)
		w.n += n
		total += n
		p = p[n:]
		if n == room {
			if err := w.flush(); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// room is what the packet under way may hold: behind a chunk that is on disk in
// part, only the rest of that chunk (BlockReceiver computes its CRC anew).
func (w *Writer) room() int {
	if part := int(w.offset % int64(w.chunk)); part > 0 {
		return w.chunk - part
	}
	return w.data
}

// flush sends the packet gathered.
func (w *Writer) flush() error {
	data := w.buf[w.head:][:w.n]
	at := w.head - (w.n+w.chunk-1)/w.chunk*4 // checksums end where data begins
	sums := w.buf[at:at]
	for rest := data; len(rest) > 0; {
		chunk := rest[:min(len(rest), w.chunk)]
		sums = binary.BigEndian.AppendUint32(sums, crc32.Checksum(chunk, w.table))
		rest = rest[len(chunk):]
	}
	w.sum.Write(sums)
	n := w.n
	w.n = 0
	return w.send(at-headSize, len(sums), n, false)
}

// send writes the packet whose header is to stand at the given place in buf.
func (w *Writer) send(at, sums, data int, last bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last {
		w.ended = true
		w.pipeline.total.Store(w.seqno + 1)
	}
	header{offset: w.offset, seqno: w.seqno, last: last, data: data}.append(w.buf[at:at], sums+data)
	w.seqno++
	w.offset += int64(data)
	if _, err := w.pipeline.conn.Write(w.buf[at : at+headSize+sums+data]); err != nil {
		w.failed, w.ended = true, true
		w.stop()
		return w.pipeline.fail(err)
	}
	return nil
}

// Close sends what is left and waits until all DataNodes have all of it. The
// NameNode does not know of it yet.
func (w *Writer) Close() error {
	defer w.stop()
	if w.n > 0 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if err := w.send(0, 0, 0, true); err != nil {
		return err
	}
	return w.pipeline.finish()
}

// Abort gives the block up.
func (w *Writer) Abort() {
	w.stop()
	if !w.failed {
		w.pipeline.fail(nil) //nolint:errcheck // given up on purpose
	}
}

package hdfs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/colinmarc/hdfs/v2"
	"google.golang.org/protobuf/encoding/protowire"

	"drover/internal/storage"
)

// relayBuffer is what one relay holds in memory: a few packets.
const relayBuffer = 256 << 10

const (
	opWriteBlock = 80
	opReadBlock  = 81
	pipelineNew  = 6  // BlockConstructionStage PIPELINE_SETUP_CREATE
	dataVersion  = 28 // DataTransferProtocol.DATA_TRANSFER_VERSION
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
	write, err := s.hold(ctx, "create", name, func(c *hdfs.Client) error {
		_, err := create(c, name, storage.CreateOptions{BlockSize: src.BlockSize})
		return err
	})
	if err != nil {
		return err
	}
	w := &writer{ctx: ctx, store: s, held: write, name: name} // for Abort
	t := transfer{read: read, write: write.session, readCfg: readCfg, writeCfg: s.cfg, moved: moved}
	if err := t.file(ctx, where.blocks, name); err != nil {
		return errors.Join(wrap(ctx, "relay "+src.Path+" to", name, err), w.Abort())
	}
	s.release(write.session, write.stop())
	return nil
}

// transfer moves the blocks of one file.
type transfer struct {
	read, write       *session
	readCfg, writeCfg Config
	moved             func(int) error
	buf               []byte
}

func (t *transfer) file(ctx context.Context, blocks []block, name string) error {
	t.buf = make([]byte, relayBuffer)
	client := t.write.client.Name()
	var last []byte
	for _, b := range blocks {
		to, err := again(ctx, func() (block, error) { return t.write.addBlock(t.writeCfg, name, client, last) }, notReplicated)
		if err != nil {
			return err
		}
		if err := t.block(b, to, client); err != nil {
			return err
		}
		last = to.sized(b.size)
	}
	_, err := again(ctx, func() (struct{}, error) {
		done, err := t.write.complete(t.writeCfg, name, client, last)
		if err == nil && !done {
			err = errNotComplete
		}
		return struct{}{}, err
	}, func(err error) bool { return errors.Is(err, errNotComplete) })
	return err
}

var errNotComplete = errors.New("the datanodes have not reported the last block")

func notReplicated(err error) bool {
	var re *rpcError
	return errors.As(err, &re) && shortClass(re.class) == "NotReplicatedYetException"
}

// again repeats a call to the NameNode while it says that it has not heard of a
// block from the DataNodes yet.
func again[T any](ctx context.Context, call func() (T, error), early func(error) bool) (T, error) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 5*time.Millisecond, time.Second
	return backoff.Retry(ctx, func() (T, error) {
		v, err := call()
		if err != nil && !early(err) {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(completeWait))
}

// block moves one block.
func (t *transfer) block(from, to block, client string) error {
	in, sum, err := t.openRead(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := t.openWrite(to, client, sum)
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // acknowledged, or given up
	acks := &acks{conn: out}
	acked := make(chan error, 1)
	go func() { acked <- acks.read() }()
	n, err := t.pump(in, out, acks)
	if err == nil && n != from.size {
		err = fmt.Errorf("source datanode sent %d bytes of a block of %d", n, from.size)
	}
	if err != nil {
		out.Close() //nolint:errcheck // ends the acknowledgements
		if ackErr := <-acked; ackErr != nil && !errors.Is(ackErr, net.ErrClosed) {
			err = errors.Join(ackErr, err)
		}
		return err
	}
	return <-acked
}

// pump forwards packets until the block's last and returns its data's length.
func (t *transfer) pump(in, out net.Conn, acks *acks) (int64, error) {
	var s packetScanner
	for !s.ended() {
		n, err := in.Read(t.buf)
		if n > 0 {
			before := s.data
			if err := s.scan(t.buf[:n]); err != nil {
				return s.data, err
			}
			if s.ended() {
				acks.total.Store(s.packets) // before they can all have come
			}
			if err := t.moved(int(s.data - before)); err != nil {
				return s.data, err
			}
			if _, err := out.Write(t.buf[:n]); err != nil {
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

// openWrite sets up the pipeline for a new block.
func (t *transfer) openWrite(b block, client string, sum []byte) (net.Conn, error) {
	req := message(nil).sub(1, operation(b, client))
	for _, node := range b.nodes[1:] {
		req = req.sub(2, node)
	}
	req = req.num(4, pipelineNew).num(5, uint64(len(b.nodes)-1)).num(6, 0).num(7, 0).num(8, 0).sub(9, sum)
	c, _, err := open(t.write, t.writeCfg, b.nodes[0], opWriteBlock, req)
	return c, err
}

// operation is the ClientOperationHeaderProto of a block.
func operation(b block, client string) message {
	return message(nil).sub(1, message(nil).sub(1, b.id).sub(2, b.token)).str(2, client)
}

// opResponse is a BlockOpResponseProto.
type opResponse struct {
	status      uint64
	text        string
	sum         []byte
	chunkOffset uint64
}

// open connects to a DataNode and starts an operation.
func open(ses *session, cfg Config, node []byte, op byte, req message) (net.Conn, opResponse, error) {
	addr, err := address(node, cfg.UseDataNodeHostname)
	if err != nil {
		return nil, opResponse{}, err
	}
	nc, err := ses.dialer(cfg, true)(context.Background(), "tcp", addr)
	if err != nil {
		return nil, opResponse{}, err
	}
	c := nc.(*conn) //nolint:errcheck,forcetypeassert // what our dialer returns
	resp, err := c.start(op, req)
	if err != nil {
		c.Close() //nolint:errcheck // nothing was sent yet
		return nil, opResponse{}, fmt.Errorf("datanode %s: %w", addr, err)
	}
	return c, resp, nil
}

// start sends a request and takes the response.
func (c *conn) start(op byte, req message) (opResponse, error) {
	if _, err := c.Write(protowire.AppendBytes([]byte{0, dataVersion, op}, req)); err != nil {
		return opResponse{}, err
	}
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return opResponse{}, err
	}
	b, err := readDelimited(c.r)
	if err != nil {
		return opResponse{}, err
	}
	var out opResponse
	err = fields(b, func(n protowire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			out.status = v
		case 4:
			return fields(raw, func(n protowire.Number, v uint64, raw []byte) error {
				switch n {
				case 1:
					out.sum = raw
				case 2:
					out.chunkOffset = v
				}
				return nil
			})
		case 5:
			out.text = string(raw)
		}
		return nil
	})
	if err == nil && out.status != 0 {
		err = fmt.Errorf("operation %d refused with status %d: %s", op, out.status, out.text)
	}
	return out, err
}

// acks reads the acknowledgements of one block's packets.
type acks struct {
	conn  net.Conn
	total atomic.Int64 // packets of the block; 0 while unknown
}

const heartbeat = -1 // sequence number of an acknowledgement that is none

// read returns once every packet was acknowledged by every DataNode, or one
// reported an error.
func (a *acks) read() error {
	r := bufio.NewReader(a.conn)
	for n := int64(0); ; {
		b, err := readDelimited(r)
		if err != nil {
			return fmt.Errorf("acknowledgement: %w", err)
		}
		seqno := int64(0)
		err = fields(b, func(n protowire.Number, v uint64, _ []byte) error {
			switch {
			case n == 1:
				seqno = protowire.DecodeZigZag(v)
			case n == 2 && v != 0:
				return fmt.Errorf("a target datanode reports status %d", v)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if seqno == heartbeat {
			continue
		}
		if n++; n == a.total.Load() {
			return nil
		}
	}
}

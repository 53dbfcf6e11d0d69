package datanode

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"drover/internal/hadoop/wire"
)

const (
	stageAppend = 0 // BlockConstructionStage PIPELINE_SETUP_APPEND
	stageCreate = 6 // PIPELINE_SETUP_CREATE
	crc32c      = 2 // ChecksumTypeProto CHECKSUM_CRC32C

	// fewBytes is what may be sent before anybody reads acknowledgements: they
	// are few enough to wait in the socket's buffer.
	fewBytes = 1 << 20
	// lastWords is how long a failed pipeline may take to say why.
	lastWords = time.Second
)

// WriteOptions say how a block is written.
type WriteOptions struct {
	// Checksum is the ChecksumProto of the packets to come; nil means CRC32C
	// over ChunkSize bytes.
	Checksum []byte
	// Append continues a finished block of Size bytes: ID says the generation
	// stamp it has, Generation the one it gets (updateBlockForPipeline).
	Append     bool
	Generation uint64
	// Bytes is how many will be written, if known: of few the acknowledgements
	// are read at the end, without a goroutine.
	Bytes int64
	// KeepAlive lets a Writer take its time between bytes: it sends a packet
	// without data every heartbeatGap meanwhile.
	KeepAlive bool
}

// PipelineError says that a block could not be written, and which of its nodes
// was the first to fail. Abandon the block and ask the NameNode for another
// one without that node.
type PipelineError struct {
	Block string
	Bad   Node
	Err   error
}

func (e *PipelineError) Error() string { return fmt.Sprintf("write %s: %v", e.Block, e.Err) }
func (e *PipelineError) Unwrap() error { return e.Err }

// Pipeline is a block being written: to one DataNode, which hands it on to the
// others. It belongs to one goroutine and ends with finish or fail. DataNodes
// give up on a writer that says nothing for a minute.
type Pipeline struct {
	ctx   context.Context
	block Block
	conn  *conn
	stop  func() bool
	total atomic.Int64 // packets of the block, 0 while unknown
	acked chan error   // nil: nobody reads acknowledgements yet
}

// Write sets up the DataNodes for a block.
func (c *Client) Write(ctx context.Context, b Block, o WriteOptions) (*Pipeline, error) {
	if len(b.Nodes) == 0 {
		return nil, fmt.Errorf("write %s: %w", b, ErrNoNode)
	}
	nc, _, stop, err := c.open(ctx, b.Nodes[0].Addr, opWrite, c.writeRequest(b, o))
	if cause := ctx.Err(); err != nil && cause != nil {
		return nil, fmt.Errorf("write %s: %w", b, cause) // no node's fault
	}
	if err != nil {
		return nil, &PipelineError{Block: b.String(), Bad: firstBad(b, err), Err: err}
	}
	p := &Pipeline{ctx: ctx, block: b, conn: nc, stop: stop}
	if o.Bytes == 0 || o.Bytes > fewBytes {
		p.acked = make(chan error, 1)
		go func() {
			err := p.acks()
			if err != nil {
				nc.Close() //nolint:errcheck // so that whoever writes notices
			}
			p.acked <- err
		}()
	}
	return p, nil
}

// firstBad is the node that kept a pipeline from being set up: the first, which
// was asked, unless that says it was another.
func firstBad(b Block, err error) Node {
	var refused *StatusError
	if errors.As(err, &refused) && refused.FirstBad != "" {
		for _, n := range b.Nodes {
			if n.Addr == refused.FirstBad || n.transferAddr() == refused.FirstBad {
				return n
			}
		}
	}
	return b.Nodes[0]
}

// transferAddr is how DataNodes name each other (DatanodeID.getXferAddr), also
// where they are reached by other names.
func (n Node) transferAddr() string {
	var ip string
	var port uint64
	//nolint:errcheck // what cannot be read names nobody
	wire.Fields(n.Raw, func(field wire.Number, _ uint64, id []byte) error {
		if field != 1 {
			return nil
		}
		return wire.Fields(id, func(field wire.Number, v uint64, raw []byte) error {
			switch field {
			case 1:
				ip = string(raw)
			case 4:
				port = v
			}
			return nil
		})
	})
	return fmt.Sprintf("%s:%d", ip, port)
}

// writeRequest is an OpWriteBlockProto.
func (c *Client) writeRequest(b Block, o WriteOptions) wire.Message {
	stage := uint64(stageCreate)
	if o.Append {
		stage = stageAppend
	}
	sum := o.Checksum
	if sum == nil {
		sum = standardChecksum()
	}
	req := wire.Message(nil).Raw(1, c.operation(b, b.ID))
	for _, node := range b.Nodes[1:] {
		req = req.Raw(2, node.Raw)
	}
	req = req.Uint(4, stage).Uint(5, uint64(len(b.Nodes))).Uint(6, uint64(b.Size)).Uint(7, 0).Uint(8, o.Generation).Raw(9, sum)
	// Without these a DataNode takes any disk, whatever the file's storage
	// policy chose.
	for i, t := range b.StorageTypes {
		if i == 0 {
			req = req.Uint(11, t)
			continue
		}
		req = req.Uint(12, t)
	}
	for i, id := range b.StorageIDs {
		if i == 0 {
			req = req.Str(16, id)
			continue
		}
		req = req.Str(17, id)
	}
	return req
}

// standardChecksum is the ChecksumProto of CRC32C over ChunkSize bytes.
func standardChecksum() []byte { return wire.Message(nil).Uint(1, crc32c).Uint(2, ChunkSize) }

// finish waits until every packet is acknowledged; total must be set.
func (p *Pipeline) finish() error {
	defer p.stop()
	defer p.conn.Close() //nolint:errcheck // all was acknowledged, or it failed
	var err error
	if p.acked == nil {
		err = p.acks()
	} else {
		err = <-p.acked
	}
	return p.explain(err)
}

// fail gives the block up and returns err with what the DataNodes said.
func (p *Pipeline) fail(err error) error {
	defer p.stop()
	var ack error
	if p.acked == nil {
		p.conn.timeout = lastWords
		ack = p.acks()
		p.conn.Close() //nolint:errcheck // it failed
	} else {
		p.conn.Close() //nolint:errcheck // ends the acknowledgements
		ack = <-p.acked
	}
	var told *nodeStatus
	switch {
	case errors.As(ack, &told):
		err = errors.Join(ack, err)
	case err == nil:
		err = ack
	}
	return p.explain(err)
}

// explain names the node that failed first.
func (p *Pipeline) explain(err error) error {
	if err == nil {
		return nil
	}
	if cause := p.ctx.Err(); cause != nil {
		return fmt.Errorf("write %s: %w", p.block, cause)
	}
	bad := p.block.Nodes[0]
	var told *nodeStatus
	if errors.As(err, &told) && told.node < len(p.block.Nodes) {
		bad = p.block.Nodes[told.node]
	}
	return &PipelineError{Block: p.block.String(), Bad: bad, Err: err}
}

// nodeStatus is what one node of a pipeline reports.
type nodeStatus struct {
	node   int
	addr   string
	status uint64
}

func (e *nodeStatus) Error() string {
	return fmt.Sprintf("target datanode %s reports %s", e.addr, statusName(e.status))
}

const heartbeat = -1 // sequence number of an acknowledgement that is none

// acks returns once every packet was acknowledged by every DataNode, or one
// reported an error.
func (p *Pipeline) acks() error {
	for n := int64(0); ; {
		if err := p.conn.SetReadDeadline(time.Now().Add(p.conn.timeout)); err != nil {
			return fmt.Errorf("acknowledgement: %w", err)
		}
		b, err := wire.ReadDelimited(p.conn.r)
		if err != nil {
			return about(p.ctx, p.conn.addr, fmt.Errorf("acknowledgement: %w", err))
		}
		seqno, err := p.ack(b)
		if err != nil {
			return err
		}
		if seqno == heartbeat {
			continue
		}
		if n++; n == p.total.Load() {
			return nil
		}
	}
}

// ack reads a PipelineAckProto. A node that failed stands behind those that
// succeeded.
func (p *Pipeline) ack(b []byte) (seqno int64, err error) {
	node := 0
	err = wire.Fields(b, func(n wire.Number, v uint64, _ []byte) error {
		switch n {
		case 1:
			seqno = wire.Sint(v)
		case 2:
			if v != 0 {
				addr := "unknown"
				if node < len(p.block.Nodes) {
					addr = p.block.Nodes[node].Addr
				}
				return &nodeStatus{node: node, addr: addr, status: v}
			}
			node++
		}
		return nil
	})
	return seqno, err
}

var _ net.Conn = (*conn)(nil)

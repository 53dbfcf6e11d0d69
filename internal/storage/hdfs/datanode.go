package hdfs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	opWriteBlock = 80
	opReadBlock  = 81
	pipelineNew  = 6  // BlockConstructionStage PIPELINE_SETUP_CREATE
	dataVersion  = 28 // DataTransferProtocol.DATA_TRANSFER_VERSION
)

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

// pipeline is a new block being written: to one DataNode, which hands it on to
// the others. It ends with finish or fail.
type pipeline struct {
	conn net.Conn
	// total is the number of packets of the block, 0 while unknown. It must be
	// set before the last one is sent.
	total atomic.Int64
	acked chan error
}

// openPipeline sets up the DataNodes for a block whose packets carry checksums
// as sum, a ChecksumProto, says.
func openPipeline(ses *session, cfg Config, b block, client string, sum []byte) (*pipeline, error) {
	req := message(nil).sub(1, operation(b, client))
	for _, node := range b.nodes[1:] {
		req = req.sub(2, node)
	}
	req = req.num(4, pipelineNew).num(5, uint64(len(b.nodes)-1)).num(6, 0).num(7, 0).num(8, 0).sub(9, sum)
	c, _, err := open(ses, cfg, b.nodes[0], opWriteBlock, req)
	if err != nil {
		return nil, err
	}
	p := &pipeline{conn: c, acked: make(chan error, 1)}
	go func() {
		err := p.acks()
		if err != nil {
			c.Close() //nolint:errcheck // so that whoever writes notices
		}
		p.acked <- err
	}()
	return p, nil
}

// finish waits until every packet is acknowledged.
func (p *pipeline) finish() error {
	defer p.conn.Close() //nolint:errcheck // all was acknowledged, or it failed
	return <-p.acked
}

// fail gives the block up and returns err with what the DataNodes said.
func (p *pipeline) fail(err error) error {
	p.conn.Close() //nolint:errcheck // ends the acknowledgements
	if ack := <-p.acked; ack != nil && !errors.Is(ack, net.ErrClosed) {
		return errors.Join(ack, err)
	}
	return err
}

const heartbeat = -1 // sequence number of a packet, and its acknowledgement, that is none

// acks returns once every packet was acknowledged by every DataNode, or one
// reported an error.
func (p *pipeline) acks() error {
	r := bufio.NewReader(p.conn)
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
		if n++; n == p.total.Load() {
			return nil
		}
	}
}

package datanode

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"drover/internal/hadoop/wire"
)

const (
	version = 28 // DataTransferProtocol.DATA_TRANSFER_VERSION

	opWrite    = 80
	opRead     = 81
	opChecksum = 85

	// readAhead is the buffer under a socket one reads data from: a small block
	// comes in one piece, and nearly all of a large one goes straight to its
	// destination. Elsewhere only short messages are read.
	readAhead    = 8 << 10
	shortMessage = 512
	// keep is how long a connection waits for its next read; the DataNode ends
	// it after four seconds.
	keep = 3 * time.Second
	// maxIdle bounds the idle connections to one DataNode: each holds one of
	// its threads.
	maxIdle = 32
)

// conn is a socket to one DataNode on which every read and write has a
// deadline.
type conn struct {
	net.Conn
	addr    string
	r       *bufio.Reader
	timeout time.Duration
	since   time.Time // when it became idle
	reused  bool
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if c.r.Buffered() == 0 {
		if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
			return 0, err
		}
	}
	return c.r.Read(p)
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// response is a BlockOpResponseProto.
type response struct {
	status      uint64
	badLink     string // ip:port of the first node of a pipeline that failed
	text        string
	sum         []byte // ChecksumProto of what a read sends
	chunkOffset int64  // where the first chunk it sends begins
	checksum    []byte // OpBlockChecksumResponseProto
}

func parseResponse(b []byte) (out response, err error) {
	err = wire.Fields(b, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			out.status = v
		case 2:
			out.badLink = string(raw)
		case 3:
			out.checksum = raw
		case 4:
			return wire.Fields(raw, func(n wire.Number, v uint64, raw []byte) error {
				switch n {
				case 1:
					out.sum = raw
				case 2:
					out.chunkOffset = int64(v)
				}
				return nil
			})
		case 5:
			out.text = string(raw)
		}
		return nil
	})
	return out, err
}

// start sends a request and takes the response.
func (c *conn) start(op byte, req wire.Message) (response, error) {
	if _, err := c.Write(wire.AppendDelimited([]byte{0, version, op}, req)); err != nil {
		return response{}, err
	}
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return response{}, err
	}
	b, err := wire.ReadDelimited(c.r)
	if err != nil {
		return response{}, err
	}
	resp, err := parseResponse(b)
	if err == nil && resp.status != 0 {
		err = &StatusError{Addr: c.addr, Status: resp.status, Text: resp.text, FirstBad: resp.badLink}
	}
	return resp, err
}

// open connects to the DataNode at addr, starts an operation there and returns
// the connection after the response. It dies with ctx until stop is called,
// which reports whether it is still alive.
func (c *Client) open(ctx context.Context, addr string, op byte, req wire.Message) (_ *conn, resp response, stop func() bool, err error) {
	for {
		nc, err := c.get(ctx, addr, op)
		if err != nil {
			return nil, response{}, nil, about(ctx, addr, err)
		}
		stop := context.AfterFunc(ctx, func() { nc.Close() }) //nolint:errcheck // whoever uses it notices
		resp, err := nc.start(op, req)
		if err == nil {
			return nc, resp, stop, nil
		}
		stop()
		nc.Close() //nolint:errcheck // nothing is under way on it
		var refused *StatusError
		if nc.reused && ctx.Err() == nil && !errors.As(err, &refused) {
			continue // it had been closed while idle; the others may be, too
		}
		return nil, response{}, nil, about(ctx, addr, err)
	}
}

// about names the DataNode in err; the error of ctx goes before what its
// closed sockets say.
func about(ctx context.Context, addr string, err error) error {
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	var refused *StatusError
	if errors.As(err, &refused) {
		return err
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("datanode %s: %w", addr, err)
}

// get returns an idle connection for a read, or a new one.
func (c *Client) get(ctx context.Context, addr string, op byte) (*conn, error) {
	size := shortMessage
	if op == opRead {
		size = readAhead
		if nc := c.reuse(addr); nc != nil {
			return nc, nil
		}
	}
	dctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	nc, err := c.cfg.Dial(dctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: nc, addr: addr, r: bufio.NewReaderSize(nc, size), timeout: c.cfg.IOTimeout}, nil
}

func (c *Client) reuse(addr string) *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.idle[addr]
	if len(list) == 0 {
		return nil
	}
	last := list[len(list)-1]
	if time.Since(last.since) < keep {
		c.idle[addr] = list[:len(list)-1]
		last.reused = true
		return last
	}
	for _, old := range list { // the last is the youngest
		old.Close() //nolint:errcheck // nothing is under way on it
	}
	delete(c.idle, addr)
	return nil
}

// put keeps a connection on which a read came to its end.
func (c *Client) put(nc *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle[nc.addr]) >= maxIdle {
		nc.Close() //nolint:errcheck // nothing is under way on it
		return
	}
	nc.since = time.Now()
	c.idle[nc.addr] = append(c.idle[nc.addr], nc)
}

// operation is the ClientOperationHeaderProto of a block.
func (c *Client) operation(b Block, id []byte) wire.Message {
	return wire.Message(nil).Raw(1, base(b, id)).Str(2, c.cfg.Name)
}

// base is the BaseHeaderProto of a block.
func base(b Block, id []byte) wire.Message {
	return wire.Message(nil).Raw(1, id).Raw(2, b.Token)
}

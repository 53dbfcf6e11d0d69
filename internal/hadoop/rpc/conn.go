package rpc

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"drover/internal/hadoop/wire"
)

const (
	// maxFrame bounds an answer: ipc.maximum.response.length is 128 MiB.
	maxFrame = 128 << 20
	// readBuffer takes many small answers in one read.
	readBuffer = 64 << 10
	// keepBuffer is the largest write buffer that is kept for reuse.
	keepBuffer = 256 << 10

	contextCallID = -3 // Hadoop's RpcConstants.CONNECTION_CONTEXT_CALL_ID
	rpcProtobuf   = 2  // RpcKindProto RPC_PROTOCOL_BUFFER
)

// call is one call on its way. It belongs to one connection at a time.
type call struct {
	id   int32
	done chan answerOrError // room for one
}

type answerOrError struct {
	answer answer
	err    error
}

// conn is one connection. One goroutine writes, one reads; a conn that broke
// stays broken.
type conn struct {
	addr    string
	nc      net.Conn
	timeout time.Duration
	heard   atomic.Int64 // when something was read last, in Unix nanoseconds
	wake    chan struct{}
	ended   sync.WaitGroup

	mu      sync.Mutex
	out     []byte // frames to be written
	pending map[int32]*call
	err     error
}

// newConn starts a connection whose first bytes are hello.
func newConn(addr string, nc net.Conn, timeout time.Duration, hello []byte) *conn {
	c := &conn{
		addr: addr, nc: nc, timeout: timeout, out: hello,
		wake: make(chan struct{}, 1), pending: map[int32]*call{},
	}
	c.ended.Go(c.write)
	c.ended.Go(c.read)
	return c
}

// send queues a call's frame.
func (c *conn) send(cl *call, header, about, req wire.Message) error {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return &lostError{addr: c.addr, cause: c.err}
	}
	defer c.mu.Unlock()
	c.pending[cl.id] = cl
	c.out = appendFrame(c.out, header, about, req)
	select {
	case c.wake <- struct{}{}:
	default: // the writer has been told
	}
	return nil
}

// appendFrame appends the messages with their lengths, and the length of all
// before them.
func appendFrame(b []byte, messages ...wire.Message) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	for _, m := range messages {
		b = wire.AppendDelimited(b, m)
	}
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// write sends what is queued, all that came together in one write.
func (c *conn) write() {
	var spare []byte
	for range c.wake {
		// Whoever else is about to call gets into the same write.
		runtime.Gosched()
		c.mu.Lock()
		out, broken := c.out, c.err != nil
		c.out = spare[:0]
		c.mu.Unlock()
		if broken {
			return
		}
		if len(out) > 0 {
			err := c.nc.SetWriteDeadline(time.Now().Add(c.timeout))
			if err == nil {
				_, err = c.nc.Write(out)
			}
			if err != nil {
				c.fail(err)
				return
			}
		}
		spare = nil
		if cap(out) <= keepBuffer {
			spare = out
		}
	}
}

// read hands each answer to its call. An answer nobody waits for any more is
// dropped.
func (c *conn) read() {
	r := bufio.NewReaderSize(c.nc, readBuffer)
	for {
		a, err := readAnswer(r)
		if err != nil {
			c.fail(err)
			return
		}
		c.heard.Store(time.Now().UnixNano())
		cl := c.take(a.callID)
		if cl != nil {
			cl.done <- answerOrError{answer: a}
		}
		if a.status == statusFatal {
			if cl != nil { // the others have no part in it
				err = io.EOF
			} else {
				err = a.err
			}
			c.fail(err)
			return
		}
	}
}

func readAnswer(r *bufio.Reader) (answer, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return answer{}, err
	}
	if string(size[:]) == "HTTP" {
		return answer{}, fmt.Errorf("%w: the server speaks HTTP: give the address of its RPC service (dfs.namenode.rpc-address)", wire.ErrMalformed)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxFrame {
		return answer{}, fmt.Errorf("%w: %d bytes, the limit is %d", wire.ErrMalformed, n, maxFrame)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(r, frame); err != nil {
		return answer{}, err
	}
	return parseAnswer(frame)
}

func (c *conn) take(id int32) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl := c.pending[id]
	delete(c.pending, id)
	return cl
}

// forget gives a call's answer up.
func (c *conn) forget(cl *call) { c.take(cl.id) }

// fail breaks the connection for err and ends the calls under way.
func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the server closed the connection")
	}
	c.err = err
	c.nc.Close() //nolint:errcheck // it is given up either way
	for id, cl := range c.pending {
		delete(c.pending, id)
		cl.done <- answerOrError{err: &lostError{addr: c.addr, sent: true, cause: err}}
	}
	close(c.wake) // send looks at err first, so nobody sends to it again
}

// broken tells why the connection is of no use; nil while it is.
func (c *conn) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// server is one address and its connection.
type server struct {
	client *Client
	addr   string

	mu      sync.Mutex
	conn    *conn
	dialing *dialing
	closed  bool
	ended   sync.WaitGroup
}

// dialing is a connection being made, for all who wait for it.
type dialing struct {
	cancel context.CancelFunc
	done   chan struct{}
	conn   *conn
	err    error
}

// get returns the connection, making one if there is none. The connection
// outlives ctx, which only bounds the wait.
func (s *server) get(ctx context.Context) (*conn, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	if s.conn != nil && s.conn.broken() == nil {
		defer s.mu.Unlock()
		return s.conn, nil
	}
	if s.dialing == nil {
		s.dial(ctx)
	}
	d := s.dialing
	s.mu.Unlock()
	select {
	case <-d.done:
		return d.conn, d.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// dial starts to connect, for whoever waits. s.mu is held.
func (s *server) dial(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.client.cfg.DialTimeout)
	d := &dialing{cancel: cancel, done: make(chan struct{})}
	s.dialing = d
	s.ended.Go(func() {
		defer cancel()
		conn, err := s.connect(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dialing = nil
		switch {
		case err != nil:
			d.err = &lostError{addr: s.addr, cause: fmt.Errorf("connect: %w", err)}
		case s.closed:
			conn.fail(ErrClosed)
			d.err = ErrClosed
		default:
			d.conn, s.conn = conn, conn
		}
		close(d.done)
	})
}

// connect makes a connection and says who calls.
func (s *server) connect(ctx context.Context) (*conn, error) {
	cfg := s.client.cfg
	nc, err := cfg.Dial(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { nc.Close() }) //nolint:errcheck // ends a handshake that hangs
	defer stop()
	hello := []byte{'h', 'r', 'p', 'c', 9, 0, cfg.Auth.Preamble()}
	through := nc
	if cfg.Auth.Preamble() != 0 {
		if _, err = nc.Write(hello); err == nil {
			through, err = cfg.Auth.Handshake(ctx, nc, s.addr)
		}
		if err != nil {
			return nil, errors.Join(err, nc.Close())
		}
		hello = nil
	}
	var about wire.Message // IpcConnectionContextProto
	if effective, real := cfg.Auth.Context(); effective != "" || real != "" {
		var user wire.Message
		if effective != "" {
			user = user.Str(1, effective)
		}
		if real != "" {
			user = user.Str(2, real)
		}
		about = about.Raw(2, user)
	}
	hello = appendFrame(hello, s.client.header(contextCallID, -1), about.Str(3, cfg.Protocol))
	return newConn(s.addr, through, cfg.CallTimeout, hello), nil
}

// close ends the connection, or the making of one, and waits for its end.
func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	if s.dialing != nil {
		s.dialing.cancel()
	}
	conn := s.conn
	s.mu.Unlock()
	s.ended.Wait()
	if conn != nil {
		conn.fail(ErrClosed)
		conn.ended.Wait()
	}
}

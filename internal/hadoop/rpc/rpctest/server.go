// Package rpctest is a server that speaks Hadoop's RPC on a real socket and
// answers as a test tells it to: with a body, an exception, bytes that are no
// answer, a closed connection, or not at all.
package rpctest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"drover/internal/hadoop/wire"
)

// Request is one call as it came.
type Request struct {
	Conn     int    // number of the connection, from 1
	User     string // of the connection
	CallID   int32
	ClientID string
	Retry    int64
	Method   string
	Protocol string
	Body     []byte
}

// Reply is what becomes of a call. The zero value is a success with an empty
// body.
type Reply struct {
	Body  wire.Message
	Class string // of an exception, as Java names it
	Text  string // of the exception, stack included
	Fatal bool   // the exception ends the connection
	Raw   []byte // sent as it is, instead of an answer
	Close bool   // the connection is closed, after Raw if there is any
	None  bool   // no answer at all
}

// Server is a running fake. It ends with its test.
type Server struct {
	Addr     string
	handle   func(Request) Reply
	listener net.Listener
	ended    sync.WaitGroup

	mu       sync.Mutex
	conns    []net.Conn
	requests []Request
	faults   []error
}

// Serve starts a server whose calls are answered by handle, each on a goroutine
// of its own. What a client sends that no client should fails the test.
func Serve(t testing.TB, handle func(Request) Reply) *Server {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Addr: l.Addr().String(), handle: handle, listener: l}
	s.ended.Go(s.accept)
	t.Cleanup(func() {
		s.Stop()
		for _, err := range s.faults {
			t.Error(err)
		}
	})
	return s
}

// Requests returns the calls that came, in the order they came in.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Conns is the number of connections that came.
func (s *Server) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Hangup closes the connections there are; new ones are welcome.
func (s *Server) Hangup() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close() //nolint:errcheck // closed is what it shall be
	}
}

// Stop ends the server as a killed process does: nothing listens any more.
func (s *Server) Stop() {
	s.listener.Close() //nolint:errcheck // a second time does no harm
	s.Hangup()
	s.ended.Wait()
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, c)
		number := len(s.conns)
		s.mu.Unlock()
		s.ended.Go(func() {
			defer c.Close() //nolint:errcheck // the client sees it
			if err := s.serve(c, number); err != nil {
				s.mu.Lock()
				s.faults = append(s.faults, fmt.Errorf("connection %d: %w", number, err))
				s.mu.Unlock()
			}
		})
	}
}

// serve reads calls until the connection ends.
func (s *Server) serve(c net.Conn, number int) error {
	r := bufio.NewReader(c)
	hello := make([]byte, 7)
	if _, err := io.ReadFull(r, hello); err != nil {
		return nil // left before it said anything
	}
	if string(hello) != "hrpc\x09\x00\x00" {
		return fmt.Errorf("preamble %q", hello)
	}
	var writing sync.Mutex
	var calls sync.WaitGroup
	defer calls.Wait()
	user := ""
	for first := true; ; first = false {
		req, err := readRequest(r, first)
		if err != nil {
			return err
		}
		if req == nil {
			return nil // the client left
		}
		if first {
			user = req.User
			continue
		}
		req.Conn, req.User = number, user
		s.mu.Lock()
		s.requests = append(s.requests, *req)
		s.mu.Unlock()
		calls.Go(func() {
			reply := s.handle(*req)
			writing.Lock()
			defer writing.Unlock()
			c.Write(reply.frame(req.CallID)) //nolint:errcheck // the client may have left
			if reply.Close {
				c.Close() //nolint:errcheck // closed is what it shall be
			}
		})
	}
}

// readRequest returns nil when the client left.
func readRequest(r *bufio.Reader, isContext bool) (*Request, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, nil //nolint:nilerr,nilnil // see above
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, nil //nolint:nilerr,nilnil // see above
	}
	head, rest, err := wire.CutDelimited(frame)
	if err != nil {
		return nil, err
	}
	var req Request
	err = wire.Fields(head, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 3:
			req.CallID = int32(wire.Sint(v))
		case 4:
			req.ClientID = string(raw)
		case 5:
			req.Retry = wire.Sint(v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	about, rest, err := wire.CutDelimited(rest)
	if err != nil {
		return nil, err
	}
	if isContext {
		if req.CallID != -3 {
			return nil, fmt.Errorf("first frame has call id %d, want that of the context", req.CallID)
		}
		return &req, wire.Fields(about, req.contextField)
	}
	if err := wire.Fields(about, req.field); err != nil {
		return nil, err
	}
	if req.Body, rest, err = wire.CutDelimited(rest); err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes after the request", len(rest))
	}
	return &req, err
}

func (r *Request) field(n wire.Number, _ uint64, raw []byte) error {
	switch n {
	case 1:
		r.Method = string(raw)
	case 2:
		r.Protocol = string(raw)
	}
	return nil
}

func (r *Request) contextField(n wire.Number, _ uint64, raw []byte) error {
	if n != 2 {
		return nil
	}
	return wire.Fields(raw, func(n wire.Number, _ uint64, raw []byte) error {
		if n == 1 {
			r.User = string(raw)
		}
		return nil
	})
}

// frame is the answer's bytes.
func (r Reply) frame(callID int32) []byte {
	if r.None || r.Close && r.Raw == nil {
		return nil
	}
	if r.Raw != nil {
		return r.Raw
	}
	head := wire.Message(nil).Uint(1, uint64(callID))
	switch {
	case r.Class == "":
		head = head.Uint(2, 0)
	case r.Fatal:
		head = head.Uint(2, 2).Str(4, r.Class).Str(5, r.Text)
	default:
		head = head.Uint(2, 1).Str(4, r.Class).Str(5, r.Text)
	}
	out := wire.AppendDelimited(make([]byte, 4), head)
	if r.Class == "" {
		out = wire.AppendDelimited(out, r.Body)
	}
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

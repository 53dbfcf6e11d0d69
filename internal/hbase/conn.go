package hbase

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// Service is one of the RPC services of a master or region server.
type Service string

// The services, by the names of HBase's protocol definitions.
const (
	MasterService Service = "MasterService"
	AdminService  Service = "AdminService"
	ClientService Service = "ClientService"
)

const (
	// cellCodec makes servers put results into cell blocks: one contiguous run
	// of [u32 length][KeyValue], without tags and without mvcc.
	cellCodec = "org.apache.hadoop.hbase.codec.KeyValueCodec"
	// cellCodecWithTags keeps tags (cell TTL, visibility) in the cell blocks.
	cellCodecWithTags = "org.apache.hadoop.hbase.codec.KeyValueCodecWithTags"
	// maxFrame bounds an answer: hbase.client.scanner.max.result.size plus one
	// huge cell stays far below, and a wrong peer is noticed instead of obeyed.
	maxFrame    = 512 << 20
	dialTimeout = 10 * time.Second
)

// errClosed is what calls get after Close.
var errClosed = errors.New("connection closed")

// Conn is one connection to one service of one server. Calls are pipelined:
// any number may be under way at once, each is matched to its answer by call
// id. A Conn whose connection broke stays broken (Err tells); callers dial
// anew. Wire: org.apache.hadoop.hbase.ipc.ServerRpcConnection, simple
// authentication.
type Conn struct {
	addr    string
	service Service
	nc      net.Conn

	wmu sync.Mutex // serialises frames

	mu      sync.Mutex
	nextID  uint32
	pending map[uint32]*call
	err     error
	done    chan struct{}
}

type call struct {
	method string
	resp   proto.Message
	cells  []byte
	err    error
	done   chan struct{}
}

// DialOption changes how a connection is set up.
type DialOption func(*hbasepb.ConnectionHeader)

// WithTags asks for cell blocks that keep tags.
func WithTags() DialOption {
	return func(h *hbasepb.ConnectionHeader) { h.CellBlockCodecClass = proto.String(cellCodecWithTags) }
}

// Dial connects to addr ("host:port") as user and sends the connection header.
// The header carries a VersionInfo of HBase 2.5: a master treats clients
// without one as older than 2.0 and blocks them until a procedure ends
// (ProcedurePrepareLatch).
func Dial(ctx context.Context, addr string, svc Service, user string, opts ...DialOption) (*Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, &ConnError{Server: addr, Err: err}
	}
	h := connectionHeader(svc, user)
	for _, o := range opts {
		o(h)
	}
	if err := writePreamble(nc, h); err != nil {
		return nil, errors.Join(&ConnError{Server: addr, Err: err}, nc.Close())
	}
	c := &Conn{addr: addr, service: svc, nc: nc, pending: map[uint32]*call{}, done: make(chan struct{})}
	go c.readLoop()
	return c, nil
}

func connectionHeader(svc Service, user string) *hbasepb.ConnectionHeader {
	if user == "" {
		user = "hbase"
	}
	return &hbasepb.ConnectionHeader{
		UserInfo:            &hbasepb.UserInformation{EffectiveUser: proto.String(user)},
		ServiceName:         proto.String(string(svc)),
		CellBlockCodecClass: proto.String(cellCodec),
		VersionInfo: &hbasepb.VersionInfo{
			Version: proto.String("2.5.13"), Url: proto.String("drover"), Revision: proto.String("0"),
			User: proto.String("drover"), Date: proto.String("0"), SrcChecksum: proto.String("0"),
			VersionMajor: proto.Uint32(2), VersionMinor: proto.Uint32(5),
		},
	}
}

func writePreamble(w io.Writer, h *hbasepb.ConnectionHeader) error {
	body, err := proto.Marshal(h)
	if err != nil {
		return err
	}
	b := append([]byte("HBas\x00\x50"), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[6:], uint32(len(body)))
	_, err = w.Write(append(b, body...))
	return err
}

// Addr gives the server's "host:port".
func (c *Conn) Addr() string { return c.addr }

// Err tells why the connection is broken; nil while it is usable.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection; calls under way return an error.
func (c *Conn) Close() error {
	if c.fail(errClosed) {
		<-c.done
	}
	return nil
}

// Call sends one request and waits for its answer, the end of ctx or the loss
// of the connection. When ctx has a deadline the server is told, and drops the
// call once it has passed. cells is the answer's cell block, owned by the
// caller (who may give it back with Recycle), nil when there is none. Errors:
// *RemoteError for an exception, *ConnError when the answer was lost, ctx's
// error.
func (c *Conn) Call(ctx context.Context, method string, req, resp proto.Message) (cells []byte, err error) {
	return c.call(ctx, method, req, nil, resp)
}

// CallCells is Call with a cell block that travels with the request.
func (c *Conn) CallCells(ctx context.Context, method string, req proto.Message, in []byte, resp proto.Message) ([]byte, error) {
	return c.call(ctx, method, req, in, resp)
}

func (c *Conn) call(ctx context.Context, method string, req proto.Message, in []byte, resp proto.Message) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s on %s: %w", method, c.addr, err)
	}
	id, cl, err := c.register(method, resp)
	if err != nil {
		return nil, err
	}
	if err := c.send(ctx, id, method, req, in); err != nil {
		c.forget(id)
		return nil, err
	}
	select {
	case <-cl.done:
		return cl.cells, cl.err
	case <-ctx.Done():
		c.forget(id)
		return nil, fmt.Errorf("%s on %s: %w", method, c.addr, context.Cause(ctx))
	}
}

func (c *Conn) register(method string, resp proto.Message) (uint32, *call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, nil, &ConnError{Server: c.addr, Method: method, Err: c.err}
	}
	// Call ids are positive int32 on the wire.
	c.nextID = (c.nextID + 1) & 0x7fffffff
	cl := &call{method: method, resp: resp, done: make(chan struct{})}
	c.pending[c.nextID] = cl
	return c.nextID, cl, nil
}

func (c *Conn) forget(id uint32) {
	c.mu.Lock()
	delete(c.pending, id)
	c.mu.Unlock()
}

func (c *Conn) send(ctx context.Context, id uint32, method string, req proto.Message, in []byte) error {
	h := &hbasepb.RequestHeader{CallId: proto.Uint32(id), MethodName: proto.String(method), RequestParam: proto.Bool(true)}
	if dl, ok := ctx.Deadline(); ok {
		h.Timeout = proto.Uint32(uint32(max(1, min(time.Until(dl).Milliseconds(), 1<<31-1))))
	}
	if len(in) > 0 {
		h.CellBlockMeta = &hbasepb.CellBlockMeta{Length: proto.Uint32(uint32(len(in)))}
	}
	buf := frameBuffer{b: make([]byte, 4, 256)}
	if _, err := protodelim.MarshalTo(&buf, h); err != nil {
		return fmt.Errorf("%s: encode header: %w", method, err)
	}
	if _, err := protodelim.MarshalTo(&buf, req); err != nil {
		return fmt.Errorf("%s: encode request: %w", method, err)
	}
	binary.BigEndian.PutUint32(buf.b, uint32(len(buf.b)-4+len(in)))
	c.wmu.Lock()
	defer c.wmu.Unlock()
	bufs := net.Buffers{buf.b}
	if len(in) > 0 {
		bufs = append(bufs, in)
	}
	if _, err := bufs.WriteTo(c.nc); err != nil {
		c.fail(err)
		return &ConnError{Server: c.addr, Method: method, Err: err}
	}
	return nil
}

type frameBuffer struct{ b []byte }

func (f *frameBuffer) Write(p []byte) (int, error) {
	f.b = append(f.b, p...)
	return len(p), nil
}

// fail marks the connection broken, ends every call under way and reports
// whether this call was the first to do so.
func (c *Conn) fail(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false
	}
	c.err = err
	_ = c.nc.Close() // the connection is given up either way
	for id, cl := range c.pending {
		delete(c.pending, id)
		cl.err = &ConnError{Server: c.addr, Method: cl.method, Err: err}
		close(cl.done)
	}
	return true
}

func (c *Conn) readLoop() {
	defer close(c.done)
	f := &frame{r: bufio.NewReaderSize(c.nc, 64<<10)}
	for {
		err := f.next()
		if err == nil {
			err = c.deliver(f)
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

// deliver hands one answer to its call. An answer nobody waits for any more is
// dropped; a frame that cannot be read breaks the connection.
func (c *Conn) deliver(f *frame) error {
	var h hbasepb.ResponseHeader
	b, err := f.message()
	if err == nil {
		err = proto.Unmarshal(b, &h)
	}
	if err != nil {
		return fmt.Errorf("read answer header: %w", err)
	}
	c.mu.Lock()
	cl := c.pending[h.GetCallId()]
	delete(c.pending, h.GetCallId())
	c.mu.Unlock()
	if cl == nil {
		return f.skip()
	}
	defer close(cl.done)
	if e := h.GetException(); e != nil {
		cl.err = remoteError(e, cl.method, c.addr)
		return f.skip()
	}
	if err := cl.read(f, h.GetCellBlockMeta()); err != nil {
		cl.err = &ConnError{Server: c.addr, Method: cl.method, Err: err}
	}
	// What is left of an answer that was not understood is dropped; when that
	// fails, too, it was the connection.
	return f.skip()
}

// read takes the answer's message and cells.
func (cl *call) read(f *frame, cells *hbasepb.CellBlockMeta) error {
	b, err := f.message()
	if err == nil {
		err = proto.Unmarshal(b, cl.resp)
	}
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if cells == nil {
		return nil
	}
	if int(cells.GetLength()) != f.left {
		return fmt.Errorf("cell block of %d bytes announced, %d came", cells.GetLength(), f.left)
	}
	if cl.cells, err = f.cells(); err != nil {
		return fmt.Errorf("read cells: %w", err)
	}
	return nil
}

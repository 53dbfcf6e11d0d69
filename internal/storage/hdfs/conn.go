package hdfs

import (
	"bufio"
	"net"
	"time"
)

// readAhead is the buffer under a DataNode socket. The library reads a packet
// as four pieces, three of them tiny; the buffer takes those in one call, and
// is small enough that nearly all data still goes straight to its destination.
const readAhead = 4 << 10

// conn is a socket that times out, can be closed by its session, and buffers
// small reads.
type conn struct {
	net.Conn
	ses     *session
	data    bool // to a DataNode
	r       *bufio.Reader
	timeout time.Duration
}

func newConn(nc net.Conn, ses *session, data bool, timeout time.Duration) *conn {
	c := &conn{Conn: nc, ses: ses, data: data, timeout: timeout}
	c.r = bufio.NewReaderSize(nc, readAhead)
	return c
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if c.r.Buffered() == 0 {
		if err := c.Conn.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
			return 0, err
		}
	}
	return c.r.Read(p)
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// SetDeadline implements net.Conn. The library only ever clears deadlines; the
// timeouts of Read and Write are set on each call instead.
func (c *conn) SetDeadline(time.Time) error { return nil }

// Close implements net.Conn.
func (c *conn) Close() error {
	c.ses.forget(c)
	return c.Conn.Close()
}

package hdfs

import (
	"context"
	"net"
	"sync"

	"github.com/colinmarc/hdfs/v2"
)

// maxIdle bounds the idle clients a store keeps: each renews its lease every
// second, which is a call the NameNode has to answer.
const maxIdle = 8

// session is one client of the library with every socket it opened. The library
// ignores contexts, so a session is used by one operation or one open file at a
// time and is killed, sockets and all, when that one's context ends.
type session struct {
	client *hdfs.Client
	ctx    context.Context // ends with kill; governs dials
	cancel context.CancelFunc

	mu    sync.Mutex
	conns map[*conn]struct{}
	dead  bool
}

// kill closes every socket, so that whatever the library waits for returns.
func (ses *session) kill() {
	ses.cancel()
	ses.mu.Lock()
	defer ses.mu.Unlock()
	ses.dead = true
	for c := range ses.conns {
		c.Conn.Close() //nolint:errcheck // nothing was promised about it
	}
	clear(ses.conns)
}

// closeData closes the DataNode sockets the library forgot.
func (ses *session) closeData() {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	for c := range ses.conns {
		if c.data {
			c.Conn.Close() //nolint:errcheck // only read, or already acknowledged
			delete(ses.conns, c)
		}
	}
}

func (ses *session) dialer(cfg Config, data bool) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, network, addr string) (net.Conn, error) {
		nc, err := cfg.dial(ses.ctx, network, addr)
		if err != nil {
			return nil, err
		}
		c := newConn(nc, ses, data, cfg.IOTimeout)
		ses.mu.Lock()
		defer ses.mu.Unlock()
		if ses.dead {
			nc.Close() //nolint:errcheck // never used
			return nil, net.ErrClosed
		}
		ses.conns[c] = struct{}{}
		return c, nil
	}
}

func (ses *session) forget(c *conn) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	delete(ses.conns, c)
}

// pool keeps idle sessions, the last used first.
type pool struct {
	mu     sync.Mutex
	idle   []*session
	closed bool
}

func (p *pool) get() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	ses := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return ses
}

// put keeps a session, or reports that there is no room for it.
func (p *pool) put(ses *session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle {
		return false
	}
	p.idle = append(p.idle, ses)
	return true
}

// drain discards every idle session.
func (p *pool) drain() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, ses := range idle {
		discard(ses)
	}
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.drain()
}

// discard ends a session and the goroutine the library keeps for its lease.
func discard(ses *session) {
	ses.kill()
	if ses.client != nil {
		ses.client.Close() //nolint:errcheck // its socket is closed already
	}
}

// acquire returns an idle session or connects a new one.
func (s *Store) acquire(ctx context.Context) (ses *session, reused bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if ses := s.pool.get(); ses != nil {
		return ses, true, nil
	}
	ses = &session{conns: map[*conn]struct{}{}}
	ses.ctx, ses.cancel = context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, ses.kill)
	ses.client, err = hdfs.NewClient(hdfs.ClientOptions{
		Addresses:           s.cfg.NameNodes,
		User:                s.cfg.User,
		UseDatanodeHostname: s.cfg.UseDataNodeHostname,
		NamenodeDialFunc:    ses.dialer(s.cfg, false),
		DatanodeDialFunc:    ses.dialer(s.cfg, true),
	})
	if alive := stop(); err == nil && !alive {
		err = context.Cause(ctx)
	}
	if err != nil {
		discard(ses)
		return nil, false, err
	}
	return ses, false, nil
}

// release takes a session back: to the pool if it is healthy.
func (s *Store) release(ses *session, healthy bool) {
	ses.closeData()
	if !healthy || !s.pool.put(ses) {
		discard(ses)
	}
}

// held is a session in use by one open file.
type held struct {
	*session
	stop func() bool // detaches the context; false when it ended before
}

// hold runs fn, which opens a file, with a client of its own, and once more with
// a new one if an idle one turned out to be dead: the session stays with the
// file, and dies with ctx.
func (s *Store) hold(ctx context.Context, op, name string, fn func(*hdfs.Client) error) (held, error) {
	for {
		ses, reused, err := s.acquire(ctx)
		if err != nil {
			return held{}, wrap(ctx, op, name, err)
		}
		stop := context.AfterFunc(ctx, ses.kill)
		err = fn(ses.client)
		if err == nil {
			return held{ses, stop}, nil
		}
		alive := stop()
		s.release(ses, alive && answered(err))
		if reused && alive && !answered(err) {
			s.pool.drain()
			continue
		}
		return held{}, wrap(ctx, op, name, err)
	}
}

package hbase

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
)

// Cluster is one HBase cluster. It keeps one ZooKeeper session and one
// connection per server and service, made when first needed and dialled again
// when broken. It may be used by any number of goroutines.
type Cluster struct {
	cfg Config
	zk  *session

	mu     sync.Mutex
	conns  map[connKey]*connSlot
	master string // address last seen in ZooKeeper; "" = look again
	closed bool
}

type connKey struct {
	addr    string
	service Service
}

// connSlot lets one caller dial a server while others wait for that server
// only.
type connSlot struct {
	turn chan struct{} // holds one token: whoever has it may dial
	conn *Conn
}

// Open checks cfg and returns the cluster. It does not connect: the first call
// does.
func Open(cfg Config) (*Cluster, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	servers, err := cfg.Servers()
	if err != nil {
		return nil, err
	}
	return &Cluster{cfg: cfg, zk: &session{servers: servers}, conns: map[connKey]*connSlot{}}, nil
}

// Config gives what the cluster was opened with, defaults filled in.
func (c *Cluster) Config() Config { return c.cfg }

// Close ends all connections and the ZooKeeper session. Calls under way fail.
// It takes at most a second when ZooKeeper does not answer.
func (c *Cluster) Close() error {
	c.mu.Lock()
	c.closed = true
	var conns []*Conn
	for _, s := range c.conns {
		if s.conn != nil {
			conns = append(conns, s.conn)
		}
	}
	c.conns = map[connKey]*connSlot{}
	c.mu.Unlock()
	var err error
	for _, conn := range conns {
		err = errors.Join(err, conn.Close())
	}
	c.zk.close()
	return err
}

// RegionServer gives the connection to one service of the server at addr
// ("host:port"); it is shared, so callers never close it.
func (c *Cluster) RegionServer(ctx context.Context, addr string, svc Service) (*Conn, error) {
	slot, err := c.slot(connKey{addr, svc})
	if err != nil {
		return nil, err
	}
	select {
	case <-slot.turn:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { slot.turn <- struct{}{} }()
	if conn := c.current(slot); conn != nil && conn.Err() == nil {
		return conn, nil
	}
	conn, err := Dial(ctx, addr, svc, c.cfg.User)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.Join(ErrClosed, conn.Close())
	}
	slot.conn = conn
	return conn, nil
}

func (c *Cluster) slot(k connKey) (*connSlot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	s := c.conns[k]
	if s == nil {
		s = &connSlot{turn: make(chan struct{}, 1)}
		s.turn <- struct{}{}
		c.conns[k] = s
	}
	return s, nil
}

func (c *Cluster) current(s *connSlot) *Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.conn
}

// masterAddr gives the master's address, from memory or ZooKeeper.
func (c *Cluster) masterAddr(ctx context.Context) (string, error) {
	c.mu.Lock()
	addr := c.master
	c.mu.Unlock()
	if addr != "" {
		return addr, nil
	}
	m, err := c.Master(ctx)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	c.master = m.Addr()
	c.mu.Unlock()
	return m.Addr(), nil
}

func (c *Cluster) forgetMaster() {
	c.mu.Lock()
	c.master = ""
	c.mu.Unlock()
}

// repeat says what may be done when the answer of a call was lost.
type repeat int

const (
	once       repeat = iota // the call may have been carried out: its caller looks
	repeatable               // it carries a nonce, or doing it twice is harmless
	reading                  // it only reads, so its answer comes at once or is lost
)

// withNonce is repeatable if there is a nonce.
func withNonce(n Nonce) repeat {
	if n == 0 {
		return once
	}
	return repeatable
}

// readTimeout bounds one attempt of a read: a master that dies or starts may
// drop a call without an answer. Calls that change something have no such
// bound: a restore checks all files inside its call.
const readTimeout = 30 * time.Second

// call sends one request to the active master. While there is none, or it is
// starting, the call is repeated until ctx ends; after a lost answer only as r
// allows.
func (c *Cluster) call(ctx context.Context, r repeat, method string, req, resp proto.Message) error {
	again := func(err error) bool {
		if !unsent(err) && !refusedBefore(err) && (r == once || !lost(err)) {
			return false
		}
		c.forgetMaster()
		return true
	}
	return retryWhile(ctx, again, func(ctx context.Context) error {
		addr, err := c.masterAddr(ctx)
		if err != nil {
			return err
		}
		return c.attempt(ctx, r, addr, method, req, resp)
	})
}

func (c *Cluster) attempt(ctx context.Context, r repeat, addr, method string, req, resp proto.Message) error {
	conn, err := c.RegionServer(ctx, addr, MasterService)
	if err != nil {
		return err
	}
	proto.Reset(resp)
	send := func(ctx context.Context) error {
		_, err := conn.Call(ctx, method, req, resp)
		return err
	}
	if r == reading {
		return bounded(ctx, addr, method, send)
	}
	return heardOut(ctx, send)
}

// answerGrace is how long the answer to a change is waited for after its
// caller has gone.
const answerGrace = 30 * time.Second

// heardOut sends a change and waits for its answer also when ctx ends
// meanwhile: the master works on with it, and until it has answered nobody can
// see that it does. Whoever undoes the change next would find nothing to undo.
func heardOut(ctx context.Context, send func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	outlasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	over := make(chan struct{})
	defer close(over)
	defer context.AfterFunc(ctx, func() {
		t := time.NewTimer(answerGrace)
		defer t.Stop()
		select {
		case <-over:
		case <-t.C:
			cancel()
		}
	})()
	err := send(outlasting)
	if err == nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// bounded gives up an attempt after readTimeout and reports its answer lost.
func bounded(ctx context.Context, addr, method string, send func(context.Context) error) error {
	short, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	err := send(short)
	if err != nil && short.Err() != nil && ctx.Err() == nil {
		return &ConnError{Server: addr, Method: method, Err: fmt.Errorf("no answer within %s", readTimeout)}
	}
	return err
}

// quick is server for calls that are answered at once.
func (c *Cluster) quick(ctx context.Context, addr string, svc Service, method string, req, resp proto.Message) (cells []byte, err error) {
	err = bounded(ctx, addr, method, func(ctx context.Context) (err error) {
		cells, err = c.server(ctx, addr, svc, method, req, resp)
		return err
	})
	return cells, err
}

// server sends one read or repeatable request to one region server. A server
// that cannot be reached is an error at once: the caller knows whether
// another one has taken over.
func (c *Cluster) server(ctx context.Context, addr string, svc Service, method string, req, resp proto.Message) ([]byte, error) {
	var cells []byte
	err := retryWhile(ctx, refusedBefore, func(ctx context.Context) error {
		conn, err := c.RegionServer(ctx, addr, svc)
		if err != nil {
			return err
		}
		proto.Reset(resp)
		cells, err = conn.Call(ctx, method, req, resp)
		return err
	})
	return cells, err
}

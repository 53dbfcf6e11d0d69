// Package rpc is Hadoop's RPC, version 9, with protocol buffers (Hadoop classes
// org.apache.hadoop.ipc.Client and ProtobufRpcEngine2, RpcHeader.proto): any
// number of calls at once over one connection to each server address, matched
// to their answers by call id; small requests that meet go out in one write.
//
// A Client finds the active server of a high-availability pair by itself, and
// repeats a call whose connection was lost with the client id and call id it
// had, so that a NameNode's retry cache (org.apache.hadoop.ipc.RetryCache) runs
// it once. Every call ends with its context, and with its timeout when the
// server hangs.
package rpc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Config says which servers to call, how, and as whom.
type Config struct {
	// Addresses are host:port of the service: one, or all of a
	// high-availability group.
	Addresses []string
	// Protocol is the Java name of the interface that is called.
	Protocol string
	// Auth says who calls.
	Auth Authenticator
	// Dial replaces the network; nil means TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// DialTimeout bounds one connection, authentication included; 10 s when
	// zero.
	DialTimeout time.Duration
	// CallTimeout bounds the wait for one answer; 60 s when zero. A server that
	// sent nothing at all in that time is taken for hung, its connection is
	// given up, and the call goes to the next.
	CallTimeout time.Duration
	// FailoverTimeout bounds how long a call is repeated over lost
	// connections, and over servers that are standby or busy; 30 s when zero.
	FailoverTimeout time.Duration
}

// Authenticator is how a connection says who calls.
type Authenticator interface {
	// Preamble is the authentication byte of the connection's first bytes: 0
	// for none, 0xDF for SASL.
	Preamble() byte
	// Handshake runs after the preamble, before anything else, and returns the
	// connection to go on with: the same, or one that wraps what it carries.
	// addr is as configured: its host is what a service principal is made of.
	Handshake(ctx context.Context, conn net.Conn, addr string) (net.Conn, error)
	// Context is the user to act as, and the real user on whose credentials
	// that rests where they differ. Both empty: whom the handshake proved.
	Context() (effectiveUser, realUser string)
}

// Simple is the authentication that believes everybody.
type Simple string

// Preamble implements Authenticator.
func (Simple) Preamble() byte { return 0 }

// Handshake implements Authenticator.
func (Simple) Handshake(_ context.Context, conn net.Conn, _ string) (net.Conn, error) {
	return conn, nil
}

// Context implements Authenticator.
func (s Simple) Context() (effectiveUser, realUser string) { return string(s), "" }

// ErrClosed is what calls get after Close.
var ErrClosed = errors.New("client closed")

// Client calls the servers of one Config. It is safe for concurrent use.
type Client struct {
	cfg     Config
	id      []byte // with the call id what a server knows a repeated call by
	callID  atomic.Int32
	active  atomic.Int32 // index of the server to call
	servers []*server
	closed  chan struct{}
	once    sync.Once
}

// New returns a client. It connects at the first call.
func New(cfg Config) (*Client, error) {
	if len(cfg.Addresses) == 0 {
		return nil, errors.New("open rpc client: no server address given")
	}
	if cfg.Protocol == "" || cfg.Auth == nil {
		return nil, errors.New("open rpc client: no protocol or no authentication given")
	}
	setDefault(&cfg.DialTimeout, 10*time.Second)
	setDefault(&cfg.CallTimeout, time.Minute)
	setDefault(&cfg.FailoverTimeout, 30*time.Second)
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	c := &Client{cfg: cfg, id: make([]byte, 16), closed: make(chan struct{})}
	if _, err := rand.Read(c.id); err != nil {
		return nil, fmt.Errorf("open rpc client: make an id: %w", err)
	}
	for _, addr := range cfg.Addresses {
		c.servers = append(c.servers, &server{client: c, addr: addr})
	}
	return c, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// Close ends the connections; calls under way return ErrClosed. It returns when
// nothing of the client runs any more.
func (c *Client) Close() error {
	c.once.Do(func() { close(c.closed) })
	for _, s := range c.servers {
		s.close()
	}
	return nil
}

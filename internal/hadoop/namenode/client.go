// Package namenode is HDFS's ClientProtocol (org.apache.hadoop.hdfs.protocol.
// ClientProtocol, ClientNamenodeProtocol.proto): what a client asks of a
// NameNode, one method a call, over package rpc's pipelined connection. Paths
// are absolute and clean, names are bytes kept as Go strings. All times are
// milliseconds since 1970, as HDFS keeps them.
//
// Errors name the operation and the path and carry the NameNode's words. Those
// a caller acts on can be tested with errors.Is against io/fs's errors,
// errors.ErrUnsupported and the ones here; package fault knows their kinds.
package namenode

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"time"

	"drover/internal/hadoop/rpc"
	"drover/internal/hadoop/wire"
)

const protocol = "org.apache.hadoop.hdfs.protocol.ClientProtocol"

// Config says which NameNodes to call, and as whom.
type Config struct {
	// Addresses are host:port of the NameNodes' RPC service: one, or all of a
	// high-availability group.
	Addresses []string
	// User is the HDFS user to act as where Auth is nil.
	User string
	// Auth says who calls; nil means simple authentication as User.
	Auth rpc.Authenticator
	// Name is what the client's leases are held by; unique and new when empty.
	// A name that is known again lets a later process go on with a file that
	// an earlier one left open, and makes the two one to the NameNode.
	Name string
	// Dial replaces the network; nil means TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// DialTimeout, CallTimeout and FailoverTimeout are rpc.Config's.
	DialTimeout, CallTimeout, FailoverTimeout time.Duration
}

// Client calls the NameNodes of one HDFS. It is safe for concurrent use, and
// cheap to share: it has one connection to each NameNode.
type Client struct {
	rpc      *rpc.Client
	name     string
	lease    lease
	defaults defaults
}

// Open returns a client. It connects at the first call.
func Open(cfg Config) (*Client, error) {
	if len(cfg.Addresses) == 0 {
		return nil, errors.New("open namenode client: no namenode address given")
	}
	if cfg.Auth == nil {
		if cfg.User == "" {
			return nil, errors.New("open namenode client: no user given")
		}
		cfg.Auth = rpc.Simple(cfg.User)
	}
	c, err := rpc.New(rpc.Config{
		Addresses: cfg.Addresses, Protocol: protocol, Auth: cfg.Auth, Dial: cfg.Dial,
		DialTimeout: cfg.DialTimeout, CallTimeout: cfg.CallTimeout, FailoverTimeout: cfg.FailoverTimeout,
	})
	if err != nil {
		return nil, err
	}
	if cfg.Name == "" {
		cfg.Name = "drover-" + rand.Text()[:16]
	}
	return &Client{rpc: c, name: cfg.Name}, nil
}

// Close ends the connections and the renewal of the lease; calls under way
// return an error.
func (c *Client) Close() error {
	c.lease.end()
	return c.rpc.Close()
}

// Name is what the NameNode knows the client by where it holds leases.
func (c *Client) Name() string { return c.name }

// call runs a method whose answer holds nothing.
func (c *Client) call(ctx context.Context, op, path, method string, req wire.Message) error {
	_, err := c.rpc.Call(ctx, method, req)
	return wrap(op, path, err)
}

// ask runs a method and reads its answer's fields.
func (c *Client) ask(ctx context.Context, op, path, method string, req wire.Message, field fieldFunc) error {
	body, err := c.rpc.Call(ctx, method, req)
	if err == nil {
		if err = wire.Fields(body, field); err != nil {
			err = fmt.Errorf("%s: %w", method, err)
		}
	}
	return wrap(op, path, err)
}

// askBool runs a method that answers with a truth value in field 1.
func (c *Client) askBool(ctx context.Context, op, path, method string, req wire.Message) (bool, error) {
	yes := false
	err := c.ask(ctx, op, path, method, req, func(n wire.Number, v uint64, _ []byte) error {
		yes = yes || (n == 1 && v != 0)
		return nil
	})
	return yes && err == nil, err
}

type fieldFunc = func(n wire.Number, v uint64, raw []byte) error

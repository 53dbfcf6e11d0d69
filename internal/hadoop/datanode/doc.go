// Package datanode is the data transfer protocol of HDFS, version 28, as a
// client speaks it (Hadoop classes DataTransferProtocol, Sender, BlockReceiver
// and BlockSender, datatransfer.proto): reading a block, writing one through a
// pipeline, handing packets on from a read to a write as they are, and asking
// for a block's checksum. It never talks to a NameNode: blocks come in with
// their locations and tokens, as LocatedBlockProto has them.
//
// There is no SASL on these sockets yet: clusters with
// dfs.data.transfer.protection or dfs.encrypt.data.transfer close them.
package datanode

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"drover/internal/hadoop/wire"
)

// ChunkSize is the number of bytes under one CRC of what this package computes
// itself: dfs.bytes-per-checksum, which every release defaults to 512.
const ChunkSize = 512

// Node is one DataNode of a block.
type Node struct {
	// Raw is the DatanodeInfoProto, handed on to the nodes before it in a
	// pipeline.
	Raw []byte
	// Addr is the host:port of its data transfer service.
	Addr string
}

// Block is a block of a file where it lies, or where it is to be written.
type Block struct {
	ID    []byte // ExtendedBlockProto
	Token []byte // TokenProto
	Size  int64  // bytes, as the NameNode knows it; 0 of a new one
	Nodes []Node // nearest first
	// StorageTypes and StorageIDs stand in the order of Nodes; empty where the
	// NameNode gave none.
	StorageTypes []uint64
	StorageIDs   []string
}

// String names the block as HDFS does.
func (b Block) String() string {
	var id uint64
	//nolint:errcheck // a name for a message; whoever uses the block finds out
	wire.Fields(b.ID, func(n wire.Number, v uint64, _ []byte) error {
		if n == 2 {
			id = v
		}
		return nil
	})
	return fmt.Sprintf("block blk_%d", id)
}

// Sized returns the block's ID with its length set, as the NameNode wants it of
// a block that is complete.
func (b Block) Sized(n int64) []byte {
	// A later value of a field replaces an earlier one.
	return wire.Message(b.ID[:len(b.ID):len(b.ID)]).Uint(4, uint64(n))
}

// Config says how to reach DataNodes.
type Config struct {
	// Name is the client name of the lease under which blocks are written, and
	// what DataNodes log of reads.
	Name string
	// Dial replaces the network; nil means TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// DialTimeout bounds one connection attempt; 10 s when zero.
	DialTimeout time.Duration
	// IOTimeout bounds one read or write on a socket, so that a DataNode that
	// hangs becomes an error; 60 s when zero.
	IOTimeout time.Duration
}

// Client speaks to the DataNodes of one or several clusters. It is safe for
// concurrent use, and keeps connections it read from open for three seconds:
// DataNodes serve a next read on them (dfs.datanode.socket.reuse.keepalive,
// four seconds), which saves both sides more than half of a small block's cost.
type Client struct {
	cfg Config

	buffers sync.Pool

	mu     sync.Mutex // guards the rest
	idle   map[string][]*conn
	failed map[string]time.Time // when, of each DataNode
	closed bool
}

// New returns a client. It connects when it is used.
func New(cfg Config) *Client {
	if cfg.DialTimeout <= 0 {
		cfg.DialTimeout = 10 * time.Second
	}
	if cfg.IOTimeout <= 0 {
		cfg.IOTimeout = time.Minute
	}
	if cfg.Dial == nil {
		// Every read and write has a deadline; probes would only cost calls.
		cfg.Dial = (&net.Dialer{KeepAlive: -1}).DialContext
	}
	c := &Client{cfg: cfg, idle: map[string][]*conn{}, failed: map[string]time.Time{}}
	c.buffers.New = func() any { b := make([]byte, bufferSize); return &b }
	return c
}

func (c *Client) buffer() *[]byte   { return c.buffers.Get().(*[]byte) } //nolint:errcheck,forcetypeassert // nothing else is put in
func (c *Client) release(b *[]byte) { c.buffers.Put(b) }

// Close closes the idle connections; those in use are closed by their users.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, list := range c.idle {
		for _, idle := range list {
			idle.Close() //nolint:errcheck // nothing is under way on it
		}
	}
	clear(c.idle)
	return nil
}

// ErrNoNode is wrapped when the NameNode names no DataNode for a block: its
// replicas are on nodes that are down, or it has none.
var ErrNoNode = errors.New("no datanode offers it")

// StatusError is a DataNode's refusal.
type StatusError struct {
	Addr   string
	Status uint64 // Status of datatransfer.proto
	Text   string
	// FirstBad is, of a pipeline that was not set up, the ip:port of the node
	// that could not be reached (firstBadLink of BlockOpResponseProto, which
	// DataXceiver.writeBlock hands back); "" when it is the refusing one.
	FirstBad string
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("datanode %s refuses with %s", e.Addr, statusName(e.Status))
	if e.FirstBad != "" {
		text += ", because of datanode " + e.FirstBad
	}
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

func statusName(s uint64) string {
	names := [...]string{
		"SUCCESS", "ERROR", "ERROR_CHECKSUM", "ERROR_INVALID", "ERROR_EXISTS", "ERROR_ACCESS_TOKEN",
		"CHECKSUM_OK", "ERROR_UNSUPPORTED", "OOB_RESTART", "OOB_RESERVED1", "OOB_RESERVED2", "OOB_RESERVED3",
		"IN_PROGRESS", "ERROR_BLOCK_PINNED",
	}
	if s < uint64(len(names)) {
		return names[s]
	}
	return fmt.Sprintf("status %d", s)
}

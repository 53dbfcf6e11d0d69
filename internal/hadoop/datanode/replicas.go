package datanode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// BlockReader is a part of a block, read at whichever of its DataNodes serves it:
// one that cannot be reached, fails, or gives damaged data is left, and the next
// goes on at the byte reached. It belongs to one goroutine and ends with Close.
type BlockReader struct {
	client *Client
	ctx    context.Context
	block  Block
	offset int64 // of the next byte
	end    int64
	nodes  []Node // still to be asked
	cur    *Reader
	from   int64 // where cur began
	failed []nodeFailure
}

type nodeFailure struct {
	addr string
	err  error
}

// NewReader returns a reader of length bytes of a block from offset. It connects
// at the first Read.
func (c *Client) NewReader(ctx context.Context, b Block, offset, length int64) *BlockReader {
	return &BlockReader{client: c, ctx: ctx, block: b, offset: offset, end: offset + length, nodes: c.trusted(b.Nodes)}
}

// Read implements io.Reader, under the promises of Reader.Read. The error is that
// of the context, or a *ReplicasError: no DataNode is left to ask.
func (r *BlockReader) Read(p []byte) (int, error) {
	for {
		if r.offset == r.end && r.cur == nil {
			return 0, io.EOF
		}
		if r.cur == nil {
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.cur.Read(p)
		r.offset += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			r.Close()
		case err != nil:
			r.leave(err)
		default:
			return n, nil
		}
	}
}

// next connects to the next DataNode that answers.
func (r *BlockReader) next() error {
	for len(r.nodes) > 0 && r.ctx.Err() == nil {
		node := r.nodes[0]
		r.nodes = r.nodes[1:]
		cur, err := r.client.readAt(r.ctx, r.block, node, r.offset, r.end-r.offset)
		if err == nil {
			r.cur, r.from = cur, r.offset
			return nil
		}
		r.note(node, err)
	}
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("read %s: %w", r.block, err)
	}
	return &ReplicasError{Block: r.block.String(), Offset: r.offset, failed: r.failed}
}

// leave gives up the replica under way. Its DataNode is asked again when no other
// serves, if it gave bytes that were sound: it may only have found us slow.
func (r *BlockReader) leave(err error) {
	node, progress := r.cur.node, r.offset > r.from
	r.Close()
	if progress && !errors.Is(err, ErrDamaged) {
		r.nodes = append(slices.Clip(r.nodes), node)
	}
	r.note(node, err)
}

func (r *BlockReader) note(node Node, err error) {
	if r.ctx.Err() != nil {
		return
	}
	r.failed = slices.DeleteFunc(r.failed, func(f nodeFailure) bool { return f.addr == node.Addr })
	r.failed = append(r.failed, nodeFailure{node.Addr, err})
	var refused *StatusError
	if !errors.Is(err, ErrDamaged) && !errors.As(err, &refused) {
		r.client.distrust(node.Addr) // the node, and not this replica
	}
}

// Close releases the connection.
func (r *BlockReader) Close() {
	if r.cur != nil {
		r.cur.Close()
		r.cur = nil
	}
}

// ReplicasError says why each DataNode of a block could not serve it. It wraps
// the causes, and ErrNoNode when there is no DataNode.
type ReplicasError struct {
	Block  string
	Offset int64 // of the byte in the block that none could serve
	failed []nodeFailure
}

func (e *ReplicasError) Error() string {
	causes := make([]string, 0, len(e.failed))
	for _, f := range e.failed {
		text := f.err.Error()
		if errors.Is(f.err, ErrDamaged) {
			text = fmt.Sprintf("datanode %s: %v", f.addr, ErrDamaged)
		}
		causes = append(causes, text)
	}
	if len(causes) == 0 {
		causes = append(causes, ErrNoNode.Error())
	}
	return fmt.Sprintf("%s cannot be read from byte %d on: %s", e.Block, e.Offset, strings.Join(causes, "; "))
}

// Unwrap gives the causes.
func (e *ReplicasError) Unwrap() []error {
	if len(e.failed) == 0 {
		return []error{ErrNoNode}
	}
	out := make([]error, 0, len(e.failed))
	for _, f := range e.failed {
		out = append(out, f.err)
	}
	return out
}

// distrustFor is how long a DataNode that failed is asked after the others: to
// find out that it is dead may take the dial timeout, for every block.
const distrustFor = 10 * time.Minute

func (c *Client) distrust(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed[addr] = time.Now()
}

// trusted puts the nodes that failed of late last.
func (c *Client) trusted(nodes []Node) []Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	nodes = slices.Clone(nodes)
	if len(c.failed) == 0 {
		return nodes
	}
	slices.SortStableFunc(nodes, func(a, b Node) int { return c.suspect(a.Addr) - c.suspect(b.Addr) })
	return nodes
}

func (c *Client) suspect(addr string) int {
	at, ok := c.failed[addr]
	if !ok {
		return 0
	}
	if time.Since(at) > distrustFor {
		delete(c.failed, addr)
		return 0
	}
	return 1
}

package namenode

import (
	"bytes"
	"sync"
	"time"
)

// avoidFor is how long a DataNode that failed is given no block: by then the
// NameNode itself has noticed that one is dead (twice
// dfs.namenode.heartbeat.recheck-interval and ten heartbeats).
const avoidFor = 10*time.Minute + 30*time.Second

// Avoided are DataNodes that failed of late, to be left out of new blocks: a
// NameNode goes on choosing a dead node, and a pipeline through one may cost its
// first node a minute of waiting, for every block. The zero value holds none; it
// may be used by several goroutines.
type Avoided struct {
	mu    sync.Mutex
	nodes map[string]avoidedNode // by UUID
	now   func() time.Time       // time.Now when nil
}

type avoidedNode struct {
	node  DataNode
	until time.Time
}

func (a *Avoided) clock() time.Time {
	if a.now == nil {
		return time.Now()
	}
	return a.now()
}

// Failed leaves out the node of a block that is described by proto.
func (a *Avoided) Failed(b Block, proto []byte) {
	for _, n := range b.Nodes {
		if bytes.Equal(n.Proto, proto) {
			a.add(n)
		}
	}
}

func (a *Avoided) add(n DataNode) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.nodes == nil {
		a.nodes = map[string]avoidedNode{}
	}
	a.nodes[n.UUID] = avoidedNode{n, a.clock().Add(avoidFor)}
}

// List gives those to be left out now, for AddBlockOptions.
func (a *Avoided) List() []DataNode {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []DataNode
	for id, n := range a.nodes {
		if !a.clock().Before(n.until) {
			delete(a.nodes, id)
			continue
		}
		out = append(out, n.node)
	}
	return out
}

// Forgive takes all of them again, and reports whether there were any. Call it
// after ErrNoRoom: no other may be left.
func (a *Avoided) Forgive() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	some := len(a.nodes) > 0
	clear(a.nodes)
	return some
}

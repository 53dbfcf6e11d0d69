package hbase

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"drover/internal/hbase/hbasepb"
)

// Queue is one replication queue: the WAL files that one server still has to
// ship to one peer.
type Queue struct {
	Server ServerName // whose znode holds it
	Name   string     // "peer", or "peer-deadserver[-deadserver…]" when recovered
	Peer   string
	// Recovered: the server took the queue over from a dead one.
	Recovered bool
	// Live: the server holds a ZooKeeper session. A queue of a dead server
	// waits to be taken over, for up to a minute.
	Live bool
	WALs []string // file names, sorted
}

// queuePeer splits a queue's name; ids of peers cannot hold "-"
// (replication.ReplicationQueueInfo).
func queuePeer(name string) (peer string, recovered bool) {
	peer, _, recovered = strings.Cut(name, "-")
	return peer, recovered
}

// ReplicationQueues lists the queues of a peer under every server ZooKeeper
// knows one of, alive or not; of all peers when peer is "". Reading is not
// atomic: a queue that is taken over meanwhile may be missed, so a proof reads
// twice. Wire: <parent>/replication/rs/<server>/<queue>/<wal>.
func (c *Cluster) ReplicationQueues(ctx context.Context, peer string) ([]Queue, error) {
	live, err := c.LiveServers(ctx)
	if err != nil {
		return nil, err
	}
	root := c.cfg.ZNodeParent + "/replication/rs"
	servers, err := c.childrenOrNone(ctx, root)
	if err != nil {
		return nil, failed("list replication queues of", c.cfg.ClusterKey(), err)
	}
	slices.Sort(servers)
	found := make([][]Queue, len(servers))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i, s := range servers {
		g.Go(func() (err error) {
			found[i], err = c.serverQueues(ctx, root, s, peer, live)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, failed("list replication queues of", c.cfg.ClusterKey(), err)
	}
	return slices.Concat(found...), nil
}

func (c *Cluster) serverQueues(ctx context.Context, root, server, peer string, live []ServerName) ([]Queue, error) {
	name, err := ParseServerName(server)
	if err != nil {
		return nil, err
	}
	queues, err := c.childrenOrNone(ctx, root+"/"+server)
	if err != nil {
		return nil, err
	}
	slices.Sort(queues)
	var out []Queue
	for _, q := range queues {
		p, recovered := queuePeer(q)
		if peer != "" && p != peer {
			continue
		}
		wals, err := c.childrenOrNone(ctx, root+"/"+server+"/"+q)
		if err != nil {
			return nil, err
		}
		slices.Sort(wals)
		out = append(out, Queue{Server: name, Name: q, Peer: p, Recovered: recovered, Live: slices.Contains(live, name), WALs: wals})
	}
	return out, nil
}

// childrenOrNone takes an absent znode for one without children.
func (c *Cluster) childrenOrNone(ctx context.Context, path string) ([]string, error) {
	names, err := c.zk.children(ctx, path)
	if errors.Is(err, errNoNode) {
		return nil, nil
	}
	return names, err
}

// HFileRefs lists the bulk-loaded files that wait to be shipped to a peer. The
// znode is there only when bulk-load replication is on
// (hbase.replication.bulkload.enabled) at the server that added the peer: so
// after AddPeer enabled tells that. Without it bulk loads are never shipped,
// and nothing says so. With an empty peer it lists the peers that have such a
// znode: what can be known before a peer is added.
func (c *Cluster) HFileRefs(ctx context.Context, peer string) (enabled bool, refs []string, err error) {
	refs, err = c.zk.children(ctx, strings.TrimSuffix(c.cfg.ZNodeParent+"/replication/hfile-refs/"+peer, "/"))
	if errors.Is(err, errNoNode) {
		return false, nil, nil
	}
	slices.Sort(refs)
	return err == nil, refs, failed("list bulk-load references of peer", peer, err)
}

// RollWALs asks every live region server to begin a new WAL file, empty ones
// included. The servers only note the request: the new files appear some
// milliseconds later.
func (c *Cluster) RollWALs(ctx context.Context) error {
	live, err := c.LiveServers(ctx)
	if err != nil {
		return err
	}
	return c.rollWALs(ctx, live)
}

func (c *Cluster) rollWALs(ctx context.Context, servers []ServerName) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, s := range servers {
		g.Go(func() error {
			_, err := c.quick(ctx, s.Addr(), AdminService, "RollWALWriter", &hbasepb.RollWALWriterRequest{}, &hbasepb.RollWALWriterResponse{})
			return failed("roll WAL of", s.String(), err)
		})
	}
	return g.Wait()
}

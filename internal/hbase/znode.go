package hbase

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// errNotPublished says that the cluster has no active master, or no known
// place of hbase:meta, at the moment.
var errNotPublished = errors.New("not published in zookeeper: the cluster is down, starting, or under another znode parent")

// znodePayload strips what HBase puts before a znode's message: 0xFF, a u32
// length and the writer's id (zookeeper.RecoverableZooKeeper), then "PBUF"
// (util.ProtobufMagic).
func znodePayload(b []byte) ([]byte, error) {
	if len(b) > 0 && b[0] == 0xFF {
		if len(b) < 5 {
			return nil, fmt.Errorf("znode of %d bytes ends in its metadata", len(b))
		}
		n := binary.BigEndian.Uint32(b[1:])
		if uint64(n) > uint64(len(b)-5) {
			return nil, fmt.Errorf("znode of %d bytes announces metadata of %d", len(b), n)
		}
		b = b[5+n:]
	}
	rest, ok := bytes.CutPrefix(b, []byte("PBUF"))
	if !ok {
		return nil, errors.New("znode does not hold a protobuf message")
	}
	return rest, nil
}

func (c *Cluster) znode(ctx context.Context, name string, m proto.Message) error {
	path := c.cfg.ZNodeParent + "/" + name
	b, err := c.zk.get(ctx, path)
	if errors.Is(err, errNoNode) {
		return fmt.Errorf("%s: %w", path, errNotPublished)
	}
	if err != nil {
		return err
	}
	b, err = znodePayload(b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// ClusterID gives the cluster's id as its ZooKeeper holds it. Two clusters of
// one id are the same cluster, or copies HBase refuses to replicate between.
// An error under a parent that does not exist says so: a master accepts a
// peer with a wrong parent, so this is the check to make first.
func (c *Cluster) ClusterID(ctx context.Context) (string, error) {
	var id hbasepb.ClusterId
	if err := c.znode(ctx, "hbaseid", &id); err != nil {
		return "", failed("read id of cluster", c.cfg.ClusterKey(), err)
	}
	return id.GetClusterId(), nil
}

// Master gives the active master.
func (c *Cluster) Master(ctx context.Context) (ServerName, error) {
	var m hbasepb.Master
	if err := c.znode(ctx, "master", &m); err != nil {
		return ServerName{}, failed("find master of", c.cfg.ClusterKey(), err)
	}
	return serverNameOf(m.GetMaster()), nil
}

// MetaServer gives the region server that holds hbase:meta.
func (c *Cluster) MetaServer(ctx context.Context) (ServerName, error) {
	var m hbasepb.MetaRegionServer
	if err := c.znode(ctx, "meta-region-server", &m); err != nil {
		return ServerName{}, failed("find hbase:meta of", c.cfg.ClusterKey(), err)
	}
	return serverNameOf(m.GetServer()), nil
}

// LiveServers lists the region servers that hold a ZooKeeper session, sorted.
func (c *Cluster) LiveServers(ctx context.Context) ([]ServerName, error) {
	names, err := c.zk.children(ctx, c.cfg.ZNodeParent+"/rs")
	if errors.Is(err, errNoNode) {
		return nil, failed("list region servers of", c.cfg.ClusterKey(), errNotPublished)
	}
	if err != nil {
		return nil, failed("list region servers of", c.cfg.ClusterKey(), err)
	}
	slices.Sort(names)
	out := make([]ServerName, 0, len(names))
	for _, n := range names {
		s, err := ParseServerName(n)
		if err != nil {
			return nil, failed("list region servers of", c.cfg.ClusterKey(), err)
		}
		out = append(out, s)
	}
	return out, nil
}

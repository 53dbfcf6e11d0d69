package hbase

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// Peer is a replication peer that ships some tables, with all their families,
// to another cluster.
type Peer struct {
	ID         string // letters, digits and _; HBase forbids -
	ClusterKey string // Config.ClusterKey of the target
	Tables     []TableName
	Enabled    bool
	// ReplicateAll marks peers of others that are not limited to tables;
	// AddPeer never makes one.
	ReplicateAll bool
	// Bandwidth limits each region server, bytes/s; 0 = no limit.
	Bandwidth int64
	// Serial keeps the order of each region's edits across moves and crashes.
	Serial bool
	// Endpoint is the endpoint class of peers of others; "" = HBase's own.
	Endpoint string
	// Namespaces lists the namespaces a peer of others ships.
	Namespaces []string
}

// peerOffText is what a 2.6 master answers as plain java.io.IOException with
// do_not_retry false.
const peerOffText = "Replication peer modification disabled"

// AddPeer adds the peer in the state p.Enabled says and returns when every
// live region server knows it. One that is there already with the same
// configuration and state is the result of an earlier attempt; another one
// gives ErrPeerConflict.
func (c *Cluster) AddPeer(ctx context.Context, p Peer) error {
	if err := p.validate(); err != nil {
		return err
	}
	return failed("add replication peer", p.ID, c.untilPeer(ctx, p.ID,
		func(ctx context.Context) (bool, error) {
			have, err := c.FindPeer(ctx, p.ID)
			if errors.Is(err, ErrPeerNotFound) {
				return false, nil
			}
			if err == nil {
				err = p.conflict(have)
			}
			return err == nil, err
		},
		func(ctx context.Context) (uint64, error) {
			var resp hbasepb.AddReplicationPeerResponse
			req := &hbasepb.AddReplicationPeerRequest{PeerId: proto.String(p.ID), PeerConfig: p.proto(), PeerState: peerState(p.Enabled)}
			err := c.call(ctx, once, "AddReplicationPeer", req, &resp)
			return resp.GetProcId(), err
		}))
}

// EnablePeer starts shipping; an enabled peer is no error, an absent one is a
// conflict.
func (c *Cluster) EnablePeer(ctx context.Context, id string) error {
	return failed("enable replication peer", id, needed(c.untilPeer(ctx, id, c.peerIs(id, true), func(ctx context.Context) (uint64, error) {
		var resp hbasepb.EnableReplicationPeerResponse
		err := c.call(ctx, once, "EnableReplicationPeer", &hbasepb.EnableReplicationPeerRequest{PeerId: proto.String(id)}, &resp)
		return resp.GetProcId(), err
	})))
}

// DisablePeer stops shipping; WALs pile up until it is enabled or removed. A
// disabled peer is no error.
func (c *Cluster) DisablePeer(ctx context.Context, id string) error {
	return failed("disable replication peer", id, c.untilPeer(ctx, id, c.peerIs(id, false), func(ctx context.Context) (uint64, error) {
		var resp hbasepb.DisableReplicationPeerResponse
		err := c.call(ctx, once, "DisableReplicationPeer", &hbasepb.DisableReplicationPeerRequest{PeerId: proto.String(id)}, &resp)
		return resp.GetProcId(), err
	}))
}

// RemovePeer removes the peer and its queues: what they held is not shipped
// any more. An absent peer is no error.
func (c *Cluster) RemovePeer(ctx context.Context, id string) error {
	gone := func(ctx context.Context) (bool, error) {
		_, err := c.FindPeer(ctx, id)
		if errors.Is(err, ErrPeerNotFound) {
			return true, nil
		}
		return false, err
	}
	return failed("remove replication peer", id, c.untilPeer(ctx, id, gone, func(ctx context.Context) (uint64, error) {
		var resp hbasepb.RemoveReplicationPeerResponse
		err := c.call(ctx, once, "RemoveReplicationPeer", &hbasepb.RemoveReplicationPeerRequest{PeerId: proto.String(id)}, &resp)
		return resp.GetProcId(), err
	}))
}

func (c *Cluster) peerIs(id string, enabled bool) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		p, err := c.FindPeer(ctx, id)
		return p.Enabled == enabled, err
	}
}

// untilPeer makes a change of a peer idempotent. These calls carry no nonces,
// and a second one is refused: so it looks first, acts, and after any answer
// that leaves doubt (a lost connection, "already …", a forgotten procedure)
// looks again. The store changes before the region servers know, so it also
// waits for whatever procedure concerns the peer.
func (c *Cluster) untilPeer(ctx context.Context, id string, reached func(context.Context) (bool, error), act func(context.Context) (uint64, error)) error {
	again := func(err error) bool { return lost(err) || errors.Is(err, errForgotten) }
	return retryWhile(ctx, again, func(ctx context.Context) error {
		if err := c.awaitPeerSettled(ctx, id); err != nil {
			return err
		}
		if ok, err := reached(ctx); ok || err != nil {
			return err
		}
		proc, err := act(ctx)
		if err == nil {
			err = c.await(ctx, proc)
		}
		if err == nil || again(err) {
			return err
		}
		if strings.Contains(err.Error(), peerOffText) {
			return fmt.Errorf("%w: %w", ErrPeerSwitchedOff, err)
		}
		// Another attempt of ours may have come first.
		if settled := c.awaitPeerSettled(ctx, id); settled != nil {
			return errors.Join(err, settled)
		}
		if ok, lookErr := reached(ctx); ok {
			return nil
		} else if lookErr != nil && !errors.Is(lookErr, ErrPeerNotFound) {
			return lookErr
		}
		return err
	})
}

// Peers lists all replication peers. They are asked of the master: on 2.6 they
// may live in files instead of ZooKeeper.
func (c *Cluster) Peers(ctx context.Context) ([]Peer, error) {
	var resp hbasepb.ListReplicationPeersResponse
	if err := c.call(ctx, reading, "ListReplicationPeers", &hbasepb.ListReplicationPeersRequest{}, &resp); err != nil {
		return nil, failed("list replication peers of", c.cfg.ClusterKey(), err)
	}
	var out []Peer
	for _, d := range resp.GetPeerDesc() {
		out = append(out, peerOf(d))
	}
	return out, nil
}

// FindPeer gives the peer of that id, or ErrPeerNotFound.
func (c *Cluster) FindPeer(ctx context.Context, id string) (Peer, error) {
	all, err := c.Peers(ctx)
	if err != nil {
		return Peer{}, err
	}
	for _, p := range all {
		if p.ID == id {
			return p, nil
		}
	}
	return Peer{}, failed("find replication peer", id, ErrPeerNotFound)
}

// PeerModificationEnabled reports whether peers may be changed. HBase 2.5 has
// no such switch: always true.
func (c *Cluster) PeerModificationEnabled(ctx context.Context) (bool, error) {
	var resp hbasepb.IsReplicationPeerModificationEnabledResponse
	err := c.call(ctx, reading, "IsReplicationPeerModificationEnabled", &hbasepb.IsReplicationPeerModificationEnabledRequest{}, &resp)
	if isUnsupported(err) {
		return true, nil
	}
	return resp.GetEnabled(), failed("read peer modification switch of", c.cfg.ClusterKey(), err)
}

func (p Peer) validate() error {
	if !namespacePattern.MatchString(p.ID) {
		return fmt.Errorf("replication peer id %q: may hold only letters, digits and _", p.ID)
	}
	if len(p.Tables) == 0 {
		return fmt.Errorf("replication peer %s: names no table; a peer without tables would ship all", p.ID)
	}
	return nil
}

// conflict says in words how have differs from what p wants.
func (p Peer) conflict(have Peer) error {
	switch {
	case have.ClusterKey != p.ClusterKey:
		return fmt.Errorf("%w: cluster key %s, not %s", ErrPeerConflict, have.ClusterKey, p.ClusterKey)
	case have.ReplicateAll || len(have.Namespaces) > 0 || !slices.Equal(tableNames(have.Tables), tableNames(p.Tables)):
		return fmt.Errorf("%w: tables %v, not %v", ErrPeerConflict, tableNames(have.Tables), tableNames(p.Tables))
	case have.Serial != p.Serial || have.Bandwidth != p.Bandwidth || have.Endpoint != p.Endpoint:
		return fmt.Errorf("%w: serial %t, bandwidth %d, endpoint %q", ErrPeerConflict, have.Serial, have.Bandwidth, have.Endpoint)
	case have.Enabled != p.Enabled:
		return fmt.Errorf("%w: enabled %t, not %t", ErrPeerConflict, have.Enabled, p.Enabled)
	}
	return nil
}

func tableNames(ts []TableName) []string {
	var out []string
	for _, t := range ts {
		out = append(out, t.String())
	}
	slices.Sort(out)
	return out
}

func (p Peer) proto() *hbasepb.ReplicationPeer {
	out := &hbasepb.ReplicationPeer{
		Clusterkey: proto.String(p.ClusterKey),
		// The default is true, and true with tables is refused.
		ReplicateAll: proto.Bool(false), Bandwidth: proto.Int64(p.Bandwidth), Serial: proto.Bool(p.Serial),
	}
	if p.Endpoint != "" {
		out.ReplicationEndpointImpl = proto.String(p.Endpoint)
	}
	for _, t := range p.Tables {
		out.TableCfs = append(out.TableCfs, &hbasepb.TableCF{TableName: t.Proto()})
	}
	return out
}

func peerOf(d *hbasepb.ReplicationPeerDescription) Peer {
	c := d.GetConfig()
	p := Peer{
		ID: d.GetId(), ClusterKey: c.GetClusterkey(), Enabled: d.GetState().GetState() == hbasepb.ReplicationState_ENABLED,
		ReplicateAll: c.GetReplicateAll(), Bandwidth: c.GetBandwidth(), Serial: c.GetSerial(), Endpoint: c.GetReplicationEndpointImpl(),
	}
	for _, t := range c.GetTableCfs() {
		p.Tables = append(p.Tables, TableNameOf(t.GetTableName()))
	}
	for _, n := range c.GetNamespaces() {
		p.Namespaces = append(p.Namespaces, string(n))
	}
	return p
}

func peerState(enabled bool) *hbasepb.ReplicationState {
	if enabled {
		return &hbasepb.ReplicationState{State: hbasepb.ReplicationState_ENABLED.Enum()}
	}
	return &hbasepb.ReplicationState{State: hbasepb.ReplicationState_DISABLED.Enum()}
}

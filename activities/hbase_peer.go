package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drover/internal/fault"
	"drover/internal/hbase"
)

// AddReplicationPeer adds the run's peer, disabled, for exactly the given
// tables. A peer of that id with the same configuration is adopted.
func (a *HBase) AddReplicationPeer(ctx context.Context, in PeerInput) (string, error) {
	defer beat(ctx).end()
	source, target, err := a.sites.pair(in.Pair)
	if err != nil {
		return "", err
	}
	tables, err := tableNames(in.Tables)
	if err != nil {
		return "", err
	}
	peer := hbase.Peer{ID: in.PeerID, ClusterKey: target.cluster.Config().ClusterKey(), Tables: tables}
	if err := source.cluster.AddPeer(ctx, peer); err != nil {
		if errors.Is(err, hbase.ErrPeerConflict) {
			err = fault.As(fault.Conflict, err)
		}
		return "", err
	}
	return "replication peer " + in.PeerID + " to " + peer.ClusterKey, nil
}

// RemoveReplicationPeer disables and removes the run's peer and looks that it
// is gone. What it had not shipped is dropped.
func (a *HBase) RemoveReplicationPeer(ctx context.Context, in PeerInput) (string, error) {
	defer beat(ctx).end()
	source, err := a.sites.get(in.Source)
	if err != nil {
		return "", err
	}
	_, err = source.cluster.FindPeer(ctx, in.PeerID)
	if errors.Is(err, hbase.ErrPeerNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if err := source.cluster.RemovePeer(ctx, in.PeerID); err != nil {
		return "", err
	}
	return "removed replication peer " + in.PeerID + " from " + in.Source, nil
}

// EnableReplicationPeer lets the run's peer ship.
func (a *HBase) EnableReplicationPeer(ctx context.Context, in PeerInput) (string, error) {
	defer beat(ctx).end()
	source, err := a.sites.get(in.Source)
	if err != nil {
		return "", err
	}
	return "", source.cluster.EnablePeer(ctx, in.PeerID)
}

// SetReplicationScopes sets scope 1 on every family, or the scopes given. When
// it returns every region writes them into its WAL.
func (a *HBase) SetReplicationScopes(ctx context.Context, in ScopesInput) (string, error) {
	defer beat(ctx).end()
	s, t, err := a.table(in.TableAt)
	if err != nil {
		return "", err
	}
	scope := hbase.AllScopes(1)
	if in.Scopes != nil {
		scope = hbase.ScopesOf(in.Scopes)
	}
	_, err = s.cluster.EnsureScopes(ctx, t, scope, hbase.NonceFor(in.Key))
	return "", err
}

// RestoreReplicationScopes puts the scopes back as they were found.
func (a *HBase) RestoreReplicationScopes(ctx context.Context, in ScopesInput) (string, error) {
	defer beat(ctx).end()
	s, t, err := a.table(in.TableAt)
	if err != nil {
		return "", err
	}
	table, err := s.cluster.Table(ctx, t)
	if errors.Is(err, hbase.ErrTableNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if table.WithScopes(hbase.ScopesOf(in.Scopes)).Equal(table) {
		return "", nil
	}
	if _, err := s.cluster.EnsureScopes(ctx, t, hbase.ScopesOf(in.Scopes), hbase.NonceFor(in.Key)); err != nil {
		return "", err
	}
	return fmt.Sprintf("replication scopes of %s at %s are %v again", t, in.Site, in.Scopes), nil
}

// caughtUp is the queue length, per region server, of a peer that has nothing
// but open WALs left to read.
const caughtUp = 1

// AwaitCatchUp waits until the peer has shipped something or has nothing to
// ship, and queues no more than the open WAL of each server. It is a
// measurement for people; proof that nothing waits is ProveDrain's.
func (a *HBase) AwaitCatchUp(ctx context.Context, in PeerInput) (CatchUpResult, error) {
	p := beat(ctx)
	defer p.end()
	source, err := a.sites.get(in.Source)
	if err != nil {
		return CatchUpResult{}, err
	}
	t := time.NewTicker(500 * time.Millisecond)
	defer t.Stop()
	for {
		r, done, err := measureQueue(ctx, source.cluster, in.PeerID)
		if err != nil || done {
			return r, err
		}
		p.show(Progress{Name: "WALs queued", Done: int64(r.QueuedWALs), Unit: "WALs"})
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-t.C:
		}
	}
}

func measureQueue(ctx context.Context, c *hbase.Cluster, peer string) (CatchUpResult, bool, error) {
	queues, err := c.ReplicationQueues(ctx, peer)
	if err != nil {
		return CatchUpResult{}, false, err
	}
	status, err := c.Status(ctx)
	if err != nil {
		return CatchUpResult{}, false, err
	}
	var r CatchUpResult
	live := true
	for _, q := range queues {
		r.QueuedWALs += len(q.WALs)
		live = live && q.Live && !q.Recovered
	}
	for _, server := range status.Live {
		for _, s := range server.ReplSources {
			if s.Peer == peer {
				r.Lag = max(r.Lag, time.Duration(s.Lag)*time.Millisecond)
				r.Shipped = r.Shipped || s.OperationsShipped > 0
			}
		}
	}
	return r, live && r.QueuedWALs <= caughtUp*len(status.Live) && r.Lag < time.Second, nil
}

// ProveDrain proves, after the fence, that every acknowledged write of the
// source was acknowledged by the target (hbase.md §5).
func (a *HBase) ProveDrain(ctx context.Context, in PeerInput) (DrainResult, error) {
	p := beat(ctx)
	defer p.end()
	source, err := a.sites.get(in.Source)
	if err != nil {
		return DrainResult{}, err
	}
	proof, err := source.cluster.ProveDrain(ctx, in.PeerID, func(d hbase.DrainProgress) {
		p.show(Progress{Name: "drain: " + d.String()})
	})
	if err != nil {
		return DrainResult{}, err
	}
	return drainResult(proof), nil
}

func drainResult(p hbase.DrainProof) DrainResult {
	return DrainResult{Servers: len(p.Servers), WALs: len(p.WALs), Restarts: p.Restarts, BulkLoads: p.BulkLoadReplication, Proved: p.Finished}
}

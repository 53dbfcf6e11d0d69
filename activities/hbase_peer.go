package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"

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
	absent := errors.Is(err, hbase.ErrPeerNotFound)
	if err != nil && !absent {
		return "", err
	}
	// Also when it is absent: a request to add it may still be under way, and
	// RemovePeer waits for its end.
	if err := source.cluster.RemovePeer(ctx, in.PeerID); err != nil || absent {
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
	was, err := s.cluster.EnsureScopes(ctx, t, hbase.ScopesOf(in.Scopes), hbase.NonceFor(in.Key))
	if errors.Is(err, hbase.ErrTableNotFound) || err == nil && maps.Equal(was, in.Scopes) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("replication scopes of %s at %s are %v again", t, in.Site, in.Scopes), nil
}

// AwaitCatchUp waits until everything that was written before it was called
// has been applied at the target: a drain proof with writers still at work.
// The lag it returns is for people to read.
func (a *HBase) AwaitCatchUp(ctx context.Context, in PeerInput) (CatchUpResult, error) {
	p := beat(ctx)
	defer p.end()
	source, err := a.sites.get(in.Source)
	if err != nil {
		return CatchUpResult{}, err
	}
	proof, err := source.cluster.ProveDrain(ctx, in.PeerID, p.drain)
	if err != nil {
		return CatchUpResult{}, patient(err)
	}
	r := CatchUpResult{UpTo: proof.Begun, Took: proof.Finished.Sub(proof.Begun)}
	queues, err := source.cluster.ReplicationQueues(ctx, in.PeerID)
	if err != nil {
		return CatchUpResult{}, err
	}
	for _, q := range queues {
		r.QueuedWALs += len(q.WALs)
	}
	return r, nil
}

// patient is for a drain that nobody is kept waiting by. Who disabled the peer
// may enable it again; to give up would throw the copy away.
func patient(err error) error {
	if errors.Is(err, hbase.ErrPeerDisabled) {
		return fault.As(fault.Unavailable, err)
	}
	return err
}

// drain shows what a drain proof waits for.
func (p *pulse) drain(d hbase.DrainProgress) { p.show(Progress{Name: drainName(d)}) }

func drainName(d hbase.DrainProgress) string { return "drain: " + d.String() }

// ProveDrain proves, after the fence, that every acknowledged write of the
// source was acknowledged by the target: see hbase.Cluster.ProveDrain.
func (a *HBase) ProveDrain(ctx context.Context, in PeerInput) (DrainResult, error) {
	p := beat(ctx)
	defer p.end()
	source, err := a.sites.get(in.Source)
	if err != nil {
		return DrainResult{}, err
	}
	proof, err := source.cluster.ProveDrain(ctx, in.PeerID, p.drain)
	if err != nil {
		return DrainResult{}, err
	}
	return drainResult(proof), nil
}

func drainResult(p hbase.DrainProof) DrainResult {
	return DrainResult{Servers: len(p.Servers), WALs: len(p.WALs), Restarts: p.Restarts, BulkLoads: p.BulkLoadReplication, Proved: p.Finished}
}

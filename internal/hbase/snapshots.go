package hbase

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// SnapshotSpec says which snapshot to take.
type SnapshotSpec struct {
	Name  string
	Table TableName
	// SkipFlush takes the files as they are, without the memstores. A table
	// that is READONLY can be snapshotted only this way, and nothing is missing
	// then: reopening with the flag has flushed every region.
	SkipFlush bool
	Nonce     Nonce
}

// Snapshot is a completed snapshot.
type Snapshot struct {
	Name    string
	Table   TableName
	Created time.Time // source's clock
	Type    string    // FLUSH, SKIPFLUSH or DISABLED
	TTL     time.Duration
	Owner   string
}

// keepForEver is the time to live of our snapshots: 0 would mean the cluster's
// default, which may be days.
const keepForEver = -2

// Snapshot takes a snapshot that never expires and returns when it is
// complete. A completed one of the same name and table is taken for the result
// of an earlier attempt; of another table it gives ErrSnapshotConflict.
//
// HBase 2.6 runs it as a procedure when the request has a nonce, 2.5 knows
// neither and is asked whether it is done. A master that restarts forgets the
// latter: then the snapshot is taken again.
func (c *Cluster) Snapshot(ctx context.Context, spec SnapshotSpec) error {
	done, err := c.snapshotDone(ctx, spec)
	if done || err != nil {
		return failed("take snapshot", spec.Name, err)
	}
	err = retryWhile(ctx, snapshotAgain, func(ctx context.Context) error {
		err := c.takeSnapshot(ctx, spec)
		if err != nil && !snapshotAgain(err) && !IsClass(err, "SnapshotExistsException") {
			return err
		}
		done, lookErr := c.snapshotDone(ctx, spec)
		if done || lookErr != nil {
			return lookErr
		}
		if err == nil {
			err = errSnapshotVanished
		}
		return err
	})
	return failed("take snapshot", spec.Name, err)
}

var errSnapshotVanished = errors.New("the master reported it done, but it is not among the completed snapshots: see the master's log")

// snapshotAgain tells which failures another attempt may overcome: a master
// that restarted, or another snapshot of the table that has not ended yet (one
// that failed is cleared away only moments later).
func snapshotAgain(err error) bool {
	if IsClass(err, "UnknownSnapshotException") {
		return true
	}
	var r *RemoteError
	return errors.As(err, &r) && strings.Contains(r.Message, "Rejected taking")
}

func (c *Cluster) takeSnapshot(ctx context.Context, spec SnapshotSpec) error {
	group, nonce := spec.Nonce.pair()
	typ := hbasepb.SnapshotDescription_FLUSH
	if spec.SkipFlush {
		typ = hbasepb.SnapshotDescription_SKIPFLUSH
	}
	desc := &hbasepb.SnapshotDescription{
		Name: proto.String(spec.Name), Table: proto.String(spec.Table.String()), Type: typ.Enum(), Ttl: proto.Int64(keepForEver),
	}
	var resp hbasepb.SnapshotResponse
	err := c.call(ctx, repeatable, "Snapshot", &hbasepb.SnapshotRequest{Snapshot: desc, NonceGroup: group, Nonce: nonce}, &resp)
	if err != nil {
		return err
	}
	if resp.ProcId != nil {
		err := c.await(ctx, uint64(resp.GetProcId()))
		if errors.Is(err, errForgotten) {
			return nil // the caller looks among the completed ones
		}
		return err
	}
	return poll(ctx, 20*time.Millisecond, 250*time.Millisecond, func(ctx context.Context) (bool, error) {
		var done hbasepb.IsSnapshotDoneResponse
		err := c.call(ctx, reading, "IsSnapshotDone", &hbasepb.IsSnapshotDoneRequest{Snapshot: desc}, &done)
		return done.GetDone(), err
	})
}

// snapshotDone looks for spec among the completed snapshots.
func (c *Cluster) snapshotDone(ctx context.Context, spec SnapshotSpec) (bool, error) {
	s, err := c.FindSnapshot(ctx, spec.Name)
	if errors.Is(err, ErrSnapshotNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if s.Table.String() != spec.Table.String() {
		return false, fmt.Errorf("%w: %s", ErrSnapshotConflict, s.Table)
	}
	return true, nil
}

// Snapshots lists the completed snapshots.
func (c *Cluster) Snapshots(ctx context.Context) ([]Snapshot, error) {
	var resp hbasepb.GetCompletedSnapshotsResponse
	if err := c.call(ctx, reading, "GetCompletedSnapshots", &hbasepb.GetCompletedSnapshotsRequest{}, &resp); err != nil {
		return nil, failed("list snapshots of", c.cfg.ClusterKey(), err)
	}
	var out []Snapshot
	for _, p := range resp.GetSnapshots() {
		t, err := ParseTableName(p.GetTable())
		if err != nil {
			return nil, failed("read snapshot", p.GetName(), err)
		}
		out = append(out, Snapshot{
			Name: p.GetName(), Table: t, Created: time.UnixMilli(p.GetCreationTime()), Type: p.GetType().String(),
			TTL: time.Duration(p.GetTtl()) * time.Second, Owner: p.GetOwner(),
		})
	}
	return out, nil
}

// FindSnapshot gives the completed snapshot of that name, or
// ErrSnapshotNotFound.
func (c *Cluster) FindSnapshot(ctx context.Context, name string) (Snapshot, error) {
	all, err := c.Snapshots(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
	}
	return Snapshot{}, failed("find snapshot", name, ErrSnapshotNotFound)
}

// AwaitSnapshotSettled waits until no snapshot of that name and table is being
// taken any more. A request to take one goes on at the master when its client
// died, so whoever wants it gone waits for its end first.
func (c *Cluster) AwaitSnapshotSettled(ctx context.Context, name string, t TableName) error {
	// 2.6 takes it as a procedure, of which IsSnapshotDone knows nothing.
	if err := c.AwaitTableSettled(ctx, t); err != nil {
		return err
	}
	desc := &hbasepb.SnapshotDescription{Name: proto.String(name), Table: proto.String(t.String())}
	err := poll(ctx, 20*time.Millisecond, 250*time.Millisecond, func(ctx context.Context) (bool, error) {
		var done hbasepb.IsSnapshotDoneResponse
		err := c.call(ctx, reading, "IsSnapshotDone", &hbasepb.IsSnapshotDoneRequest{Snapshot: desc}, &done)
		var remote *RemoteError
		if errors.As(err, &remote) && !refusedBefore(err) {
			return true, nil // unknown to the master, or failed: it does not run
		}
		return done.GetDone(), err
	})
	return failed("wait for the end of snapshot", name, err)
}

// DeleteSnapshot removes a snapshot; an absent one is no error.
func (c *Cluster) DeleteSnapshot(ctx context.Context, name string) error {
	req := &hbasepb.DeleteSnapshotRequest{Snapshot: &hbasepb.SnapshotDescription{Name: proto.String(name)}}
	err := c.call(ctx, repeatable, "DeleteSnapshot", req, &hbasepb.DeleteSnapshotResponse{})
	if IsClass(err, "SnapshotDoesNotExistException") {
		return nil
	}
	return failed("delete snapshot", name, err)
}

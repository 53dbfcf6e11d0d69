package hbase

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// RestoreSnapshot makes the table into from the snapshot and waits until it is
// enabled. It only ever creates: a table that is there already and was not
// made by the same nonce gives ErrTableExists, for HBase would overwrite a
// disabled one, and would refuse an enabled one with an error that looks
// retryable. The namespace has to exist. The master checks every file of the
// snapshot inside the call, so it may take minutes.
func (c *Cluster) RestoreSnapshot(ctx context.Context, name string, into TableName, n Nonce) error {
	err := c.restore(ctx, name, into, n)
	if errors.Is(err, errForgotten) {
		err = nil
	}
	if err == nil {
		err = c.restored(ctx, into)
	}
	return failed("restore snapshot "+name+" into table", into.String(), err)
}

func (c *Cluster) restore(ctx context.Context, name string, into TableName, n Nonce) error {
	p, ours, err := c.byNonce(ctx, n)
	if err != nil {
		return err
	}
	if ours && p.Running {
		return c.await(ctx, p.ID)
	}
	_, err = c.TableState(ctx, into)
	switch {
	case err == nil && ours:
		return nil
	case err == nil:
		return ErrTableExists
	case !errors.Is(err, ErrTableNotFound):
		return err
	}
	group, nonce := n.pair()
	req := &hbasepb.RestoreSnapshotRequest{
		Snapshot:   &hbasepb.SnapshotDescription{Name: proto.String(name), Table: proto.String(into.String())},
		NonceGroup: group, Nonce: nonce, RestoreACL: proto.Bool(false),
	}
	var resp hbasepb.RestoreSnapshotResponse
	if err := c.call(ctx, withNonce(n), "RestoreSnapshot", req, &resp); err != nil {
		return err
	}
	return c.await(ctx, resp.GetProcId())
}

// restored waits for the clone procedure's last steps and looks at the result.
func (c *Cluster) restored(ctx context.Context, t TableName) error {
	if err := c.AwaitTableSettled(ctx, t); err != nil {
		return err
	}
	if err := c.expectState(ctx, t, TableEnabled); err != nil {
		return fmt.Errorf("after the restore: %w", err)
	}
	return nil
}

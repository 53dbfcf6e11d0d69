package hbase

import (
	"context"
	"fmt"
	"strconv"
)

// EnsureScopes gives every family of t the replication scope that scope says
// and returns the scopes found, for undoing with ScopesOf. A table that has
// them already is not modified, for every modification reopens all regions;
// but a modification still under way is waited for. On return every region
// writes the scope into its WAL.
func (c *Cluster) EnsureScopes(ctx context.Context, t TableName, scope func(family string) int, n Nonce) (previous map[string]int, err error) {
	was, err := c.ensure(ctx, t, n, func(t *Table) *Table { return t.WithScopes(scope) })
	if err != nil {
		return nil, failed("set replication scope of", t.String(), err)
	}
	return was.Scopes(), nil
}

// EnsureReadOnly makes t refuse writes, or accept them again, and returns
// whether it refused them before. It compares first like EnsureScopes. On
// return the flag holds in every region: no write is acknowledged after it.
func (c *Cluster) EnsureReadOnly(ctx context.Context, t TableName, readOnly bool, n Nonce) (previous bool, err error) {
	was, err := c.ensure(ctx, t, n, func(t *Table) *Table {
		switch {
		case t.ReadOnly() == readOnly:
			return t
		case readOnly:
			return t.WithAttribute(attrReadOnly, "true")
		}
		return t.WithAttribute(attrReadOnly, "") // a table that was never fenced has none
	})
	if err != nil {
		return false, failed("set READONLY="+strconv.FormatBool(readOnly)+" on", t.String(), err)
	}
	return was.ReadOnly(), nil
}

// ensure brings t's descriptor to what change makes of it and returns the
// descriptor found. The nonce covers the wanted state too, so that one key can
// serve both a change and its undoing.
func (c *Cluster) ensure(ctx context.Context, t TableName, n Nonce, change func(*Table) *Table) (*Table, error) {
	was, err := c.Table(ctx, t)
	if err != nil {
		return nil, err
	}
	want := change(was)
	if want.Equal(was) {
		// A change under way that has not reached the descriptor yet would
		// undo what reads as wanted now, so it is read again after its end.
		if err := c.AwaitTableSettled(ctx, t); err != nil {
			return nil, err
		}
		if was, err = c.Table(ctx, t); err != nil {
			return nil, err
		}
		if want = change(was); want.Equal(was) {
			return was, nil
		}
	}
	if n != 0 {
		n = n.with(fmt.Sprint(want.Diff(was)))
	}
	if err := c.ModifyTable(ctx, want, n); err != nil {
		return nil, err
	}
	now, err := c.Table(ctx, t)
	if err != nil {
		return nil, err
	}
	if change(now).Equal(now) {
		return was, nil
	}
	return nil, fmt.Errorf("another change of the schema overwrote it: %v", want.Diff(now))
}

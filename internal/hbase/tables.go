package hbase

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// TableState is a table's state at its master.
type TableState string

// The states, as HBase spells them.
const (
	TableEnabled   TableState = "ENABLED"
	TableDisabled  TableState = "DISABLED"
	TableEnabling  TableState = "ENABLING"
	TableDisabling TableState = "DISABLING"
)

// Table reads the current descriptor of t; ErrTableNotFound when there is none.
func (c *Cluster) Table(ctx context.Context, t TableName) (*Table, error) {
	req := &hbasepb.GetTableDescriptorsRequest{TableNames: []*hbasepb.TableName{t.Proto()}}
	var resp hbasepb.GetTableDescriptorsResponse
	if err := c.call(ctx, reading, "GetTableDescriptors", req, &resp); err != nil {
		return nil, failed("describe table", t.String(), err)
	}
	for _, s := range resp.GetTableSchema() {
		if TableNameOf(s.GetTableName()).String() == t.String() {
			return &Table{Schema: s}, nil
		}
	}
	return nil, failed("describe table", t.String(), ErrTableNotFound)
}

// TableNames lists all tables but the system's own.
func (c *Cluster) TableNames(ctx context.Context) ([]TableName, error) {
	var resp hbasepb.GetTableNamesResponse
	if err := c.call(ctx, reading, "GetTableNames", &hbasepb.GetTableNamesRequest{}, &resp); err != nil {
		return nil, failed("list tables of", c.cfg.ClusterKey(), err)
	}
	var out []TableName
	for _, n := range resp.GetTableNames() {
		out = append(out, TableNameOf(n))
	}
	return out, nil
}

// TableState reads whether t is enabled; ErrTableNotFound when there is none.
func (c *Cluster) TableState(ctx context.Context, t TableName) (TableState, error) {
	var resp hbasepb.GetTableStateResponse
	err := c.call(ctx, reading, "GetTableState", &hbasepb.GetTableStateRequest{TableName: t.Proto()}, &resp)
	if err != nil {
		return "", failed("read state of table", t.String(), err)
	}
	return TableState(resp.GetTableState().GetState().String()), nil
}

// CreateTable creates t split at the given keys and waits until it is enabled.
// ErrTableExists when another intent made it before.
func (c *Cluster) CreateTable(ctx context.Context, t *Table, splits [][]byte, n Nonce) error {
	group, nonce := n.pair()
	req := &hbasepb.CreateTableRequest{TableSchema: t.Schema, SplitKeys: splits, NonceGroup: group, Nonce: nonce}
	var resp hbasepb.CreateTableResponse
	err := c.call(ctx, withNonce(n), "CreateTable", req, &resp)
	if err == nil {
		err = c.await(ctx, resp.GetProcId())
	}
	if errors.Is(err, errForgotten) {
		err = c.expectState(ctx, t.Name(), TableEnabled)
	}
	return failed("create table", t.Name().String(), err)
}

// DeleteTable removes a disabled table; an absent one is no error.
func (c *Cluster) DeleteTable(ctx context.Context, t TableName, n Nonce) error {
	group, nonce := n.pair()
	req := &hbasepb.DeleteTableRequest{TableName: t.Proto(), NonceGroup: group, Nonce: nonce}
	var resp hbasepb.DeleteTableResponse
	err := c.call(ctx, repeatable, "DeleteTable", req, &resp)
	if err == nil {
		err = c.await(ctx, resp.GetProcId())
	}
	if errors.Is(err, errForgotten) {
		err = c.AwaitTableSettled(ctx, t)
	}
	if IsClass(err, "TableNotFoundException") {
		return nil
	}
	return failed("delete table", t.String(), err)
}

// DropTable disables and deletes t; an absent table is no error.
func (c *Cluster) DropTable(ctx context.Context, t TableName, n Nonce) error {
	if err := c.DisableTable(ctx, t, n.with("disable")); err != nil {
		if errors.Is(err, ErrTableNotFound) {
			return nil
		}
		return err
	}
	return c.DeleteTable(ctx, t, n.with("delete"))
}

// EnableTable enables t and waits; an enabled table is no error.
func (c *Cluster) EnableTable(ctx context.Context, t TableName, n Nonce) error {
	group, nonce := n.pair()
	req := &hbasepb.EnableTableRequest{TableName: t.Proto(), NonceGroup: group, Nonce: nonce}
	var resp hbasepb.EnableTableResponse
	err := c.call(ctx, repeatable, "EnableTable", req, &resp)
	if err == nil {
		err = c.await(ctx, resp.GetProcId())
	}
	return failed("enable table", t.String(), c.switched(ctx, t, TableEnabled, "TableNotDisabledException", err))
}

// DisableTable disables t and waits; a disabled table is no error.
func (c *Cluster) DisableTable(ctx context.Context, t TableName, n Nonce) error {
	group, nonce := n.pair()
	req := &hbasepb.DisableTableRequest{TableName: t.Proto(), NonceGroup: group, Nonce: nonce}
	var resp hbasepb.DisableTableResponse
	err := c.call(ctx, repeatable, "DisableTable", req, &resp)
	if err == nil {
		err = c.await(ctx, resp.GetProcId())
	}
	return failed("disable table", t.String(), c.switched(ctx, t, TableDisabled, "TableNotEnabledException", err))
}

// switched judges the end of enabling or disabling: "already so" is answered
// also while the earlier procedure still works, and a forgotten procedure says
// nothing, so both wait and look.
func (c *Cluster) switched(ctx context.Context, t TableName, want TableState, already string, err error) error {
	if !errors.Is(err, errForgotten) && !IsClass(err, already) {
		return err
	}
	if err := c.AwaitTableSettled(ctx, t); err != nil {
		return err
	}
	return c.expectState(ctx, t, want)
}

func (c *Cluster) expectState(ctx context.Context, t TableName, want TableState) error {
	got, err := c.TableState(ctx, t)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("table is %s, not %s", got, want)
	}
	return nil
}

// ModifyTable replaces the descriptor of a table and waits until every region
// has reopened with it. It reopens them also when nothing changed, and it
// overwrites changes made since t was read: so compare first (EnsureScopes and
// EnsureReadOnly do), and change a descriptor read just before.
func (c *Cluster) ModifyTable(ctx context.Context, t *Table, n Nonce) error {
	group, nonce := n.pair()
	req := &hbasepb.ModifyTableRequest{
		TableName: t.Schema.GetTableName(), TableSchema: t.Schema, NonceGroup: group, Nonce: nonce,
		// Without reopening, regions keep their old scopes and READONLY flag.
		ReopenRegions: proto.Bool(true),
	}
	var resp hbasepb.ModifyTableResponse
	err := c.call(ctx, withNonce(n), "ModifyTable", req, &resp)
	if err == nil {
		err = c.await(ctx, resp.GetProcId())
	}
	if errors.Is(err, errForgotten) {
		err = c.AwaitTableSettled(ctx, t.Name())
	}
	return failed("modify table", t.Name().String(), err)
}

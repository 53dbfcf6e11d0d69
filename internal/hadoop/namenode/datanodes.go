package namenode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"drover/internal/hadoop/wire"
	"drover/internal/preflight"
	"drover/internal/reach"
)

// LiveDataNodes lists the DataNodes whose heartbeats the NameNode still waits
// for: one that died is among them for up to ten and a half minutes
// (dfs.namenode.heartbeat.recheck-interval). NameNodes tell it to superusers
// only (FSNamesystem.datanodeReport); others get fs.ErrPermission. Wire:
// getDatanodeReport with DatanodeReportTypeProto LIVE, DatanodeInfoProtos in
// field 1 (ClientNamenodeProtocol.proto).
func (c *Client) LiveDataNodes(ctx context.Context) ([]DataNode, error) {
	const live = 2
	var out []DataNode
	err := c.ask(ctx, "list datanodes", "", "getDatanodeReport", wire.Message(nil).Uint(1, live), func(n wire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		d, err := parseDataNode(raw)
		out = append(out, d)
		return err
	})
	return out, err
}

// Reached is which DataNodes take connections from this machine.
type Reached struct {
	DataNodes []reach.Port
	// Unlisted says why the NameNode named no more than those that hold some
	// files; "" when DataNodes are all there are.
	Unlisted string
	// None says that the NameNode was asked for all and waits for no DataNode.
	None bool
}

// Findings tells of DataNodes that this machine cannot connect to, and that there
// are none. While some
// answer a copy gets through: blocks are read from other replicas, and a write
// that failed is placed anew.
func (r Reached) Findings(site string) []preflight.Finding {
	if r.None {
		return []preflight.Finding{{
			ID: "datanode-closed", Severity: preflight.Block, Subject: site,
			Seen: "the NameNode knows of no live DataNode: nothing can be read or written",
			Do:   "start the DataNodes, and see in their logs why they do not register; hdfs dfsadmin -report lists them",
		}}
	}
	closed := reach.Closed(r.DataNodes)
	if len(closed) == 0 {
		return nil
	}
	f := preflight.Finding{
		ID: "datanode-closed", Severity: preflight.Warn, Subject: site,
		Seen: fmt.Sprintf("%d of %d DataNodes take no connection from the worker: %s", len(closed), len(r.DataNodes), reach.List(closed)),
		Do:   "open their data transfer port (dfs.datanode.address) to the worker's host, or set datanodesByName if only their host names lead there; one that died is no longer asked for after some minutes",
	}
	if len(closed) == len(r.DataNodes) {
		f.Severity = preflight.Block
	}
	return []preflight.Finding{f}
}

// DialDataNodes connects to every live DataNode where clients do: by its IP
// address, or with byName by its host name (dfs.client.use.datanode.hostname).
// For a user who may not list them it takes those that hold the given files,
// as far as they are there and may be read. Nothing is sent to a DataNode.
func (c *Client) DialDataNodes(ctx context.Context, byName bool, files ...string) (Reached, error) {
	var out Reached
	nodes, err := c.LiveDataNodes(ctx)
	if errors.Is(err, fs.ErrPermission) {
		out.Unlisted = err.Error()
		nodes, err = c.holders(ctx, files)
	}
	if err != nil {
		return out, err
	}
	out.None = len(nodes) == 0 && out.Unlisted == ""
	for _, d := range nodes {
		out.DataNodes = append(out.DataNodes, reach.Port{Role: "datanode " + d.Host, Addr: d.Addr(byName)})
	}
	out.DataNodes = reach.Dial(ctx, out.DataNodes)
	return out, nil
}

// holders gives each DataNode that has a block of any of the files.
func (c *Client) holders(ctx context.Context, files []string) ([]DataNode, error) {
	var out []DataNode
	seen := map[string]bool{}
	for _, file := range files {
		l, err := c.Blocks(ctx, file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, b := range l.Blocks {
			for _, d := range b.Nodes {
				if !seen[d.UUID] {
					seen[d.UUID] = true
					out = append(out, d)
				}
			}
		}
	}
	return out, nil
}

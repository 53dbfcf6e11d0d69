package hbase

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// metaRegion is the name of the one region of hbase:meta.
const metaRegion = "hbase:meta,,1"

// metaBatch is how many regions one scan call returns: about 1 MB.
const metaBatch = 2000

// Regions lists the regions of t from hbase:meta in key order. Parents of
// splits are among them (Serving tells); replicas other than the first are
// not. A table without any region in hbase:meta gives ErrTableNotFound.
func (c *Cluster) Regions(ctx context.Context, t TableName) ([]Region, error) {
	var out []Region
	moved := func(err error) bool { return unsent(err) || lost(err) || refusedBefore(err) || regionElsewhere(err) }
	err := retryWhile(ctx, moved, func(ctx context.Context) (err error) {
		out, err = c.scanMeta(ctx, t)
		return err
	})
	if err != nil {
		return nil, failed("list regions of table", t.String(), err)
	}
	if len(out) == 0 {
		return nil, failed("list regions of table", t.String(), ErrTableNotFound)
	}
	slices.SortFunc(out, func(a, b Region) int {
		if n := bytes.Compare(a.Start, b.Start); n != 0 {
			return n
		}
		return cmp.Compare(a.RegionID, b.RegionID)
	})
	return out, nil
}

// ServingRegions lists the regions that tile the key space of t: Regions
// without the parents of splits.
func (c *Cluster) ServingRegions(ctx context.Context, t TableName) ([]Region, error) {
	all, err := c.Regions(ctx, t)
	return slices.DeleteFunc(all, func(r Region) bool { return !r.Serving() }), err
}

// regionElsewhere reports whether a server answered that it does not hold the
// region (any more).
func regionElsewhere(err error) bool {
	for _, class := range []string{
		"NotServingRegionException", "RegionMovedException", "RegionOpeningException", "RegionInRecoveryException",
		"RegionServerStoppedException", "RegionServerAbortedException",
	} {
		if IsClass(err, class) {
			return true
		}
	}
	return false
}

// scanMeta reads the rows of one table. They are ordered by hbase:meta's own
// comparator, table name first, for which "t ,," ends what "t,," begins
// (MetaTableAccessor.getTableStopRowForMeta).
func (c *Cluster) scanMeta(ctx context.Context, t TableName) ([]Region, error) {
	meta, err := c.MetaServer(ctx)
	if err != nil {
		return nil, err
	}
	req := &hbasepb.ScanRequest{
		Region: regionSpecifier([]byte(metaRegion)),
		Scan: &hbasepb.Scan{
			Column:   []*hbasepb.Column{{Family: []byte("info")}},
			StartRow: []byte(t.String() + ",,"), StopRow: []byte(t.String() + " ,,"),
			MaxVersions: proto.Uint32(1), CacheBlocks: proto.Bool(true),
		},
		NumberOfRows: proto.Uint32(metaBatch), CloseScanner: proto.Bool(false),
		NextCallSeq: proto.Uint64(0),
	}
	rows := metaRows{table: t}
	for {
		var resp hbasepb.ScanResponse
		cells, err := c.quick(ctx, meta.Addr(), ClientService, "Scan", req, &resp)
		if err != nil {
			return nil, err
		}
		if err := rows.add(cells); err != nil {
			return nil, err
		}
		if !resp.GetMoreResults() || resp.MoreResultsInRegion != nil && !resp.GetMoreResultsInRegion() {
			c.closeMetaScanner(ctx, meta.Addr(), resp.GetScannerId())
			return rows.regions()
		}
		// The sequence number makes the server refuse a repeated "next" instead
		// of silently returning the batch after.
		req = &hbasepb.ScanRequest{
			ScannerId: resp.ScannerId, NumberOfRows: proto.Uint32(metaBatch),
			NextCallSeq: proto.Uint64(req.GetNextCallSeq() + 1),
		}
	}
}

// closeMetaScanner frees the scanner; its lease would do so a minute later.
func (c *Cluster) closeMetaScanner(ctx context.Context, addr string, id uint64) {
	if id == 0 {
		return
	}
	req := &hbasepb.ScanRequest{ScannerId: proto.Uint64(id), CloseScanner: proto.Bool(true), NumberOfRows: proto.Uint32(0)}
	_, _ = c.quick(ctx, addr, ClientService, "Scan", req, &hbasepb.ScanResponse{})
}

// metaRows gathers the cells of each row; a row may span two answers.
type metaRows struct {
	table TableName
	rows  []*metaRow
}

type metaRow struct {
	key                 []byte
	info, server, state []byte
}

func (m *metaRows) add(block []byte) error {
	for len(block) > 0 {
		cell, rest, err := NextCell(block)
		if err != nil {
			return fmt.Errorf("read hbase:meta: %w", err)
		}
		block = rest
		if n := len(m.rows); n == 0 || !bytes.Equal(m.rows[n-1].key, cell.Row) {
			m.rows = append(m.rows, &metaRow{key: cell.Row})
		}
		r := m.rows[len(m.rows)-1]
		switch string(cell.Qualifier) {
		case "regioninfo":
			r.info = cell.Value
		case "server":
			r.server = cell.Value
		case "state":
			r.state = cell.Value
		}
	}
	return nil
}

func (m *metaRows) regions() ([]Region, error) {
	var out []Region
	for _, row := range m.rows {
		if row.info == nil {
			continue // a row that only keeps barriers or merge marks
		}
		b, err := znodePayload(row.info)
		if err != nil {
			return nil, fmt.Errorf("read hbase:meta row %q: %w", row.key, err)
		}
		var info hbasepb.RegionInfo
		if err := proto.Unmarshal(b, &info); err != nil {
			return nil, fmt.Errorf("read hbase:meta row %q: %w", row.key, err)
		}
		r := RegionOf(&info)
		if r.Table.String() != m.table.String() || info.GetReplicaId() != 0 {
			continue
		}
		r.Server, r.State = string(row.server), string(row.state)
		out = append(out, r)
	}
	return out, nil
}

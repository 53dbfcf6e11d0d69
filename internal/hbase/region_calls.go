package hbase

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// SplitRegion splits r at row and waits until both daughters are open. Their
// files are references to r's until a compaction rewrites them. A region that
// was split already by the same nonce is no error.
func (c *Cluster) SplitRegion(ctx context.Context, r Region, row []byte, n Nonce) error {
	group, nonce := n.pair()
	req := &hbasepb.SplitTableRegionRequest{RegionInfo: r.proto(), SplitRow: row, NonceGroup: group, Nonce: nonce}
	var resp hbasepb.SplitTableRegionResponse
	err := c.call(ctx, withNonce(n), "SplitRegion", req, &resp)
	if err == nil {
		err = c.await(ctx, resp.GetProcId())
	}
	if errors.Is(err, errForgotten) {
		err = c.AwaitTableSettled(ctx, r.Table)
	}
	return failed("split region", r.String(), err)
}

// MergeRegions merges adjacent regions and waits until the result is open.
func (c *Cluster) MergeRegions(ctx context.Context, rs []Region, n Nonce) error {
	if len(rs) < 2 {
		return fmt.Errorf("merge %d regions: needs at least two", len(rs))
	}
	group, nonce := n.pair()
	req := &hbasepb.MergeTableRegionsRequest{NonceGroup: group, Nonce: nonce}
	for _, r := range rs {
		req.Region = append(req.Region, &hbasepb.RegionSpecifier{
			Type: hbasepb.RegionSpecifier_ENCODED_REGION_NAME.Enum(), Value: []byte(r.Encoded),
		})
	}
	var resp hbasepb.MergeTableRegionsResponse
	err := c.call(ctx, withNonce(n), "MergeTableRegions", req, &resp)
	if err == nil {
		err = c.await(ctx, resp.GetProcId())
	}
	if errors.Is(err, errForgotten) {
		err = c.AwaitTableSettled(ctx, rs[0].Table)
	}
	return failed("merge regions", rs[0].String()+" and "+rs[1].String(), err)
}

// MoveRegion moves r to another server and waits until hbase:meta shows it
// open there.
func (c *Cluster) MoveRegion(ctx context.Context, r Region, to ServerName) error {
	req := &hbasepb.MoveRegionRequest{
		Region:         &hbasepb.RegionSpecifier{Type: hbasepb.RegionSpecifier_ENCODED_REGION_NAME.Enum(), Value: []byte(r.Encoded)},
		DestServerName: to.proto(),
	}
	err := c.call(ctx, repeatable, "MoveRegion", req, &hbasepb.MoveRegionResponse{})
	if err == nil {
		err = poll(ctx, 20*time.Millisecond, 300*time.Millisecond, func(ctx context.Context) (bool, error) {
			now, err := c.Regions(ctx, r.Table)
			return slices.ContainsFunc(now, func(x Region) bool {
				return x.Encoded == r.Encoded && x.Server == to.Addr() && x.State == "OPEN"
			}), err
		})
	}
	return failed("move region to "+to.String(), r.String(), err)
}

// onRegion sends one AdminService call about r to the server that holds it,
// looking the region up again when it has moved, or its server does not answer:
// calls may be repeated.
func (c *Cluster) onRegion(ctx context.Context, r Region, method string, req, resp proto.Message) error {
	again := func(err error) bool {
		return regionElsewhere(err) || unsent(err) || lost(err) || errors.Is(err, errUnassigned)
	}
	return retryWhile(ctx, again, func(ctx context.Context) error {
		addr := r.Server
		r.Server = "" // the next attempt looks the region up
		if addr == "" {
			now, err := c.Regions(ctx, r.Table)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(now, func(x Region) bool { return x.Encoded == r.Encoded })
			if i < 0 || !now[i].Serving() { // a split parent keeps its row, and its server in it
				return fmt.Errorf("%w: %s", errRegionGone, r)
			}
			if addr = now[i].Server; addr == "" {
				return errUnassigned
			}
		}
		_, err := c.quick(ctx, addr, AdminService, method, req, resp)
		return err
	})
}

var (
	errUnassigned = errors.New("region is not assigned to a server")
	errRegionGone = errors.New("region is gone: split or merged")
)

func isRegionGone(err error) bool { return errors.Is(err, errRegionGone) }

// regionParallel bounds calls to all regions of a table.
const regionParallel = 16

func (c *Cluster) eachRegion(ctx context.Context, t TableName, do func(context.Context, Region) error) error {
	regions, err := c.ServingRegions(ctx, t)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(regionParallel)
	for _, r := range regions {
		g.Go(func() error { return do(ctx, r) })
	}
	return g.Wait()
}

// MajorCompact rewrites every file of t and waits until that is done: until
// none of the files found before is left and no compaction is under way. A
// table whose compactions are off is refused, for it would never end.
func (c *Cluster) MajorCompact(ctx context.Context, t TableName) error {
	table, err := c.Table(ctx, t)
	if err != nil {
		return err
	}
	if !table.CompactionEnabled() {
		return fmt.Errorf("compact table %s: its attribute COMPACTION_ENABLED is false; set it to true first", t)
	}
	families := table.FamilyNames()
	err = c.eachRegion(ctx, t, func(ctx context.Context, r Region) error {
		before, err := c.StoreFiles(ctx, r, families)
		if err != nil || len(before) == 0 {
			return err
		}
		req := &hbasepb.CompactRegionRequest{Region: r.Specifier(), Major: proto.Bool(true)}
		if err := c.onRegion(ctx, r, "CompactRegion", req, &hbasepb.CompactRegionResponse{}); err != nil {
			return err
		}
		return c.awaitCompacted(ctx, r, families, before)
	})
	return failed("compact table", t.String(), err)
}

func (c *Cluster) awaitCompacted(ctx context.Context, r Region, families, before []string) error {
	return poll(ctx, 50*time.Millisecond, 500*time.Millisecond, func(ctx context.Context) (bool, error) {
		var info hbasepb.GetRegionInfoResponse
		req := &hbasepb.GetRegionInfoRequest{Region: r.Specifier(), CompactionState: proto.Bool(true)}
		if err := c.onRegion(ctx, r, "GetRegionInfo", req, &info); err != nil {
			return false, err
		}
		if info.GetCompactionState() != hbasepb.GetRegionInfoResponse_NONE {
			return false, nil
		}
		now, err := c.StoreFiles(ctx, r, families)
		return !slices.ContainsFunc(now, func(f string) bool { return slices.Contains(before, f) }), err
	})
}

package hbase

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
	"drover/internal/hbase/snapshot"
)

// OpenFiles asks the region servers which files each serving region of t reads,
// all families. What is in memory is written to files first; a table that is
// READONLY has nothing there since it was reopened so, and refuses the request.
//
// Each region's list is of one moment. A region that is split or merged
// meanwhile makes it begin anew, so that the regions tile the key space.
func (c *Cluster) OpenFiles(ctx context.Context, t TableName) ([]snapshot.LiveRegion, error) {
	table, err := c.Table(ctx, t)
	if err != nil {
		return nil, err
	}
	var out []snapshot.LiveRegion
	err = retryWhile(ctx, isRegionGone, func(ctx context.Context) error {
		out = nil
		var mu sync.Mutex
		return c.eachRegion(ctx, t, func(ctx context.Context, r Region) error {
			if !table.ReadOnly() {
				if err := c.flushRegion(ctx, r); err != nil {
					return err
				}
			}
			files, err := c.StoreFiles(ctx, r, table.FamilyNames())
			mu.Lock()
			defer mu.Unlock()
			out = append(out, snapshot.LiveRegion{Info: r.proto(), Files: files})
			return err
		})
	})
	return out, failed("ask which files are open of table", t.String(), err)
}

// FlushTable writes the memstores of every region of t to files.
func (c *Cluster) FlushTable(ctx context.Context, t TableName) error {
	return failed("flush table", t.String(), c.eachRegion(ctx, t, c.flushRegion))
}

// flushRegion returns when whatever r held in memory at the call is in files. A
// server that is flushing the region already does nothing and says no more than
// that; one with nothing to flush writes a marker, if asked for it
// (HRegion.internalPrepareFlushCache). That tells the two apart.
func (c *Cluster) flushRegion(ctx context.Context, r Region) error {
	req := &hbasepb.FlushRegionRequest{Region: r.Specifier(), WriteFlushWalMarker: proto.Bool(true)}
	busy := func(err error) bool { return errors.Is(err, errFlushing) }
	err := retryWhile(ctx, busy, func(ctx context.Context) error {
		var resp hbasepb.FlushRegionResponse
		if err := c.onRegion(ctx, r, "FlushRegion", req, &resp); err != nil {
			return err
		}
		if !resp.GetFlushed() && !resp.GetWroteFlushWalMarker() {
			return errFlushing
		}
		return nil
	})
	return failed("flush region", r.String(), err)
}

var errFlushing = errors.New("the region is being flushed or closed")

// StoreFiles lists the paths of r's store files, of all families. References
// carry their parent's name after a dot, links have the form table=region-file.
func (c *Cluster) StoreFiles(ctx context.Context, r Region, families []string) ([]string, error) {
	req := &hbasepb.GetStoreFileRequest{Region: r.Specifier()}
	for _, f := range families {
		req.Family = append(req.Family, []byte(f))
	}
	var resp hbasepb.GetStoreFileResponse
	err := c.onRegion(ctx, r, "GetStoreFile", req, &resp)
	return resp.GetStoreFile(), failed("list store files of", r.String(), err)
}

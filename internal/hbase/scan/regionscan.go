package scan

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase"
	"drover/internal/hbase/hbasepb"
)

const (
	// callTimeout bounds one call. Servers send a heartbeat after half of it.
	callTimeout  = 60 * time.Second
	closeTimeout = 2 * time.Second
)

// errProtocol marks an answer that contradicts the protocol; asking again would
// not make it right.
var errProtocol = errors.New("unexpected answer")

// regionScan is a scanner open in one region.
type regionScan struct {
	client Caller
	region hbase.Region
	spec   Spec
	start  []byte
	stop   []byte

	id   uint64
	open bool   // the server holds a scanner for us
	seq  uint64 // of the next call; a resent call is refused, not answered with the next block
}

// block is one answer.
type block struct {
	cells     []byte
	perResult []uint32
	last      bool // the region has no more
}

// release is what releases each of the chunks that an answer's cells are cut
// into; the last one gives them back. nil if they cannot be used again.
func (rs *regionScan) release(cells []byte, chunks int32) func() {
	client, ok := rs.client.(recycler)
	if !ok {
		return nil
	}
	var released atomic.Int32
	return func() {
		if released.Add(1) == chunks {
			client.Recycle(cells)
		}
	}
}

// next opens the scanner or reads on. After an error the scanner is not used
// again.
func (rs *regionScan) next(ctx context.Context) (block, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req := &hbasepb.ScanRequest{
		NumberOfRows:            proto.Uint32(uint32(rs.spec.Rows)),
		NextCallSeq:             proto.Uint64(rs.seq),
		ClientHandlesPartials:   proto.Bool(true),
		ClientHandlesHeartbeats: proto.Bool(true),
	}
	if rs.open {
		req.ScannerId = proto.Uint64(rs.id)
	}
	if !rs.open {
		req.Region = rs.region.Specifier()
		req.Scan = rs.scan()
	}
	var resp hbasepb.ScanResponse
	cells, err := rs.client.Call(ctx, "Scan", req, &resp)
	if err != nil {
		rs.lost(err)
		return block{}, err
	}
	rs.seq++
	if !rs.open {
		rs.id, rs.open = resp.GetScannerId(), resp.ScannerId != nil
	}
	return rs.answer(&resp, cells)
}

func (rs *regionScan) answer(resp *hbasepb.ScanResponse, cells []byte) (block, error) {
	b := block{cells: cells, perResult: resp.GetCellsPerResult()}
	switch {
	case len(resp.GetResults()) > 0:
		return block{}, fmt.Errorf("%w: scan of %q: results outside a cell block", errProtocol, rs.region.Name)
	case resp.GetStale():
		return block{}, fmt.Errorf("%w: scan of %q: results of a secondary replica", errProtocol, rs.region.Name)
	case resp.MoreResultsInRegion != nil && !resp.GetMoreResultsInRegion():
		b.last = true
	case !resp.GetMoreResults():
		// Only a filter that is done may end a scan inside a region. Without
		// one this would be an early end, which must not pass for an end.
		if rs.spec.Filter == nil {
			return block{}, fmt.Errorf("%w: scan of %q: ended before the end of the region", errProtocol, rs.region.Name)
		}
		b.last = true
	}
	if b.last {
		rs.open = false // the server closes a scanner that has reached its end
	}
	if !b.last && !rs.open {
		return block{}, fmt.Errorf("%w: scan of %q: no scanner id", errProtocol, rs.region.Name)
	}
	return b, nil
}

// lost notes what an error says about the scanner on the server.
func (rs *regionScan) lost(err error) {
	var conn *hbase.ConnError
	if errors.As(err, &conn) || hbase.IsClass(err, "UnknownScannerException") || hbase.IsClass(err, "NotServingRegionException") {
		rs.open = false
	}
}

func (rs *regionScan) scan() *hbasepb.Scan {
	s := &hbasepb.Scan{
		StartRow:      rs.start,
		StopRow:       rs.stop,
		MaxVersions:   proto.Uint32(math.MaxInt32),
		CacheBlocks:   proto.Bool(false),
		MaxResultSize: proto.Uint64(uint64(rs.spec.Block)),
		Filter:        rs.spec.Filter,
		ReadType:      hbasepb.Scan_STREAM.Enum(),
	}
	if rs.spec.Random {
		s.ReadType = hbasepb.Scan_PREAD.Enum()
	}
	if rs.spec.Raw {
		// org.apache.hadoop.hbase.client.Scan.RAW_ATTR
		s.Attribute = []*hbasepb.NameBytesPair{{Name: proto.String("_raw_"), Value: []byte{0xff}}}
	}
	return s
}

// renew extends the server's lease. A failure shows at the next call.
func (rs *regionScan) renew(ctx context.Context) {
	if !rs.open {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	req := &hbasepb.ScanRequest{
		ScannerId: proto.Uint64(rs.id), NumberOfRows: proto.Uint32(0),
		NextCallSeq: proto.Uint64(rs.seq), Renew: proto.Bool(true),
		ClientHandlesPartials: proto.Bool(true), ClientHandlesHeartbeats: proto.Bool(true),
	}
	if _, err := rs.client.Call(ctx, "Scan", req, &hbasepb.ScanResponse{}); err == nil {
		rs.seq++
	}
}

// close frees the scanner on the server. It works after ctx has ended, as that
// is when most scanners are left open, and gives up soon: the lease ends anyway.
func (rs *regionScan) close(ctx context.Context) {
	if !rs.open {
		return
	}
	rs.open = false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	req := &hbasepb.ScanRequest{ScannerId: proto.Uint64(rs.id), NumberOfRows: proto.Uint32(0), CloseScanner: proto.Bool(true)}
	// A scanner that cannot be closed is ended by its lease.
	_, _ = rs.client.Call(ctx, "Scan", req, &hbasepb.ScanResponse{})
}

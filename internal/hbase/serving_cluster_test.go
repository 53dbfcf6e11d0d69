//go:build cluster

package hbase_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"

	"drover/internal/hbase"
)

// TestServingIsWaitedForRegionByRegion closes one region of a table that is
// enabled, as its master still says: only the region itself shows it.
func TestServingIsWaitedForRegionByRegion(t *testing.T) {
	ctx, f := newFixture(t)
	n := f.table(ctx, t, f.b, "serving")
	all := must(f.b.AwaitServing(ctx, n))(t)
	if len(all) != 3 {
		t.Fatalf("regions %v, want 3", all)
	}
	master(ctx, t, f.b, "UnassignRegion", all[1])
	soon, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := f.b.AwaitServing(soon, n); err == nil || !strings.Contains(err.Error(), "region "+all[1].String()+" is ") {
		t.Errorf("with a region closed: %v, want its name", err)
	}
	opened := make(chan error, 1)
	go func() {
		_, err := f.b.AwaitServing(ctx, n)
		opened <- err
	}()
	master(ctx, t, f.b, "AssignRegion", all[1])
	check(t, <-opened)

	check(t, f.b.DisableTable(ctx, n, f.nonce("disable")))
	soon, cancel = context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := f.b.AwaitServing(soon, n); err == nil || !strings.Contains(err.Error(), "the table is DISABLED") {
		t.Errorf("of a disabled table: %v, want that it is one", err)
	}
}

// master asks for one of the changes to a region that only its repair needs:
// (Un)assignRegionRequest has the region's specifier in field 1.
func master(ctx context.Context, t *testing.T, c *hbase.Cluster, method string, r hbase.Region) {
	t.Helper()
	at := must(c.Master(ctx))(t)
	conn := must(hbase.Dial(ctx, at.Addr(), hbase.MasterService, "hbase"))(t)
	defer func() { check(t, conn.Close()) }()
	spec := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1) // REGION_NAME
	spec = protowire.AppendBytes(protowire.AppendTag(spec, 2, protowire.BytesType), r.Name)
	var req, resp emptypb.Empty
	req.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), spec))
	_, err := conn.Call(ctx, method, &req, &resp)
	check(t, err)
}

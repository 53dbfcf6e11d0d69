//go:build cluster

package check_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"

	"drover/internal/hbase"
	"drover/internal/hbase/check"
	"drover/internal/hbase/rows"
	"drover/internal/preflight"
	"drover/internal/sandbox/sandboxtest"
)

func (w *world) nonce(what string) hbase.Nonce { return hbase.NonceFor(w.suffix + "/" + what) }

// table creates a table with the family f and drops it after the test.
func (w *world) table(s check.Side, name string, family map[string]string) hbase.TableName {
	w.t.Helper()
	n := hbase.TableName{Namespace: "default", Qualifier: "check_" + name + "_" + w.suffix}
	sandboxtest.Afterwards(w.t, "drop "+n.String(), func(ctx context.Context) error { return s.Cluster.DropTable(ctx, n, hbase.NonceFor(rand.Text())) })
	w.must(s.Cluster.CreateTable(w.ctx, hbase.NewTable(n, []string{"f"}, family), nil, w.nonce("create "+name)))
	return n
}

// fill writes a megabyte of 16 KiB values and flushes it into a store file.
func (w *world) fill(s check.Side, n hbase.TableName) {
	w.t.Helper()
	r, err := rows.Open(s.Cluster.Config())
	w.must(err)
	defer r.Close()
	var all []rows.Mutation
	for i := range 64 {
		value := []byte(strings.Repeat(rand.Text(), 16<<10/26))
		all = append(all, rows.Mutation{Row: fmt.Sprintf("%03d", i), Cells: []rows.Cell{{Family: "f", Qualifier: "q", Timestamp: 1, Value: value}}})
	}
	w.must(r.Put(w.ctx, n.String(), all))
	w.must(s.Cluster.FlushTable(w.ctx, n))
}

// TestPreflightOfMOBTables has a table with a MOB family, and a clone of it,
// whose MOB file is a link.
func TestPreflightOfMOBTables(t *testing.T) {
	w := newWorld(t)
	n := w.table(w.a, "mob", map[string]string{"IS_MOB": "true", "MOB_THRESHOLD": "1000"})
	w.fill(w.a, n)
	found := w.preflight(w.a, w.b, n)
	if f := w.find(found, "mob-target", n.String()); f.Severity != preflight.Warn || !strings.Contains(f.Seen, "family f") {
		t.Errorf("finding %+v, want a warning about family f", f)
	}
	w.lacks(found, n.String(), "mob-links")

	snap := "check_mob_" + w.suffix
	sandboxtest.Afterwards(w.t, "delete snapshot "+snap, func(ctx context.Context) error { return w.a.Cluster.DeleteSnapshot(ctx, snap) })
	w.must(w.a.Cluster.Snapshot(w.ctx, hbase.SnapshotSpec{Name: snap, Table: n, Nonce: w.nonce("snap")}))
	clone := hbase.TableName{Namespace: "default", Qualifier: "check_mobclone_" + w.suffix}
	sandboxtest.Afterwards(w.t, "drop "+clone.String(), func(ctx context.Context) error { return w.a.Cluster.DropTable(ctx, clone, hbase.NonceFor(rand.Text())) })
	w.must(w.a.Cluster.RestoreSnapshot(w.ctx, snap, clone, w.nonce("clone")))
	if f := w.find(w.preflight(w.a, w.b, clone), "mob-links", clone.String()); f.Severity != preflight.Block {
		t.Errorf("finding %+v, want a blocking one", f)
	}
}

// TestPreflightSeesASplitUnderWay holds a split back at the master, by the lock
// that it waits for.
func TestPreflightSeesASplitUnderWay(t *testing.T) {
	w := newWorld(t)
	n := w.table(w.a, "split", nil)
	w.fill(w.a, n)
	w.lacks(w.preflight(w.a, w.b, n), n.String(), "split-running")
	regions, err := w.a.Cluster.ServingRegions(w.ctx, n)
	w.must(err)

	release := w.lock(w.a, n)
	split := make(chan error, 1)
	go func() { split <- w.a.Cluster.SplitRegion(w.ctx, regions[0], []byte("032"), w.nonce("split")) }()
	w.until("the split is known", func() (bool, error) {
		running, err := w.a.Cluster.RunningProcedures(w.ctx, n)
		for _, p := range running {
			if p.IsSplitOrMerge() {
				return true, err
			}
		}
		return false, err
	})
	f := w.find(w.preflight(w.a, w.b, n), "split-running", n.String())
	if f.Severity != preflight.Warn || !strings.Contains(f.Seen, "SplitTableRegionProcedure") {
		t.Errorf("finding %+v, want a warning that names the procedure", f)
	}
	release()
	w.must(<-split)
	w.lacks(w.preflight(w.a, w.b, n), n.String(), "split-running")
}

// lock takes the exclusive lock of a table, as tools for mending do
// (LockService.RequestLock of LockServiceProcedure.proto), and returns how to let
// it go. A lock that nobody renews is let go after half a minute.
func (w *world) lock(s check.Side, n hbase.TableName) (release func()) {
	w.t.Helper()
	master, err := s.Cluster.Master(w.ctx)
	w.must(err)
	conn, err := hbase.Dial(w.ctx, master.Addr(), "LockService", "hbase")
	w.must(err)
	w.closeLater(conn.Close)
	// LockRequest: lock_type EXCLUSIVE, table_name, description, nonces.
	name := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte(n.Namespace))
	name = protowire.AppendBytes(protowire.AppendTag(name, 2, protowire.BytesType), []byte(n.Qualifier))
	req := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	req = protowire.AppendBytes(protowire.AppendTag(req, 3, protowire.BytesType), name)
	req = protowire.AppendBytes(protowire.AppendTag(req, 5, protowire.BytesType), []byte("test"))
	resp := w.ask(conn, "RequestLock", req)
	id := fieldOf(resp, 1)
	// LockHeartbeatRequest: proc_id, keep_alive; lock_status LOCKED is 2.
	beat := func(keep bool) uint64 {
		req := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), id)
		req = protowire.AppendVarint(protowire.AppendTag(req, 2, protowire.VarintType), protowire.EncodeBool(keep))
		return fieldOf(w.ask(conn, "LockHeartbeat", req), 1)
	}
	w.until("the lock is held", func() (bool, error) { return beat(true) == 2, nil })
	return func() { beat(false) }
}

// ask sends bytes that no generated type of ours describes.
func (w *world) ask(conn *hbase.Conn, method string, body []byte) []byte {
	w.t.Helper()
	var req, resp emptypb.Empty
	req.ProtoReflect().SetUnknown(body)
	_, err := conn.Call(w.ctx, method, &req, &resp)
	w.must(err)
	return resp.ProtoReflect().GetUnknown()
}

// fieldOf returns an integer field of a message, 0 if it is not there.
func fieldOf(b []byte, want protowire.Number) uint64 {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeField(b)
		if size < 0 {
			return 0
		}
		if n == want && kind == protowire.VarintType {
			_, _, head := protowire.ConsumeTag(b)
			v, _ := protowire.ConsumeVarint(b[head:])
			return v
		}
		b = b[size:]
	}
	return 0
}

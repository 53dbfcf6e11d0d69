package hbase

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// Names that HBase 2.5.13 gave to regions of the sandbox.
func TestRegionNamesOfHBase(t *testing.T) {
	table := TableName{Namespace: "default", Qualifier: "c_regions_62ur4yn3"}
	for _, tc := range []struct {
		start string
		id    uint64
		want  string
	}{
		{"k", 1795253048969, "b2a03cfa9fbb6732c320d4b138ab9adb"},
		{"p", 1795253047752, "bb7befb53820b5967859f6683630f212"},
	} {
		name, enc := RegionName(table, []byte(tc.start), tc.id, 0)
		if enc != tc.want {
			t.Errorf("region from %q: got %s, want %s", tc.start, enc, tc.want)
		}
		r := RegionOf(&hbasepb.RegionInfo{RegionId: proto.Uint64(tc.id), TableName: table.Proto(), StartKey: []byte(tc.start)})
		if r.Encoded != enc || string(r.Name) != string(name) || r.RegionID != tc.id {
			t.Errorf("RegionOf gives %+v, want name %s", r, name)
		}
		if back := RegionOf(r.proto()); back.Encoded != enc {
			t.Errorf("round trip gives %s, want %s", back.Encoded, enc)
		}
	}
	if _, a := RegionName(table, nil, 1, 0); func() bool { _, b := RegionName(table, nil, 1, 1); return a == b }() {
		t.Error("a replica has the encoded name of the first")
	}
}

func TestRegionContains(t *testing.T) {
	for _, tc := range []struct {
		start, end, row string
		want            bool
	}{
		{"", "", "x", true},
		{"b", "d", "b", true},
		{"b", "d", "d", false},
		{"b", "", "zz", true},
		{"", "b", "b", false},
		{"", "b", "a\xff", true},
	} {
		r := Region{Start: []byte(tc.start), End: []byte(tc.end)}
		if got := r.Contains([]byte(tc.row)); got != tc.want {
			t.Errorf("[%q, %q) contains %q: got %t", tc.start, tc.end, tc.row, got)
		}
	}
}

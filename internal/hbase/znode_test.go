package hbase

import (
	"encoding/hex"
	"testing"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// Bytes of znodes that HBase 2.5.13 wrote.
const (
	goldenID     = "ff000000146d61737465723a3239323232cb43fee7b4a9de9d504255460a2432383162363031622d383762302d343363362d383239322d356266613563333732376633"
	goldenMaster = "ff000000146d61737465723a3239323232d252278f7a77b1d1504255460a160a093132372e302e302e3110a6e40118e9d2f7ea9f34100018ffffffff0f"
	goldenMeta   = "ff000000146d61737465723a323932323269b6fec87162724f504255460a160a093132372e302e302e3110a7e40118eeccf7ea9f3410001803"
)

func TestZNodesOfHBase(t *testing.T) {
	var id hbasepb.ClusterId
	var master hbasepb.Master
	var meta hbasepb.MetaRegionServer
	for golden, m := range map[string]proto.Message{goldenID: &id, goldenMaster: &master, goldenMeta: &meta} {
		b, err := hex.DecodeString(golden)
		if err != nil {
			t.Fatal(err)
		}
		if b, err = znodePayload(b); err != nil {
			t.Fatal(err)
		}
		if err := proto.Unmarshal(b, m); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := id.GetClusterId(), "281b601b-87b0-43c6-8292-5bfa5c3727f3"; got != want {
		t.Errorf("cluster id %s, want %s", got, want)
	}
	if got, want := serverNameOf(master.GetMaster()).String(), "127.0.0.1,29222,1795252152681"; got != want {
		t.Errorf("master %s, want %s", got, want)
	}
	if got, want := serverNameOf(meta.GetServer()).Addr(), "127.0.0.1:29223"; got != want || meta.GetState() != hbasepb.RegionState_OPEN {
		t.Errorf("hbase:meta on %s (%s), want %s (OPEN)", got, meta.GetState(), want)
	}
}

func FuzzZNodePayload(f *testing.F) {
	for _, g := range []string{goldenID, "", "ff", "ff00000014", "ffffffffff00", "50425546"} {
		b, _ := hex.DecodeString(g)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if rest, err := znodePayload(b); err == nil && len(rest) > len(b)-4 {
			t.Errorf("payload of %d bytes out of %d", len(rest), len(b))
		}
	})
}

func TestServerNames(t *testing.T) {
	for _, s := range []string{"h,16020,1795252152681", "127.0.0.1,1,0"} {
		n, err := ParseServerName(s)
		if err != nil || n.String() != s {
			t.Errorf("%q reads as %q, %v", s, n, err)
		}
	}
	for _, s := range []string{"", "h", "h,1", "h,x,1", "h,1,x", ",1,1", "h,70000,1", "h,1,1,1"} {
		if n, err := ParseServerName(s); err == nil {
			t.Errorf("%q reads as %v", s, n)
		}
	}
}

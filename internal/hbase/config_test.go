package hbase

import "testing"

func TestClusterKey(t *testing.T) {
	for _, tc := range []struct{ quorum, parent, want string }{
		{"h1:2181,h2:2181,h3:2181", "/hbase", "h1,h2,h3:2181:/hbase"},
		{"h1,h2", "", "h1,h2:2181:/hbase"},
		{" h1:2182 , h2:2182,", "/b", "h1,h2:2182:/b"},
		{"h1:2181,h2:2182", "/hbase", "h1:2181,h2:2182:2181:/hbase"},
		{"127.0.0.1:29216", "/hbase-b", "127.0.0.1:29216:/hbase-b"},
	} {
		if got := (Config{Quorum: tc.quorum, ZNodeParent: tc.parent}).ClusterKey(); got != tc.want {
			t.Errorf("cluster key of %q %q: got %s, want %s", tc.quorum, tc.parent, got, tc.want)
		}
	}
}

func TestOpenRefusesBadConfig(t *testing.T) {
	for _, cfg := range []Config{
		{}, {Quorum: " , "}, {Quorum: "h:x"}, {Quorum: "h:99999"}, {Quorum: "h", ZNodeParent: "hbase"}, {Quorum: "h", ZNodeParent: "/hbase/"},
	} {
		if _, err := Open(cfg); err == nil {
			t.Errorf("Open(%+v) succeeded", cfg)
		}
	}
}

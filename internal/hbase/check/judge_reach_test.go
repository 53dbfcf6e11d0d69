package check_test

import (
	"net"
	"strings"
	"testing"

	"drover/internal/hbase"
	"drover/internal/hbase/check"
	"drover/internal/preflight"
	"drover/internal/reach"
)

func closed(addr string) []reach.Port {
	return []reach.Port{{Role: "datanode h1", Addr: addr, Err: net.ErrClosed}}
}

func TestEachClosedPortIsNamed(t *testing.T) {
	facts := sound()
	facts.Source.Ports = []reach.Port{{Role: hbase.RoleMaster, Addr: "m:16000", Err: net.ErrClosed}, {Role: hbase.RoleZooKeeper, Addr: "z:2181"}, {Role: hbase.RoleRegionServer, Addr: "r:16020", Err: net.ErrClosed}}
	found := check.Judge(facts)
	if len(found) != 2 {
		t.Fatalf("findings %+v, want two", found)
	}
	for i, want := range []string{"m:16000 (master): ", "r:16020 (regionserver): "} {
		if f := found[i]; f.ID != "port-closed" || f.Severity != preflight.Block || f.Subject != "a" || !strings.HasPrefix(f.Seen, want) || f.Do == "" {
			t.Errorf("finding %+v, want port-closed about %s", f, want)
		}
	}
}

func TestWhatTheClustersMustReachOfEachOtherIsSaid(t *testing.T) {
	facts := sound()
	facts.Target.Ports = []reach.Port{{Role: hbase.RoleZooKeeper, Addr: "z:2181"}, {Role: hbase.RoleMaster, Addr: "m:16000"}, {Role: hbase.RoleRegionServer, Addr: "r:16020"}}
	for bulk, want := range map[bool]string{
		true:  "the region servers of a must reach z:2181 (zookeeper); r:16020 (regionserver): from the worker it cannot be seen whether they do; nor whether the region servers of b reach the HDFS of a, from where they fetch bulk-loaded files",
		false: "the region servers of a must reach z:2181 (zookeeper); r:16020 (regionserver): from the worker it cannot be seen whether they do",
	} {
		facts.BulkLoadReplication = bulk
		var seen string
		for _, f := range check.Judge(facts) {
			if f.ID == "peer-unprobed" && f.Severity == preflight.Info && f.Subject == "a" {
				seen = f.Seen
			}
		}
		if seen != want {
			t.Errorf("bulk loads %t: seen %q, want %q", bulk, seen, want)
		}
	}
}

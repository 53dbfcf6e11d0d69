package bench

import (
	"strings"
	"testing"
	"time"
)

func TestClientCallsLeavesOutDataNodesAndDeferredCounts(t *testing.T) {
	bean := map[string]any{
		"CreateNumOps": 3.0, "CreateAvgTime": 9.0, "GetListingNumOps": 4.0,
		"SendHeartbeatNumOps": 100.0, "DeferredCreateNumOps": 7.0, "tag.port": "1",
	}
	if got := clientCalls(bean); got != 7 {
		t.Errorf("got %d calls, want 7", got)
	}
}

func TestEmitSidesHoldsOursAgainstEachPeer(t *testing.T) {
	cost := func(seconds int, calls int64) []Cost {
		return []Cost{{Wall: time.Duration(seconds) * time.Second, CPU: time.Second, RSS: 1e6, Servers: time.Second, Calls: calls}}
	}
	empty := cost(1, 0)
	var out strings.Builder
	err := emitSides(&out, "b", []contestant{{}, {tool: "p"}, {tool: "q"}}, []Pairs{
		{Ours: cost(2, 10), OursEmpty: empty}, {Ours: cost(8, 20), OursEmpty: empty}, {Ours: cost(4, 40), OursEmpty: empty},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"tool":"p","metric":"wall_s","ours":2,"peer":8,"ratio":0.25`,
		`"tool":"q","metric":"wall_net_s","ours":1,"peer":3,"ratio":0.333`,
		`"tool":"q","metric":"namenode_calls","ours":10,"peer":40,"ratio":0.25`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line has %s:\n%s", want, out.String())
		}
	}
}

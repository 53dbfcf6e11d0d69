package bench

import (
	"strings"
	"testing"
	"time"
)

func TestEmitPairsTakesMediansAndSubtractsTheEmptyRunOfTheRound(t *testing.T) {
	cost := func(seconds ...float64) []Cost {
		var out []Cost
		for _, s := range seconds {
			out = append(out, Cost{Wall: time.Duration(s * float64(time.Second)), CPU: time.Second, RSS: 5e6})
		}
		return out
	}
	var out strings.Builder
	p := Pairs{Ours: cost(2, 3, 9), OursEmpty: cost(1), Peer: cost(10, 12, 40), PeerEmpty: cost(5, 4, 30)}
	if err := EmitPairs(&out, "b", "t", p); err != nil {
		t.Fatal(err)
	}
	want := `{"bench":"b","tool":"t","metric":"wall_s","ours":3,"peer":12,"ratio":0.25,"runs":3}
{"bench":"b","tool":"t","metric":"cpu_s","ours":1,"peer":1,"ratio":1,"runs":3}
{"bench":"b","tool":"t","metric":"rss_mb","ours":5,"peer":5,"ratio":1,"runs":3}
{"bench":"b","tool":"t","metric":"wall_net_s","ours":2,"peer":8,"ratio":0.25,"runs":3}
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

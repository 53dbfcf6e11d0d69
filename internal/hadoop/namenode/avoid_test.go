package namenode

import (
	"testing"
	"time"
)

func TestFailedNodesAreAvoidedForATime(t *testing.T) {
	b := Block{Nodes: []DataNode{{UUID: "one", Proto: []byte{1}}, {UUID: "two", Proto: []byte{2}}}}
	now := time.Unix(0, 0)
	a := Avoided{now: func() time.Time { return now }}
	wants := func(when string, want int) {
		t.Helper()
		if got := a.List(); len(got) != want {
			t.Errorf("%s: %d nodes are avoided, want %d", when, len(got), want)
		}
	}
	a.Failed(b, []byte{3})
	wants("when a node of another block failed", 0)
	a.Failed(b, []byte{1})
	a.Failed(b, []byte{1})
	now = now.Add(avoidFor / 2)
	a.Failed(b, []byte{2})
	wants("with two that failed", 2)
	now = now.Add(avoidFor / 2)
	if got := a.List(); len(got) != 1 || got[0].UUID != "two" {
		t.Errorf("later %v are avoided, want the second alone", got)
	}
	if !a.Forgive() || a.Forgive() {
		t.Error("it forgives none, or twice")
	}
	wants("when no other is left", 0)
}

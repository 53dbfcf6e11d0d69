package hbase

import (
	"errors"
	"strings"
	"testing"

	"drover/internal/fault"
)

// TestWhatOnlyAPersonMendsIsNotTriedForEver: two callers of a dozen marked a
// conflict, the others went on asking.
func TestWhatOnlyAPersonMendsIsNotTriedForEver(t *testing.T) {
	wanted, other := Peer{ID: "p", ClusterKey: "a"}, Peer{ID: "p", ClusterKey: "b"}
	absent := failed("find replication peer", "p", ErrPeerNotFound)
	for _, c := range []struct {
		name string
		err  error
		is   error
		kind fault.Kind
		say  string
	}{
		{"a peer of another configuration", failed("add replication peer", "p", wanted.conflict(other)), ErrPeerConflict, fault.Conflict, "cluster key b, not a"},
		{"a snapshot of another table", failed("snapshot", "s", ErrSnapshotConflict), ErrSnapshotConflict, fault.Conflict, "another table"},
		{"peers that may not be changed", failed("enable replication peer", "p", ErrPeerSwitchedOff), ErrPeerSwitchedOff, fault.Denied, "peer_modification_switch true"},
		{"a peer that somebody removed", failed("prove drain of replication peer", "p", shipping(Peer{}, absent)), ErrPeerNotFound, fault.Conflict, "abort and start again"},
		{"a peer that somebody disabled", failed("prove drain of replication peer", "p", shipping(Peer{ID: "p"}, nil)), ErrPeerDisabled, fault.Conflict, "enable it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if kind := fault.KindOf(c.err); kind != c.kind || !errors.Is(c.err, c.is) || !strings.Contains(c.err.Error(), c.say) {
				t.Errorf("error %v, kind %q, want %v, kind %q, that says %q", c.err, kind, c.is, c.kind, c.say)
			}
		})
	}
	if kind := fault.KindOf(absent); kind.Permanent() {
		t.Errorf("looking for a peer that is absent is %q, want nothing that ends a run: it may be what is wanted", kind)
	}
	if err := shipping(Peer{ID: "p", Enabled: true}, nil); err != nil {
		t.Errorf("an enabled peer: %v", err)
	}
}

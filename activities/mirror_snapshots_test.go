package activities

import (
	"slices"
	"sync"
	"testing"

	"drover/internal/hadoop/namenode"
	"drover/internal/hadoop/rpc/rpctest"
	"drover/internal/hadoop/wire"
	"drover/internal/mirror/retention"
	"drover/internal/mirror/tree"
)

// kept serves an HDFS whose every directory has the given snapshots, and tells
// which are deleted.
func kept(t *testing.T, snapshots ...namenode.Snapshot) (_ tree.Tree, deleted func() []string) {
	t.Helper()
	var mu sync.Mutex
	var gone []string
	s := rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		var listing wire.Message
		switch r.Method {
		case "getSnapshotListing":
			for _, s := range snapshots {
				status := wire.Message(nil).Uint(1, 1).Str(2, s.Name).Uint(3, 0).Raw(4, wire.Message(nil).Uint(1, 0o755)).
					Str(5, "ada").Str(6, "staff").Uint(7, uint64(s.ModTime)).Uint(8, 0)
				listing = listing.Raw(1, wire.Message(nil).Raw(1, status).Uint(2, uint64(s.ID)).Str(3, "").Bool(4, s.Deleted))
			}
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, listing)}
		case "deleteSnapshot":
			mu.Lock()
			defer mu.Unlock()
			//nolint:errcheck // our own bytes
			wire.Fields(r.Body, func(n wire.Number, _ uint64, raw []byte) error {
				if n == 2 {
					gone = append(gone, string(raw))
				}
				return nil
			})
		}
		return rpctest.Reply{}
	})
	nn, err := namenode.Open(namenode.Config{Addresses: []string{s.Addr}, User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nn.Close() }) //nolint:errcheck // idle connections only
	return tree.Tree{NN: nn, Root: "/t"}, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(gone)
	}
}

// TestTheNewestCommonSnapshotIsFoundWithoutNumbers: NameNodes before Hadoop 3.3
// tell none, and a target was rolled back to an old one.
func TestTheNewestCommonSnapshotIsFoundWithoutNumbers(t *testing.T) {
	s := func(name string, made int64) namenode.Snapshot { return namenode.Snapshot{Name: name, ModTime: made} }
	source, _ := kept(t, s("a", 1), s("b", 3), s("c", 2), s("d", 4))
	target, _ := kept(t, s("a", 1), s("b", 3), s("c", 2), s("e", 5))
	if got, err := newestCommon(t.Context(), source, target); got != "b" || err != nil {
		t.Errorf("got %q, %v, want b, which was made last of those that both have", got, err)
	}
}

// TestADeletedSnapshotIsNoSnapshot: where snapshots are deleted in order, those
// marked so are still listed. They used up the number that is kept, were deleted
// in every round anew, and could be what a target is rolled back to.
func TestADeletedSnapshotIsNoSnapshot(t *testing.T) {
	s := func(id uint32) namenode.Snapshot { return namenode.Snapshot{Name: string(rune('a' + id)), ID: id} }
	marked := s(3)
	marked.Deleted = true
	side, deleted := kept(t, s(0), s(1), s(2), marked, s(4))
	var out RetentionResult
	if err := pruneSide(t.Context(), "b", side, retention.Policy{Keep: 1, LastCommon: "e"}, &out); err != nil {
		t.Fatal(err)
	}
	if got := deleted(); !slices.Equal(got, []string{"a", "b"}) || len(out.Kept) != 2 {
		t.Errorf("deleted %q, kept %q, want c to be the one that is kept beside the common one", got, out.Kept)
	}
	other, _ := kept(t, s(2), s(3))
	for _, pair := range [][2]tree.Tree{{side, other}, {other, side}} {
		if got, err := newestCommon(t.Context(), pair[0], pair[1]); got != "c" || err != nil {
			t.Errorf("newest common is %q, %v, want c: d is marked as deleted on one side", got, err)
		}
	}
}

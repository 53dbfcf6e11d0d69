package hbase

import "testing"

func TestQueueNames(t *testing.T) {
	for _, tc := range []struct {
		name, peer string
		recovered  bool
	}{
		{"p_1", "p_1", false},
		{"p_1-127.0.0.1,19011,1795252151918", "p_1", true},
		// Host names may hold "-", and a queue may have moved twice.
		{"p_1-my-host.local,1,2-10.0.0.1,3,4", "p_1", true},
	} {
		if peer, rec := queuePeer(tc.name); peer != tc.peer || rec != tc.recovered {
			t.Errorf("queue %s: got peer %s, recovered %t", tc.name, peer, rec)
		}
	}
}

func TestPending(t *testing.T) {
	old := walsOf([]Queue{{WALs: []string{"s1.100", "s1.101"}}, {WALs: []string{"s2.100"}}})
	for _, tc := range []struct {
		what   string
		queues []Queue
		want   DrainProgress
	}{
		{"nothing shipped", []Queue{{Live: true, WALs: []string{"s1.100", "s1.101", "s1.200"}}}, DrainProgress{OldWALs: 2}},
		{"only new files left", []Queue{{Live: true, WALs: []string{"s1.200"}}, {Live: true, WALs: []string{"s2.200"}}}, DrainProgress{}},
		{"a server died and nobody took over", []Queue{{Live: false, WALs: []string{"s2.100"}}}, DrainProgress{OldWALs: 1, Orphaned: 1}},
		{"taken over, even when its file is new", []Queue{{Live: true, Recovered: true, WALs: []string{"s2.300"}}}, DrainProgress{Recovered: 1}},
		{"recovered twice and orphaned again", []Queue{{Live: false, Recovered: true}}, DrainProgress{Orphaned: 1}},
		{"a live server that wrote nothing yet has no queue", nil, DrainProgress{}},
	} {
		if got := pending(tc.queues, old); got != tc.want {
			t.Errorf("%s: got %+v, want %+v", tc.what, got, tc.want)
		}
	}
	if (DrainProgress{HFileRefs: 1}).done() {
		t.Error("done with a bulk-load reference waiting")
	}
}

package namenode_test

import (
	"net"
	"slices"
	"strconv"
	"testing"

	"drover/internal/hadoop/namenode"
	"drover/internal/hadoop/rpc/rpctest"
	"drover/internal/hadoop/wire"
	"drover/internal/preflight"
	"drover/internal/reach"
)

// info is a DatanodeInfoProto.
func info(ip, host, uuid string, port int) wire.Message {
	id := wire.Message(nil).Str(1, ip).Str(2, host).Str(3, uuid).Uint(4, uint64(port)).Uint(5, 9864).Uint(6, 9867)
	return wire.Message(nil).Raw(1, id).Uint(2, 1<<40)
}

func TestLiveDataNodes(t *testing.T) {
	c, s := fake(t, func(rpctest.Request) rpctest.Reply {
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, info("10.0.0.1", "h1", "u1", 9866)).Raw(1, info("10.0.0.2", "h2", "u2", 1004))}
	})
	got, err := c.LiveDataNodes(t.Context())
	if err != nil || len(got) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	addrs := []string{got[0].Addr(false), got[0].Addr(true), got[1].Addr(false), got[1].Addr(true)}
	if want := []string{"10.0.0.1:9866", "h1:9866", "10.0.0.2:1004", "h2:1004"}; !slices.Equal(addrs, want) || got[1].UUID != "u2" {
		t.Errorf("addresses %v of %+v, want %v", addrs, got, want)
	}
	asked := s.Requests()[0]
	if asked.Method != "getDatanodeReport" || !slices.Equal(asked.Body, wire.Message(nil).Uint(1, 2)) {
		t.Errorf("asked %s %q", asked.Method, asked.Body)
	}
}

// listening returns a port that takes connections, and one that does not.
func listening(t *testing.T) (open, closed int) {
	t.Helper()
	port := func() (int, net.Listener) {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l.Addr().(*net.TCPAddr).Port, l
	}
	open, l := port()
	t.Cleanup(func() { l.Close() }) //nolint:errcheck // its listener only
	closed, l = port()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return open, closed
}

func TestDataNodesAreDialledAsTheirClientsDo(t *testing.T) {
	open, closed := listening(t)
	// Only its name leads to the first, only its address to the second.
	c, _ := fake(t, func(rpctest.Request) rpctest.Reply {
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, info("127.0.0.1", "localhost", "u1", open)).Raw(1, info("127.0.0.1", "no-such-host.invalid", "u2", open)).
			Raw(1, info("127.0.0.1", "localhost", "u3", closed))}
	})
	for byName, want := range map[bool][]string{
		false: {net.JoinHostPort("127.0.0.1", strconv.Itoa(closed))},
		true:  {net.JoinHostPort("no-such-host.invalid", strconv.Itoa(open)), net.JoinHostPort("localhost", strconv.Itoa(closed))},
	} {
		got, err := c.DialDataNodes(t.Context(), byName)
		if err != nil || len(got.DataNodes) != 3 || got.Unlisted != "" {
			t.Fatalf("by name %t: %+v, %v", byName, got, err)
		}
		var addrs []string
		for _, p := range reach.Closed(got.DataNodes) {
			addrs = append(addrs, p.Addr)
		}
		if !slices.Equal(addrs, want) {
			t.Errorf("by name %t: closed %v, want %v", byName, addrs, want)
		}
	}
}

func TestWhoMayNotListDataNodesAsksForThoseOfFiles(t *testing.T) {
	open, closed := listening(t)
	block := func(id uint64, nodes ...wire.Message) wire.Message {
		b := wire.Message(nil).Raw(1, wire.Message(nil).Str(1, "p").Uint(2, id).Uint(3, 2).Uint(4, 3)).Uint(2, 0)
		for _, n := range nodes {
			b = b.Raw(3, n)
		}
		return wire.Message(nil).Raw(1, wire.Message(nil).Uint(1, 3).Raw(2, b))
	}
	one, two := info("127.0.0.1", "h1", "u1", open), info("127.0.0.1", "h2", "u2", closed)
	c, _ := fake(t, func(r rpctest.Request) rpctest.Reply {
		switch {
		case r.Method == "getDatanodeReport":
			return rpctest.Reply{Class: "org.apache.hadoop.security.AccessControlException", Text: "Access denied for user ada. Superuser privilege is required"}
		case slices.Equal(r.Body[:4], wire.Message(nil).Str(1, "/a")):
			return rpctest.Reply{Body: block(1, one, two)}
		case slices.Equal(r.Body[:4], wire.Message(nil).Str(1, "/b")):
			return rpctest.Reply{Body: block(2, two)}
		}
		return rpctest.Reply{}
	})
	got, err := c.DialDataNodes(t.Context(), false, "/a", "/n", "/b")
	if err != nil || len(got.DataNodes) != 2 || got.Unlisted == "" {
		t.Fatalf("got %+v, %v: want two nodes, and why no more", got, err)
	}
	if left := reach.Closed(got.DataNodes); len(left) != 1 || left[0].Role != "datanode h2" {
		t.Errorf("closed %v, want h2", left)
	}
}

// TestNoLiveDataNodeBlocks: it gave no finding, because none was closed.
func TestNoLiveDataNodeBlocks(t *testing.T) {
	for denied, want := range map[bool]int{false: 1, true: 0} {
		c, _ := fake(t, func(rpctest.Request) rpctest.Reply {
			if denied {
				return rpctest.Reply{Class: "org.apache.hadoop.security.AccessControlException", Text: "Access denied for user ada"}
			}
			return rpctest.Reply{}
		})
		got, err := c.DialDataNodes(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		found := got.Findings("a")
		if len(found) != want || len(preflight.Blocking(found)) != want {
			t.Errorf("may list them: %t: findings %+v, want %d that block", !denied, found, want)
		}
	}
	if found := (namenode.Reached{}).Findings("a"); len(found) != 0 {
		t.Errorf("nobody was asked: findings %+v", found)
	}
}

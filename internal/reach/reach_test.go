package reach_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"drover/internal/reach"
)

func TestAClosedPortIsToldFromAnOpenOne(t *testing.T) {
	listen := func() net.Listener {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	open, closed := listen(), listen()
	defer open.Close() //nolint:errcheck // its listener only
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	got := reach.Dial(t.Context(), []reach.Port{
		{Role: "master", Addr: open.Addr().String()}, {Role: "datanode h", Addr: closed.Addr().String()},
	})
	left := reach.Closed(got)
	if len(left) != 1 || left[0].Addr != closed.Addr().String() {
		t.Fatalf("closed %v, want %s alone", left, closed.Addr())
	}
	if text := left[0].String(); strings.Count(text, closed.Addr().String()) != 1 || !strings.Contains(text, " (datanode h): ") || !strings.Contains(text, "refused") {
		t.Errorf("it reads %q, want address, role and cause, each once", text)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := reach.Dial(ctx, []reach.Port{{Addr: "192.0.2.1:9"}})
	if !errors.Is(got[0].Err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", got[0].Err)
	}
}

func TestAListNamesTheFirstPortsAndCountsTheRest(t *testing.T) {
	ports := make([]reach.Port, 11)
	for i := range ports {
		ports[i] = reach.Port{Role: "datanode", Addr: "h:1", Err: net.ErrClosed}
	}
	if got := reach.List(ports); strings.Count(got, "h:1") != 8 || !strings.HasSuffix(got, "; and 3 more") {
		t.Errorf("got %q", got)
	}
	if got := reach.List(ports[:1]); strings.Contains(got, "more") {
		t.Errorf("got %q", got)
	}
}

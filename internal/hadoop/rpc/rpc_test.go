package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drover/internal/hadoop/rpc"
	"drover/internal/hadoop/rpc/rpctest"
	"drover/internal/hadoop/wire"
)

const (
	standby   = "org.apache.hadoop.ipc.StandbyException"
	retriable = "org.apache.hadoop.ipc.RetriableException"
	observer  = "org.apache.hadoop.ipc.ObserverRetryOnActiveException"
	denied    = "org.apache.hadoop.security.AccessControlException"
)

// client calls servers with short timeouts.
func client(t *testing.T, servers ...*rpctest.Server) *rpc.Client {
	t.Helper()
	cfg := rpc.Config{
		Protocol: "p", Auth: rpc.Simple("ada"),
		DialTimeout: 5 * time.Second, CallTimeout: 5 * time.Second, FailoverTimeout: 10 * time.Second,
	}
	for _, s := range servers {
		cfg.Addresses = append(cfg.Addresses, s.Addr)
	}
	return open(t, cfg)
}

func open(t *testing.T, cfg rpc.Config) *rpc.Client {
	t.Helper()
	c, err := rpc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// echo answers with what was asked.
func echo(r rpctest.Request) rpctest.Reply { return rpctest.Reply{Body: r.Body} }

func wantEcho(t *testing.T, c *rpc.Client, text string) {
	t.Helper()
	body, err := c.Call(t.Context(), "echo", wire.Message(text))
	if err != nil || string(body) != text {
		t.Errorf("echo %q: got %q, %v", text, body, err)
	}
}

func TestCallsShareOneConnection(t *testing.T) {
	const calls = 200
	var all sync.WaitGroup
	all.Add(calls)
	s := rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		all.Done()
		all.Wait() // no answer before every call is under way
		return echo(r)
	})
	c := client(t, s)
	var done sync.WaitGroup
	for i := range calls {
		done.Go(func() { wantEcho(t, c, fmt.Sprint("call ", i)) })
	}
	done.Wait()
	ids := map[int32]bool{}
	for _, r := range s.Requests() {
		ids[r.CallID] = true
		if r.User != "ada" || r.Protocol != "p" || r.Method != "echo" || r.Retry != 0 || len(r.ClientID) != 16 {
			t.Fatalf("request %+v", r)
		}
	}
	if s.Conns() != 1 || len(ids) != calls {
		t.Errorf("%d connections, %d call ids, want 1 and %d", s.Conns(), len(ids), calls)
	}
}

func TestRefusalIsTheServersOwnWords(t *testing.T) {
	s := rpctest.Serve(t, func(rpctest.Request) rpctest.Reply {
		return rpctest.Reply{Class: denied, Text: "Permission denied: user=ada\n\tat org.Foo.bar(Foo.java:1)\n\tat x"}
	})
	_, err := client(t, s).Call(t.Context(), "delete", nil)
	var re *rpc.RemoteError
	if !errors.As(err, &re) {
		t.Fatalf("got %v, want a RemoteError", err)
	}
	want := rpc.RemoteError{
		Method: "delete", Class: denied, Message: "Permission denied: user=ada",
		Stack: "\tat org.Foo.bar(Foo.java:1)\n\tat x",
	}
	if *re != want {
		t.Errorf("got %+v, want %+v", *re, want)
	}
	if err.Error() != "delete: AccessControlException: Permission denied: user=ada" {
		t.Errorf("text %q", err)
	}
	if !rpc.IsClass(err, "AccessControlException") || rpc.IsClass(err, "Exception") || len(s.Requests()) != 1 {
		t.Errorf("classes mixed up, or %d requests", len(s.Requests()))
	}
}

func TestActiveIsFound(t *testing.T) {
	for _, class := range []string{standby, observer} {
		t.Run(class, func(t *testing.T) {
			passive := rpctest.Serve(t, func(rpctest.Request) rpctest.Reply {
				return rpctest.Reply{Class: class, Text: "Operation category READ is not supported in state standby"}
			})
			active := rpctest.Serve(t, echo)
			c := client(t, passive, active)
			wantEcho(t, c, "a")
			wantEcho(t, c, "b")
			if n, m := len(passive.Requests()), len(active.Requests()); n != 1 || m != 2 {
				t.Errorf("%d and %d requests, want the active to be remembered", n, m)
			}
			if p, a := passive.Requests()[0], active.Requests()[0]; p.CallID != a.CallID || p.ClientID != a.ClientID || a.Retry != 1 {
				t.Errorf("the call was not the same one: %+v, %+v", p, a)
			}
		})
	}
}

func TestFailoverIsWaitedFor(t *testing.T) {
	var calls atomic.Int32
	handle := func(r rpctest.Request) rpctest.Reply {
		if calls.Add(1) <= 5 { // both standby while they change places
			return rpctest.Reply{Class: standby}
		}
		return echo(r)
	}
	wantEcho(t, client(t, rpctest.Serve(t, handle), rpctest.Serve(t, handle)), "x")
}

func TestBusyServerIsAskedAgain(t *testing.T) {
	for _, fatal := range []bool{false, true} { // fatal: a full queue that disconnects
		t.Run(fmt.Sprint("fatal ", fatal), func(t *testing.T) {
			var calls atomic.Int32
			s := rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
				if calls.Add(1) <= 3 {
					return rpctest.Reply{Class: retriable, Text: "Server too busy", Fatal: fatal, Close: false}
				}
				return echo(r)
			})
			other := rpctest.Serve(t, echo)
			wantEcho(t, client(t, s, other), "x")
			if n := len(other.Requests()); n != 0 || calls.Load() != 4 {
				t.Errorf("%d requests went to the other server, %d to the busy one", n, calls.Load())
			}
		})
	}
}

func TestLostCallIsRepeatedUnderItsID(t *testing.T) {
	var calls atomic.Int32
	s := rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		if calls.Add(1) <= 2 {
			return rpctest.Reply{Close: true}
		}
		return echo(r)
	})
	wantEcho(t, client(t, s), "create")
	requests := s.Requests()
	if len(requests) != 3 || s.Conns() != 3 {
		t.Fatalf("%d requests over %d connections, want 3 over 3", len(requests), s.Conns())
	}
	for i, r := range requests {
		if r.CallID != requests[0].CallID || r.ClientID != requests[0].ClientID || r.Retry != int64(i) {
			t.Errorf("try %d: %+v, the first was %+v", i, r, requests[0])
		}
	}
}

func TestIdleConnectionThatWasClosedIsReplaced(t *testing.T) {
	s := rpctest.Serve(t, echo)
	c := client(t, s)
	for i := range 3 {
		wantEcho(t, c, fmt.Sprint(i))
		s.Hangup()
	}
}

func TestHungServerEndsTheCall(t *testing.T) {
	s := rpctest.Serve(t, func(rpctest.Request) rpctest.Reply { return rpctest.Reply{None: true} })
	t.Run("by its context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := client(t, s).Call(ctx, "x", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("by its timeout", func(t *testing.T) {
		c := open(t, rpc.Config{
			Addresses: []string{s.Addr}, Protocol: "p", Auth: rpc.Simple("ada"),
			CallTimeout: 50 * time.Millisecond, FailoverTimeout: 200 * time.Millisecond,
		})
		_, err := c.Call(t.Context(), "x", nil)
		if err == nil || rpc.IsClass(err, "") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("which goes to the other server", func(t *testing.T) {
		other := rpctest.Serve(t, echo)
		c := open(t, rpc.Config{
			Addresses: []string{s.Addr, other.Addr}, Protocol: "p", Auth: rpc.Simple("ada"),
			CallTimeout: 50 * time.Millisecond, FailoverTimeout: 5 * time.Second,
		})
		wantEcho(t, c, "x")
	})
}

func TestSlowCallLeavesTheConnectionToOthers(t *testing.T) {
	s := rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		if r.Method == "slow" {
			return rpctest.Reply{None: true}
		}
		return echo(r)
	})
	c := open(t, rpc.Config{Addresses: []string{s.Addr}, Protocol: "p", Auth: rpc.Simple("ada"), CallTimeout: time.Second})
	slow := make(chan error, 1)
	go func() { _, err := c.Call(t.Context(), "slow", nil); slow <- err }()
	for {
		select {
		case err := <-slow:
			if err == nil || s.Conns() != 1 {
				t.Errorf("got %v over %d connections, want an error and one", err, s.Conns())
			}
			return
		default:
			wantEcho(t, c, "x")
		}
	}
}

func TestNobodyThere(t *testing.T) {
	s := rpctest.Serve(t, echo)
	s.Stop()
	began := time.Now()
	_, err := client(t, s, s).Call(t.Context(), "x", nil)
	if err == nil || time.Since(began) > 2*time.Second {
		t.Errorf("got %v after %v, want an error soon", err, time.Since(began))
	}
}

func TestServerThatComesBackGetsTheCallAgain(t *testing.T) {
	var stop sync.Once
	var s *rpctest.Server
	s = rpctest.Serve(t, func(rpctest.Request) rpctest.Reply {
		stop.Do(func() { go s.Stop() })
		return rpctest.Reply{None: true}
	})
	second := rpctest.Serve(t, echo)
	var dials atomic.Int32
	c := open(t, rpc.Config{
		Addresses: []string{s.Addr}, Protocol: "p", Auth: rpc.Simple("ada"),
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if dials.Add(1) > 3 { // back after three refusals
				addr = second.Addr
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	})
	wantEcho(t, c, "x")
}

func TestMalformedAnswers(t *testing.T) {
	for name, raw := range map[string][]byte{
		"http":              []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"length over all":   {0xff, 0xff, 0xff, 0xff},
		"empty frame":       {0, 0, 0, 0},
		"header cut short":  {0, 0, 0, 2, 200, 1},
		"header of rubbish": {0, 0, 0, 3, 2, 0xff, 0xff},
		"no body":           {0, 0, 0, 5, 4, 8, 1, 16, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := rpctest.Serve(t, func(rpctest.Request) rpctest.Reply { return rpctest.Reply{Raw: raw} })
			_, err := client(t, s).Call(t.Context(), "x", nil)
			if !errors.Is(err, wire.ErrMalformed) || len(s.Requests()) != 1 {
				t.Errorf("got %v after %d requests, want ErrMalformed at once", err, len(s.Requests()))
			}
		})
	}
}

func TestFatalRefusalOfTheConnection(t *testing.T) {
	refused := rpctest.Reply{Class: denied, Text: "SIMPLE authentication is not enabled.  Available:[TOKEN, KERBEROS]", Fatal: true}
	frame := func() []byte { // as Server.doSaslReply sends it, under the call id of SASL
		head := wire.Message(nil).Int(1, -33).Uint(2, 2).Str(4, refused.Class).Str(5, refused.Text)
		out := wire.AppendDelimited([]byte{0, 0, 0, 0}, head)
		out[3] = byte(len(out) - 4)
		return out
	}
	s := rpctest.Serve(t, func(rpctest.Request) rpctest.Reply { return rpctest.Reply{Raw: frame(), Close: true} })
	_, err := client(t, s).Call(t.Context(), "stat", nil)
	if !rpc.IsClass(err, "AccessControlException") || len(s.Requests()) != 1 {
		t.Errorf("got %v after %d requests", err, len(s.Requests()))
	}
}

func TestCloseEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	asked := make(chan struct{}, 1)
	s := rpctest.Serve(t, func(rpctest.Request) rpctest.Reply { asked <- struct{}{}; return rpctest.Reply{None: true} })
	c := client(t, s)
	failed := make(chan error, 1)
	go func() { _, err := c.Call(t.Context(), "x", nil); failed <- err }()
	<-asked
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, rpc.ErrClosed) {
		t.Errorf("call under way: %v, want ErrClosed", err)
	}
	if _, err := c.Call(t.Context(), "x", nil); !errors.Is(err, rpc.ErrClosed) {
		t.Errorf("call afterwards: %v, want ErrClosed", err)
	}
	s.Stop()
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

package hbase

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

func TestWhatMayBeRepeated(t *testing.T) {
	remote := func(class, msg string) error {
		return &RemoteError{Class: class, Message: msg}
	}
	for _, tc := range []struct {
		err     error
		refused bool
		unsent  bool
		lost    bool
	}{
		{remote("org.apache.hadoop.hbase.ipc.ServerNotRunningYetException", ""), true, false, false},
		{remote("org.apache.hadoop.hbase.PleaseHoldException", "Master is initializing"), true, false, false},
		{remote("org.apache.hadoop.hbase.CallQueueTooBigException", ""), true, false, false},
		// All of these say do_not_retry=false on the wire, and repeat for ever.
		{remote("java.io.IOException", "Replication peer modification disabled"), false, false, false},
		{remote("java.io.IOException", "Table 't' must be disabled in order to perform a restore operation."), false, false, false},
		{&ConnError{Server: "h:1", Err: errors.New("refused")}, false, true, false},
		{&ConnError{Server: "h:1", Method: "AddReplicationPeer", Err: errors.New("reset")}, false, false, true},
		{failed("find master of", "k", errNotPublished), false, true, false},
		{errForgotten, false, false, false},
	} {
		if r, u, l := refusedBefore(tc.err), unsent(tc.err), lost(tc.err); r != tc.refused || u != tc.unsent || l != tc.lost {
			t.Errorf("%v: refused %t, unsent %t, lost %t", tc.err, r, u, l)
		}
	}
}

func TestRetryTellsWhyItGaveUp(t *testing.T) {
	cause := errors.New("still refused")
	ctx, cancel := context.WithTimeout(t.Context(), 120*time.Millisecond)
	defer cancel()
	tries := 0
	err := retryWhile(ctx, func(err error) bool { return errors.Is(err, cause) }, func(context.Context) error {
		tries++
		return cause
	})
	if tries < 2 || !errors.Is(err, cause) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%d tries, %v: want several, and both errors", tries, err)
	}
	other := errors.New("final")
	if err := retryWhile(t.Context(), func(err error) bool { return !errors.Is(err, other) }, func(context.Context) error { return other }); !errors.Is(err, other) {
		t.Errorf("got %v", err)
	}
}

// silent accepts connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return l.Addr().String()
}

func TestDeadlinesHoldWhileZooKeeperIsSilent(t *testing.T) {
	for name, quorum := range map[string]string{"silent": silent(t), "refusing": "127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			c, err := Open(Config{Quorum: quorum})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			began := time.Now()
			if _, err = c.Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the deadline", err)
			}
			if name == "refusing" && !strings.Contains(err.Error(), "connection refused") {
				t.Errorf("error hides the cause: %v", err)
			}
			t.Log(err)
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			if _, err := c.ClusterID(t.Context()); !errors.Is(err, ErrClosed) {
				t.Errorf("after Close: %v, want ErrClosed", err)
			}
			if _, err := c.RegionServer(t.Context(), quorum, AdminService); !errors.Is(err, ErrClosed) {
				t.Errorf("after Close: %v, want ErrClosed", err)
			}
		})
	}
}

func TestErrorsNameOperationOnce(t *testing.T) {
	wire := &RemoteError{Class: "org.apache.hadoop.hbase.TableNotFoundException", Message: "t", Method: "GetTableState", Server: "h:1"}
	err := failed("read state of table", "t", wire)
	if got, want := err.Error(), "read state of table t: table does not exist"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(err, ErrTableNotFound) || !IsClass(err, "TableNotFoundException") {
		t.Error("sentinel or class is lost")
	}
	if failed("x", "y", nil) != nil {
		t.Error("nil became an error")
	}
}

func TestNonces(t *testing.T) {
	// A key must give the same nonce in every release: an activity may be
	// retried by a newer worker.
	if got, want := NonceFor("run/fence"), Nonce(985055590184811632); got != want {
		t.Errorf("nonce %d, want %d", got, want)
	}
	a, b := NonceFor("run/fence"), NonceFor("run/fence")
	if a != b || a == NonceFor("run/scope") || a.with("x") == a.with("y") || a.with("x") == a {
		t.Error("nonces are not stable or not distinct")
	}
	g, n := a.pair()
	if g == nil || n == nil || *g == 0 || *n != uint64(a) || *g == *n {
		t.Errorf("pair %v %v", g, n)
	}
	if g, n := Nonce(0).pair(); g != nil || n != nil {
		t.Error("no nonce sends one")
	}
}

// Two drops without a nonce were one intent to the master, which answered the
// second with the first one's procedure and dropped nothing.
func TestNoNonceStaysNoneInEveryStep(t *testing.T) {
	if n := Nonce(0).with("disable"); n != 0 {
		t.Errorf("a step of no intent has nonce %d, want none", n)
	}
}

func TestProcedureFailureLooksLikeAThrownOne(t *testing.T) {
	class, text := "org.apache.hadoop.hbase.TableNotEnabledException", "org.apache.hadoop.hbase.TableNotEnabledException: t\n\tat x.y(Z.java:1)"
	err := procedureFailure(&hbasepb.ForeignExceptionMessage{GenericException: &hbasepb.GenericExceptionMessage{ClassName: &class, Message: &text}})
	var r *RemoteError
	if !IsClass(err, "TableNotEnabledException") || !errors.As(err, &r) || r.Message != "t" {
		t.Errorf("got %v", err)
	}
	if procedureFailure(nil) != nil {
		t.Error("no exception became an error")
	}
}

func TestProceduresAreFoundByTableName(t *testing.T) {
	state := func(n string) []byte {
		name, err := ParseTableName(n)
		if err != nil {
			t.Fatal(err)
		}
		b, err := proto.Marshal(name.Proto())
		if err != nil {
			t.Fatal(err)
		}
		return append(append([]byte{0x0a, 3, 1, 2, 3}, b...), 9)
	}
	p := Procedure{state: [][]byte{state("ns:orders")}}
	for n, want := range map[string]bool{"ns:orders": true, "ns:order": false, "orders": false, "s:orders": false, "ns:orders2": false} {
		name, _ := ParseTableName(n)
		field, err := proto.Marshal(name.Proto())
		if err != nil {
			t.Fatal(err)
		}
		if got := p.mentions(field); got != want {
			t.Errorf("procedure on ns:orders mentions %s: %t", n, got)
		}
	}
}

func TestAReadThatIsDroppedIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		if err := bounded(t.Context(), "h:1", "GetTableState", hang); !lost(err) {
			t.Errorf("got %v, want a lost answer", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := bounded(ctx, "h:1", "GetTableState", hang); lost(err) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the caller's deadline", err)
		}
	})
}

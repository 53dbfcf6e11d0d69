package namenode_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/hadoop/rpc/rpctest"
	"drover/internal/hadoop/wire"
)

// fake returns a client of a fake NameNode.
func fake(t *testing.T, handle func(rpctest.Request) rpctest.Reply) (*namenode.Client, *rpctest.Server) {
	t.Helper()
	s := rpctest.Serve(t, handle)
	c, err := namenode.Open(namenode.Config{Addresses: []string{s.Addr}, User: "ada", CallTimeout: 5 * time.Second, FailoverTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, s
}

// status is an answer with a HdfsFileStatusProto.
func status(name string) wire.Message {
	return wire.Message(nil).Uint(1, 2).Str(2, name).Uint(3, 7).Raw(4, wire.Message(nil).Uint(1, 0o644)).
		Str(5, "ada").Str(6, "staff").Uint(7, 1).Uint(8, 2).Uint(13, 99)
}

func TestCreateWhoseConnectionIsLostIsTheSameCallAgain(t *testing.T) {
	var calls atomic.Int32
	c, s := fake(t, func(rpctest.Request) rpctest.Reply {
		if calls.Add(1) == 1 {
			return rpctest.Reply{Close: true}
		}
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, status(""))}
	})
	got, err := c.Create(t.Context(), "/f", namenode.CreateOptions{Replication: 1, BlockSize: 1 << 20})
	if err != nil || got.FileID != 99 {
		t.Fatalf("got %+v, %v", got, err)
	}
	first, second := s.Requests()[0], s.Requests()[1]
	if first.CallID != second.CallID || first.ClientID != second.ClientID || second.Retry != 1 || !slices.Equal(first.Body, second.Body) {
		t.Errorf("first %+v, then %+v", first, second)
	}
}

func TestErrorsSayWhatTheyAre(t *testing.T) {
	for class, want := range map[string]struct {
		err  error
		kind fault.Kind
	}{
		"java.io.FileNotFoundException":                                        {fs.ErrNotExist, fault.NotFound},
		"org.apache.hadoop.security.AccessControlException":                    {fs.ErrPermission, fault.Denied},
		"org.apache.hadoop.hdfs.protocol.NSQuotaExceededException":             {namenode.ErrQuota, fault.Unavailable},
		"org.apache.hadoop.hdfs.server.namenode.SafeModeException":             {namenode.ErrSafeMode, fault.Unavailable},
		"org.apache.hadoop.hdfs.protocol.SnapshotException":                    {namenode.ErrSnapshot, fault.Conflict},
		"org.apache.hadoop.ipc.RpcNoSuchMethodException":                       {errors.ErrUnsupported, fault.Unsupported},
		"org.apache.hadoop.hdfs.server.namenode.NotReplicatedYetException":     {namenode.ErrNotReplicatedYet, fault.Unavailable},
		"org.apache.hadoop.hdfs.server.namenode.LeaseExpiredException":         {namenode.ErrLeaseLost, fault.Unavailable},
		"org.apache.hadoop.hdfs.protocol.UnresolvedPathException":              {namenode.ErrSymlink, fault.Unsupported},
		"org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException":         {namenode.ErrBeingWritten, fault.Unavailable},
		"org.apache.hadoop.fs.PathIsNotEmptyDirectoryException":                {namenode.ErrNotEmpty, fault.Conflict},
		"org.apache.hadoop.hdfs.UnknownCryptoProtocolVersionException":         {errors.ErrUnsupported, fault.Unsupported},
		"org.apache.hadoop.hdfs.server.namenode.SomethingNobodyHeardOf$Nested": {nil, fault.Unknown},
	} {
		c, _ := fake(t, func(rpctest.Request) rpctest.Reply { return rpctest.Reply{Class: class, Text: "its words\n\tat x"} })
		err := c.SetPermission(t.Context(), "/a b", 0o600)
		if want.err != nil && !errors.Is(err, want.err) || fault.KindOf(err) != want.kind {
			t.Errorf("%s: got %v of kind %q, want %v of %q", class, err, fault.KindOf(err), want.err, want.kind)
		}
		short := class[strings.LastIndexAny(class, ".$")+1:]
		if text := err.Error(); !strings.HasPrefix(text, "set permission of /a b: ") || !strings.HasSuffix(text, short+": its words") {
			t.Errorf("%s: text %q", class, text)
		}
	}
}

func TestNotToBeAllowedIsAnAnswer(t *testing.T) {
	for class, want := range map[string]struct {
		may  bool
		kind fault.Kind
	}{
		"": {true, fault.Unknown}, "org.apache.hadoop.security.AccessControlException": {false, fault.Unknown},
		"java.io.FileNotFoundException": {false, fault.NotFound},
	} {
		c, s := fake(t, func(rpctest.Request) rpctest.Reply { return rpctest.Reply{Class: class, Text: "no"} })
		may, err := c.MayWrite(t.Context(), "/d")
		if may != want.may || fault.KindOf(err) != want.kind {
			t.Errorf("%q: %v, %v, want %v and kind %q", class, may, err, want.may, want.kind)
		}
		if asked := s.Requests()[0]; !slices.Equal(asked.Body, wire.Message(nil).Str(1, "/d").Uint(2, 2)) {
			t.Errorf("asked %q", asked.Body)
		}
		if may, err = c.MayList(t.Context(), "/d"); may != want.may || fault.KindOf(err) != want.kind {
			t.Errorf("to list, %q: %v, %v, want %v and kind %q", class, may, err, want.may, want.kind)
		}
		if asked := s.Requests()[1]; !slices.Equal(asked.Body, wire.Message(nil).Str(1, "/d").Uint(2, 5)) {
			t.Errorf("asked %q", asked.Body)
		}
	}
}

func TestFullDataNodesAreNamed(t *testing.T) {
	for _, text := range []string{
		"File /f could only be written to 0 of the 1 minReplication nodes. There are 1 datanode(s) running and no node(s) are excluded in this operation.",
		"File /f could only be replicated to 0 nodes instead of minReplication (=1).  There are 1 datanode(s) running and no node(s) are excluded in this operation.",
	} {
		c, _ := fake(t, func(rpctest.Request) rpctest.Reply { return rpctest.Reply{Class: "java.io.IOException", Text: text} })
		_, err := c.AddBlock(t.Context(), "/f", nil, namenode.AddBlockOptions{})
		if !errors.Is(err, namenode.ErrNoRoom) || fault.KindOf(err) != fault.Unavailable || !strings.HasSuffix(err.Error(), text) {
			t.Errorf("got %v of kind %q, want ErrNoRoom with the server's words", err, fault.KindOf(err))
		}
	}
}

func TestAbsenceIsAnEmptyAnswer(t *testing.T) {
	c, _ := fake(t, func(rpctest.Request) rpctest.Reply { return rpctest.Reply{} })
	_, err := c.Stat(t.Context(), "/f")
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "stat /f: file does not exist" {
		t.Errorf("stat: %v", err)
	}
	if err := c.List(t.Context(), "/f", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("list: %v", err)
	}
	if _, err := c.Blocks(t.Context(), "/f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("blocks: %v", err)
	}
	if _, err := c.AddBlock(t.Context(), "/f", nil, namenode.AddBlockOptions{}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("add block: %v", err)
	}
}

func TestSnapshotsOfAnOldNameNode(t *testing.T) {
	c, _ := fake(t, func(r rpctest.Request) rpctest.Reply {
		if r.Method != "getListing" {
			return rpctest.Reply{Class: "org.apache.hadoop.ipc.RpcNoSuchMethodException", Text: "Unknown method " + r.Method}
		}
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Raw(1, status("s1")).Uint(2, 0))}
	})
	got, err := c.Snapshots(t.Context(), "/d")
	if err != nil || len(got) != 1 || got[0] != (namenode.Snapshot{Name: "s1", ModTime: 1}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDiffPagesUntilTheCursorEnds(t *testing.T) {
	var cursors []string
	entry := wire.Message(nil).Str(1, "x").Uint(2, 1).Bool(3, false)
	c, _ := fake(t, func(r rpctest.Request) rpctest.Reply {
		cursor := ""
		wire.Fields(r.Body, func(n wire.Number, _ uint64, raw []byte) error { //nolint:errcheck // our own bytes
			if n == 4 {
				cursor = string(raw)
			}
			return nil
		})
		cursors = append(cursors, cursor) // one call at a time
		next := wire.Message(nil).Str(1, "").Int(2, -1)
		if len(cursors) < 3 {
			next = wire.Message(nil).Str(1, "a").Int(2, int64(len(cursors)))
		}
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Raw(2, entry).Bool(4, true).Raw(5, next))}
	})
	entries := 0
	err := c.SnapshotDiffListing(t.Context(), "/d", "s1", "s2", func(p namenode.DiffPage) error {
		entries += len(p.Created)
		return nil
	})
	want := []string{
		string(wire.Message(nil).Str(1, "").Int(2, -1)),
		string(wire.Message(nil).Str(1, "a").Int(2, 1)),
		string(wire.Message(nil).Str(1, "a").Int(2, 2)),
	}
	if err != nil || entries != 3 || !slices.Equal(cursors, want) {
		t.Errorf("%d entries, cursors %q, %v", entries, cursors, err)
	}
}

func TestListingThatGetsNowhereEnds(t *testing.T) {
	c, _ := fake(t, func(rpctest.Request) rpctest.Reply {
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Uint(2, 5))}
	})
	if err := c.List(t.Context(), "/d", nil); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("got %v", err)
	}
}

func TestDefaultsAreAskedForOnce(t *testing.T) {
	c, s := fake(t, func(r rpctest.Request) rpctest.Reply {
		if r.Method == "getServerDefaults" {
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Uint(1, 1<<20).Uint(4, 3))}
		}
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, status(""))}
	})
	for range 3 {
		if _, err := c.Create(t.Context(), "/f", namenode.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.Requests()); n != 4 {
		t.Errorf("%d calls, want 4", n)
	}
}

func TestNamesAreOrderedAsHDFSOrdersThem(t *testing.T) {
	want := []string{"", "ä", "äa", "ö", "\xf0", "A", "a", "a b", "a-b", "aä", "ab"}
	slices.SortFunc(want, namenode.CompareNames)
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, namenode.CompareNames)
	if !slices.Equal(got, want) || namenode.CompareNames("ä", "a") >= 0 || namenode.CompareNames("aä", "ab") >= 0 || namenode.CompareNames("a", "ab") >= 0 {
		t.Errorf("order %q", want)
	}
}

func TestLeaseIsKeptWhileFilesAreOpen(t *testing.T) {
	c, _ := fake(t, func(rpctest.Request) rpctest.Reply { return rpctest.Reply{} })
	first, second := c.KeepLease(t.Context()), c.KeepLease(t.Context())
	first()
	first() // a second time is nothing
	second()
	third := c.KeepLease(t.Context())
	defer third() // after Close: the client ends it first
}

// FuzzAnswers gives every decoder bytes no NameNode would send.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(wire.Message(nil).Raw(1, status("n"))))
	f.Add([]byte(wire.Message(nil).Raw(1, wire.Message(nil).Raw(1, status("n")).Uint(2, 0))))
	block := wire.Message(nil).Raw(1, wire.Message(nil).Str(1, "p").Uint(2, 1).Uint(3, 2).Uint(4, 3)).Uint(2, 0).
		Raw(3, wire.Message(nil).Raw(1, wire.Message(nil).Str(1, "127.0.0.1").Str(2, "h").Str(3, "u").Uint(4, 5)))
	f.Add([]byte(wire.Message(nil).Raw(1, wire.Message(nil).Uint(1, 3).Raw(2, block).Raw(4, block))))
	f.Fuzz(func(_ *testing.T, b []byte) {
		for _, decode := range namenode.Decoders() {
			decode(b) //nolint:errcheck // must not panic
		}
	})
}

func TestClosedClient(t *testing.T) {
	c, _ := fake(t, func(rpctest.Request) rpctest.Reply { return rpctest.Reply{None: true} })
	release := c.KeepLease(t.Context())
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	release()
	if _, err := c.Stat(context.WithoutCancel(t.Context()), "/f"); err == nil {
		t.Error("a closed client called")
	}
}

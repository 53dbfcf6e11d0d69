package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"drover/internal/hadoop/rpc/rpctest"
	"drover/internal/hadoop/wire"
)

// awaited is an output that tells when words came.
type awaited struct {
	words string
	came  chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
	once sync.Once
}

func await(words string) *awaited { return &awaited{words: words, came: make(chan struct{})} }

func (w *awaited) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.text.Write(p)
	if strings.Contains(w.text.String(), w.words) {
		w.once.Do(func() { close(w.came) })
	}
	return n, err
}

func (w *awaited) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// diffEntry is an entry of a page: path, inode of its list, and whether it is a
// directory or moved.
func diffEntry(path string, dir, id uint64, reference bool) wire.Message {
	return wire.Message(nil).Str(1, path).Uint(2, dir).Bool(3, reference).Uint(5, id)
}

// aDirectory is the answer to getFileInfo of one.
func aDirectory() rpctest.Reply {
	return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Uint(1, 1).Str(2, "").Uint(3, 0).
		Raw(4, wire.Message(nil).Uint(1, 0o755)).Str(5, "etl").Str(6, "etl").Uint(7, 1).Uint(8, 0))}
}

// pagedNameNode serves a difference in two pages, the second not before the
// first was printed.
func pagedNameNode(t *testing.T, printed <-chan struct{}) string {
	root := diffEntry("", 1, 1, true)
	moved := diffEntry("d", 1, 8, true).Str(4, "e\nf")
	pages := []wire.Message{
		wire.Message(nil).Raw(1, root).Raw(2, diffEntry("new", 1, 7, false)).Raw(2, diffEntry("e\nf", 1, 8, true)).Bool(4, true).
			Raw(5, wire.Message(nil).Str(1, "").Int(2, 2)),
		wire.Message(nil).Raw(3, moved).Raw(3, diffEntry("gone", 1, 9, false)).Bool(4, true).
			Raw(5, wire.Message(nil).Str(1, "").Int(2, -1)),
	}
	s := rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		switch r.Method {
		case "getFileInfo":
			return aDirectory()
		case "getSnapshotDiffReportListing":
			page := 0
			if bytes.Contains(r.Body, wire.Message(nil).Str(1, "").Int(2, 2)) {
				<-printed
				page = 1
			}
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, pages[page])}
		}
		return rpctest.Reply{Class: "org.apache.hadoop.ipc.RpcNoSuchMethodException", Text: r.Method}
	})
	return "hdfs://" + s.Addr + "/data"
}

// TestAChangeIsPrintedBeforeTheNextIsKnown: a difference of millions is not
// collected first.
func TestAChangeIsPrintedBeforeTheNextIsKnown(t *testing.T) {
	t.Setenv("DROVER_CONFIG", "")
	for name, c := range map[string]struct {
		args  []string
		first string
		want  []string
	}{
		"text": {nil, "+\t./new\n", []string{
			"Difference between snapshot s1 and snapshot s2 under directory ", "M\t.\n+\t./new\n", "R\t./d -> \"./e\\nf\"\n", "-\t./gone\n",
			"differ: 1 created, 1 deleted, 1 renamed, 1 modified\n",
		}},
		"json": {[]string{"--json"}, `{"k":"+","p":"new","id":7}` + "\n", []string{
			`{"k":"R","p":"d","t":"e\nf","id":8}` + "\n", `{"verdict":"differ","location":"hdfs://`, `"from":"s1","to":"s2","created":1,"deleted":1,"renamed":1,"modified":1}` + "\n",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			out, talk := await(c.first), &strings.Builder{}
			stop := context.AfterFunc(ctx, func() { out.once.Do(func() { close(out.came) }) })
			defer stop()
			code := run(ctx, append([]string{"diff", "--from", "s1", "--to", "s2", pagedNameNode(t, out.came)}, c.args...), strings.NewReader(""), out, talk)
			if code != codeFailed || ctx.Err() != nil || !strings.Contains(talk.String(), "4 changes from snapshot s1 to snapshot s2") {
				t.Errorf("exit code %d, %v, said %q; want %d and the number of changes", code, ctx.Err(), talk, codeFailed)
			}
			for _, words := range append(c.want, c.first) {
				if !strings.Contains(out.String(), words) {
					t.Errorf("printed\n%s\nwant %q", out, words)
				}
			}
		})
	}
}

// TestNoChangeIsNoMatch: what a difference of snapshots does not show may have
// changed, and the same snapshot twice is the same.
func TestNoChangeIsNoMatch(t *testing.T) {
	t.Setenv("DROVER_CONFIG", "")
	s := rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		if r.Method == "getFileInfo" {
			return aDirectory()
		}
		end := wire.Message(nil).Str(1, "").Int(2, -1)
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Bool(4, true).Raw(5, end))}
	})
	for to, want := range map[string]string{"s2": "unproven: 0 created, 0 deleted, 0 renamed, 0 modified; times alone", "s1": "match: 0 created"} {
		out, talk := &strings.Builder{}, &strings.Builder{}
		code := run(t.Context(), []string{"diff", "--from", "s1", "--to", to, "hdfs://" + s.Addr + "/data"}, strings.NewReader(""), out, talk)
		if code != codeOK || !strings.Contains(out.String(), want) {
			t.Errorf("to %s: exit code %d, %q %q; want 0 and %q", to, code, out, talk, want)
		}
	}
}

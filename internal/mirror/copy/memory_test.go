package copy

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"drover/internal/hadoop/namenode"
	"drover/internal/hadoop/rpc/rpctest"
	"drover/internal/hadoop/wire"
	"drover/internal/heaptest"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/tree"
)

// filesNew is how many files the new directory of hugeDirectory has.
const filesNew = 400_000

func statusOf(kind uint64, name string, id uint64) wire.Message {
	return wire.Message(nil).Uint(1, kind).Str(2, name).Uint(3, 4096).Raw(4, wire.Message(nil).Uint(1, 0o755)).
		Str(5, "ada").Str(6, "staff").Uint(7, 1).Uint(8, 2).Uint(10, 3).Uint(11, 128<<20).Uint(13, id).Uint(14, 1)
}

// hugeDirectory is a NameNode with one directory of very many files.
func hugeDirectory(t *testing.T) *namenode.Client {
	t.Helper()
	const a = 1000 // page
	s := rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		switch r.Method {
		case "getFileInfo", "getFileLinkInfo":
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, statusOf(1, "", 7))}
		case "getListing":
			first := 0
			_ = wire.Fields(r.Body, func(n wire.Number, _ uint64, raw []byte) error {
				if n == 2 && len(raw) > 0 {
					last, err := strconv.Atoi(string(raw[len(raw)-8:]))
					first = last + 1
					return err
				}
				return nil
			})
			m := wire.Message(nil)
			for i := first; i < min(first+a, filesNew); i++ {
				m = m.Raw(1, statusOf(2, fmt.Sprintf("part-of-a-large-new-directory-%08d", i), uint64(100+i)))
			}
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, m.Uint(2, uint64(max(0, filesNew-first-a))))}
		}
		return rpctest.Reply{}
	})
	nn, err := namenode.Open(namenode.Config{Addresses: []string{s.Addr}, User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := nn.Close(); err != nil {
			t.Error(err)
		}
	})
	return nn
}

// TestANewDirectoryOfVeryManyFilesIsNotHeld: one change of a diff may stand for
// any number of files.
func TestANewDirectoryOfVeryManyFilesIsNotHeld(t *testing.T) {
	nn := hugeDirectory(t)
	at := tree.Tree{NN: nn, Root: "/data"}
	change := plan.Copy{Path: "huge", Walk: true}
	var told []plan.Copy
	used := heaptest.Peak(func() {
		err := Supported(t.Context(), at, slices.Values([]plan.Copy{change}), func(c plan.Copy) error {
			told = append(told, c)
			return nil
		})
		if err == nil {
			err = FinishChanges(t.Context(), at, at, told, Options{Preserve: tree.Everything()})
		}
		if err != nil {
			t.Error(err)
		}
	})
	if len(told) != 1 || !told[0].Dir || !told[0].DirKnown || !told[0].Walk {
		t.Errorf("told %+v, want a directory that is walked", told)
	}
	t.Logf("%d MiB", used>>20)
	if used > 48<<20 {
		t.Errorf("%d MiB of heap for a new directory of %d files, want less than 48", used>>20, filesNew)
	}
	entries := int64(0)
	used = heaptest.Peak(func() {
		// Without attributes: the fake remembers every call.
		err := inOrder(t.Context(), slices.Values(told), func(ctx context.Context, c plan.Copy, found func(tree.Entry) error) error {
			return entriesOf(ctx, at, c, false, found)
		}, func(tree.Entry) error {
			entries++
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Logf("%d MiB", used>>20)
	if entries != filesNew+1 || used > 48<<20 {
		t.Errorf("%d entries, %d MiB of heap; want %d and less than 48", entries, used>>20, filesNew+1)
	}
}

package tree

import (
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"drover/internal/hadoop/namenode"
	"drover/internal/hadoop/rpc/rpctest"
	"drover/internal/hadoop/wire"
)

// Storage policies of every HDFS (HdfsConstants).
const (
	cold = 2
	warm = 5
)

// placed is a NameNode whose paths have the policies in force that are given;
// those that end in a slash are directories.
func placed(t *testing.T, inForce map[string]byte) (*namenode.Client, func() []string) {
	t.Helper()
	status := func(p, name string) wire.Message {
		kind, policy := uint64(2), inForce[p]
		if dir, ok := inForce[p+"/"]; ok {
			kind, policy = 1, dir
		}
		return wire.Message(nil).Uint(1, kind).Str(2, name).Uint(3, 0).Raw(4, wire.Message(nil).Uint(1, 0o755)).
			Str(5, "ada").Str(6, "staff").Uint(7, 1).Uint(8, 2).Uint(14, 1).Uint(16, uint64(policy))
	}
	var mu sync.Mutex
	var said []string
	s := rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		name := ""
		if err := wire.Fields(r.Body, func(n wire.Number, _ uint64, raw []byte) error {
			if n == 1 {
				name = string(raw)
			}
			return nil
		}); err != nil {
			return rpctest.Reply{Class: "java.io.IOException", Text: err.Error()}
		}
		switch r.Method {
		case "getFileInfo", "getFileLinkInfo":
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, status(name, ""))}
		case "getListing":
			m := wire.Message(nil)
			var names []string
			for p := range inForce {
				if p = strings.TrimSuffix(p, "/"); path.Dir(p) == name {
					names = append(names, path.Base(p))
				}
			}
			slices.SortFunc(names, namenode.CompareNames)
			for _, n := range names {
				m = m.Raw(1, status(name+"/"+n, n))
			}
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, m.Uint(2, 0))}
		case "setStoragePolicy", "unsetStoragePolicy":
			mu.Lock()
			defer mu.Unlock()
			said = append(said, r.Method+" "+name)
		case "getStoragePolicies":
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Uint(1, cold).Str(2, "COLD")).Raw(1, wire.Message(nil).Uint(1, warm).Str(2, "WARM"))}
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
	return nn, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(said)
	}
}

// TestAPolicyFromAboveIsNobodysOwn, be it from a directory of the tree or from
// one that is not part of it.
func TestAPolicyFromAboveIsNobodysOwn(t *testing.T) {
	nn, _ := placed(t, map[string]byte{
		"/w/": cold, "/w/t/": cold, "/w/t/f": cold, "/w/t/d/": warm, "/w/t/d/inherits": warm, "/w/t/d/own": cold,
	})
	want := map[string]byte{"": 0, "f": 0, "d": warm, "d/inherits": 0, "d/own": cold}
	for _, root := range []string{"/w/t", "/w/t/.snapshot/s1"} {
		tr := Tree{NN: nn, Root: root}
		if root != "/w/t" {
			// A snapshot holds the same; its root lies where the tree does.
			snap, _ := placed(t, map[string]byte{"/w/": cold, root + "/": cold, root + "/f": cold, root + "/d/": warm, root + "/d/inherits": warm, root + "/d/own": cold})
			tr.NN = snap
		}
		got := map[string]byte{}
		if _, err := List(t.Context(), tr, ListOptions{Attributes: true}, func(e Entry) error {
			got[e.Path] = e.Policy
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for p, policy := range want {
			e, err := Stat(t.Context(), tr, p)
			if err != nil {
				t.Fatal(err)
			}
			if listed, ok := got[p]; !ok || listed != policy || e.Policy != policy {
				t.Errorf("%s %q: listed %d (%v), stat %d, want %d", root, p, listed, ok, e.Policy, policy)
			}
		}
	}
}

func TestOnlyOwnPoliciesAreSet(t *testing.T) {
	inForce := map[string]byte{"/p/": warm, "/p/inherits": warm, "/p/pinned": cold, "/p/plain": warm}
	for name, want := range map[string][]string{
		"inherits": nil, "pinned": {"unsetStoragePolicy /p/pinned"}, "plain": {"setStoragePolicy /p/plain"},
	} {
		nn, said := placed(t, inForce)
		e := Entry{Path: name, Kind: File, Mode: 0o755, Owner: "ada", Group: "staff", MTime: 1, ATime: 2}
		if name == "plain" {
			e.Policy = cold
		}
		if err := SetAttributes(t.Context(), nn, "/p/"+name, e, Preserve{Policy: true}); err != nil {
			t.Fatal(err)
		}
		if got := said(); !slices.Equal(got, want) {
			t.Errorf("%s: calls %v, want %v", name, got, want)
		}
	}
}

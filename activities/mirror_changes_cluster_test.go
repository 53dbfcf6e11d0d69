//go:build cluster

package activities_test

import (
	"fmt"
	"path"
	"strings"

	"drover/internal/workload/tree"
)

// firstStep is where the steps of the tree below begin: some names are those of
// steps before.
const firstStep = 3

const (
	mib = 1 << 20
	// bigBlocks is how many blocks a large file has when it is new.
	bigBlocks = 2
	bigSize   = mib + 300
)

// isNewBig tells a file that a step made, large enough to be copied in parts.
func isNewBig(name string) bool { return strings.HasPrefix(path.Base(name), "big") }

func named(kind string, step int) string { return fmt.Sprintf("%s%d", kind, step) }

// wandering is a directory that is in another one each step.
func wandering(step int) string { return path.Join(named("place", step%2), named("dir", step)) }

// firstTree is the tree that step firstStep would have left.
func firstTree() []tree.Node {
	const at = firstStep
	dirs := []string{
		"", "swap", named("place", 0), named("place", 1), wandering(at),
		named("new", at), named("new", at) + "/empty", named("turned", at-1),
	}
	files := map[string]int64{
		"swap/a": 10, "swap/b": 20, wandering(at) + "/inner": 30, "attributes": 40, named("turned", at): 70,
		named("big", at): bigSize, named("big", at-1): bigSize + 1000, named("big", at-2): mib,
	}
	var nodes []tree.Node
	for _, d := range dirs {
		nodes = append(nodes, tree.Node{Path: d, Dir: true})
	}
	for name, size := range files {
		nodes = append(nodes, tree.Node{Path: name, Content: tree.Piece{Seed: uint64(size), Bytes: size}, Attr: tree.Attr{Replication: 1, BlockSize: mib}})
	}
	return nodes
}

// changes are those of one step: every kind there is, the same ones each time.
func changes(step int) []tree.Op {
	piece := func(size int64) *tree.Piece { return &tree.Piece{Seed: uint64(step), Bytes: size} }
	create := func(name string, size int64) tree.Op {
		return tree.Op{Kind: tree.Create, Path: name, Piece: piece(size), Attr: &tree.Attr{Replication: 1, BlockSize: mib}}
	}
	mkdir := func(name string) tree.Op { return tree.Op{Kind: tree.Mkdir, Path: name} }
	rename := func(from, to string) tree.Op { return tree.Op{Kind: tree.Rename, Path: from, To: to} }
	remove := func(name string) tree.Op { return tree.Op{Kind: tree.Delete, Path: name} }
	set := func(kind tree.Kind, name string, a tree.Attr) tree.Op {
		return tree.Op{Kind: kind, Path: name, Attr: &a}
	}
	// What is set alternates, so that every step changes it.
	odd := step%2 == 1
	either := func(a, b string) string { return map[bool]string{true: a, false: b}[odd] }
	acl := []string{"user::rw-", "group::r--", "mask::rw-", "other::---", "user:" + either("alice", "bob") + ":rw-"}
	return []tree.Op{
		rename("swap/a", "swap/aside"), rename("swap/b", "swap/a"), rename("swap/aside", "swap/b"),
		rename(wandering(step-1), wandering(step)),
		set(tree.SetMode, wandering(step)+"/inner", tree.Attr{Mode: 0o600 | uint16(step%8)}),
		create(named("big", step), bigSize),
		{Kind: tree.Append, Path: named("big", step-1), Piece: piece(1000)},
		{Kind: tree.Truncate, Path: named("big", step-2), Size: mib},
		remove(named("big", step-3)),
		remove(named("new", step-1)), mkdir(named("new", step)), mkdir(named("new", step) + "/empty"),
		create(named("turned", step), 70), remove(named("turned", step-1)), mkdir(named("turned", step-1)), remove(named("turned", step-2)),
		set(tree.SetOwner, "attributes", tree.Attr{Owner: either("alice", "bob"), Group: either("staff", "analysts")}),
		set(tree.SetACL, "attributes", tree.Attr{ACL: acl}),
		set(tree.SetXAttr, "attributes", tree.Attr{XAttrs: map[string][]byte{"user.step": []byte(named("", step))}}),
		set(tree.SetRep, "attributes", tree.Attr{Replication: 1 + step%2}),
		set(tree.SetPolicy, "attributes", tree.Attr{Policy: either("HOT", "WARM")}),
	}
}

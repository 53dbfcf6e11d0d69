package tree_test

import (
	"bytes"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"drover/internal/workload/tree"
)

func TestGenerateGivesTheSameTreeForTheSameSeed(t *testing.T) {
	spec := tree.Spec{Seed: 7, Superuser: true}
	a, b := tree.Generate(spec), tree.Generate(spec)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("two trees of one seed differ:\n%s", diff)
	}
	if cmp.Equal(a, tree.Generate(tree.Spec{Seed: 8, Superuser: true})) {
		t.Error("seeds 7 and 8 give the same tree")
	}
}

func TestGenerateGivesNamesHDFSTakesParentsFirst(t *testing.T) {
	seen := map[string]bool{}
	longest, kinds := 0, map[string]bool{}
	for _, n := range tree.Generate(tree.Spec{Seed: 7}) {
		if seen[n.Path] {
			t.Errorf("%q is there twice", n.Path)
		}
		seen[n.Path] = true
		if n.Path == "" {
			continue
		}
		name := path.Base(n.Path)
		if parent := path.Dir(n.Path); parent != "." && !seen[parent] {
			t.Errorf("%q comes before its directory", n.Path)
		}
		if len(name) > 255 || !utf8.ValidString(name) || strings.Contains(name, ":") || path.Clean(n.Path) != n.Path {
			t.Errorf("HDFS does not take the name %q", n.Path)
		}
		longest = max(longest, len(name))
		kinds["acl"] = kinds["acl"] || n.Attr.ACL != nil
		kinds["xattr"] = kinds["xattr"] || n.Attr.XAttrs != nil
		kinds["policy"] = kinds["policy"] || n.Attr.Policy != ""
		kinds["several blocks"] = kinds["several blocks"] || !n.Dir && n.Content.Size() > n.Attr.BlockSize
	}
	if longest != 255 {
		t.Errorf("the longest name has %d bytes, want 255", longest)
	}
	for kind, there := range kinds {
		if !there {
			t.Errorf("no node has %s", kind)
		}
	}
}

// TestMutatorDrawsOnlyWhatItsModelTakes replays what a mutator drew on a second
// model, round after round, and wants both to stay the same tree.
func TestMutatorDrawsOnlyWhatItsModelTakes(t *testing.T) {
	drawn := map[string]int{}
	for seed := range uint64(20) {
		nodes := tree.Generate(tree.Spec{Seed: seed, Files: 40, Dirs: 10, Depth: 8, Wide: 10})
		one, two := model(t, tree.All(nodes)), model(t, tree.All(nodes))
		m := tree.NewMutator(one, seed, tree.MutatorOptions{})
		for range 10 {
			ops, err := m.Draw(30)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for _, op := range ops {
				drawn[op.As]++
				if err := two.Apply(op); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
		if diff := cmp.Diff(summary(t, one), summary(t, two)); diff != "" {
			t.Fatalf("seed %d: a replay gives another tree:\n%s", seed, diff)
		}
	}
	for _, as := range tree.Changes() {
		if drawn[as] == 0 {
			t.Errorf("no change %q was drawn", as)
		}
	}
}

func TestMutatorDrawsTheSameForTheSameSeed(t *testing.T) {
	draw := func() []tree.Op {
		m := tree.NewMutator(model(t, tree.All(tree.Generate(tree.Spec{Seed: 3}))), 4, tree.MutatorOptions{})
		ops, err := m.Draw(200)
		if err != nil {
			t.Fatal(err)
		}
		return ops
	}
	if diff := cmp.Diff(draw(), draw()); diff != "" {
		t.Error(diff)
	}
}

// TestModelKnowsTheBytes follows one file through every op on its content.
func TestModelKnowsTheBytes(t *testing.T) {
	m := model(t, tree.All([]tree.Node{{Dir: true}}))
	for _, op := range []tree.Op{
		{Kind: tree.Create, Path: "f", Piece: &tree.Piece{Seed: 1, Bytes: 1000}},
		{Kind: tree.Append, Path: "f", Piece: &tree.Piece{Seed: 2, Bytes: 500}},
		{Kind: tree.Truncate, Path: "f", Size: 1200},
		{Kind: tree.Append, Path: "f", Piece: &tree.Piece{Seed: 3, Bytes: 7}},
		{Kind: tree.MoveOut, Path: "f", To: "away"},
		{Kind: tree.MoveIn, Path: "away", To: "g"},
	} {
		if err := m.Apply(op); err != nil {
			t.Fatal(err)
		}
	}
	want := slices.Concat(read(t, tree.Piece{Seed: 1, Bytes: 1000}), read(t, tree.Piece{Seed: 2, Bytes: 200}), read(t, tree.Piece{Seed: 3, Bytes: 7}))
	nodes := m.Nodes()
	if len(nodes) != 2 || nodes[1].Path != "g" || !bytes.Equal(read(t, nodes[1].Content), want) {
		t.Errorf("got %+v with other bytes than were written", nodes)
	}
}

func TestModelRefusesWhatHDFSRefuses(t *testing.T) {
	for _, op := range []tree.Op{
		{Kind: tree.Create, Path: "d"},
		{Kind: tree.Create, Path: "none/f"},
		{Kind: tree.Create, Path: "f"},
		{Kind: tree.Rename, Path: "d", To: "d/e/x"},
		{Kind: tree.Rename, Path: "f", To: "d"},
		{Kind: tree.Rename, Path: "none", To: "x"},
		{Kind: tree.Delete, Path: "none"},
		{Kind: tree.MoveIn, Path: "none", To: "x"},
	} {
		m := model(t, tree.All([]tree.Node{{Dir: true}, {Path: "d", Dir: true}, {Path: "d/e", Dir: true}, {Path: "f"}}))
		if err := m.Apply(op); err == nil {
			t.Errorf("%+v was taken", op)
		}
	}
}

func TestUniformGivesTheSameFilesInTreesOfAnySize(t *testing.T) {
	small := collect(t, tree.Uniform{Seed: 1, Dirs: 2, Files: 6, Size: 10}.Nodes())
	large := collect(t, tree.Uniform{Seed: 1, Dirs: 20, Files: 60, Size: 10}.Nodes())
	if len(small) != 9 || len(large) != 81 {
		t.Fatalf("got %d and %d nodes, want 9 and 81", len(small), len(large))
	}
	if diff := cmp.Diff(small, large[:9]); diff != "" {
		t.Error(diff)
	}
}

func TestLocalTakesOverWhatHDFSCanHold(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a/b.txt": "hello", "a/c:d": "colon", "e": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("e", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range collect(t, tree.Local{Dir: dir}.Nodes()) {
		if n.Dir {
			got = append(got, n.Path+"/")
			continue
		}
		got = append(got, n.Path+"="+string(read(t, n.Content)))
	}
	if diff := cmp.Diff([]string{"/", "a/", "a/b.txt=hello", "e="}, got); diff != "" {
		t.Error(diff)
	}
}

func model(t *testing.T, nodes tree.Nodes) *tree.Model {
	t.Helper()
	m, err := tree.NewModel(nodes)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// summary is a line for each node, its content by length and digest of a part.
func summary(t *testing.T, m *tree.Model) []string {
	t.Helper()
	var out []string
	for _, n := range m.Nodes() {
		line := n.Path
		if n.Dir {
			line += "/"
		} else if n.Content != nil {
			line += " " + tree.Digest(read(t, n.Content))
		}
		out = append(out, line)
	}
	return out
}

func collect(t *testing.T, nodes tree.Nodes) []tree.Node {
	t.Helper()
	var out []tree.Node
	for n, err := range nodes {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

func read(t *testing.T, c tree.Content) []byte {
	t.Helper()
	r, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

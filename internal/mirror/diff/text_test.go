package diff_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
)

// inodes are what is at which path.
type inodes map[string]uint64

func (n inodes) Snapshots(context.Context, string) ([]namenode.Snapshot, error) {
	return []namenode.Snapshot{{Name: "s1", ID: 1}, {Name: "s2", ID: 2}}, nil
}

func (n inodes) StatLink(_ context.Context, path string) (namenode.Status, error) {
	id, there := n[path]
	if !there {
		return namenode.Status{}, fmt.Errorf("stat %s: %w", path, fs.ErrNotExist)
	}
	return namenode.Status{FileID: id}, nil
}

// between are two snapshots of one tree: d became e with its child x, f went,
// g was replaced, kept stayed.
func between() inodes {
	n := inodes{}
	for path, id := range map[string]uint64{"": 1, "/d": 2, "/d/x": 3, "/f": 4, "/g": 5, "/kept": 6} {
		n["/t/.snapshot/s1"+path] = id
	}
	for path, id := range map[string]uint64{"": 1, "/e": 2, "/e/x": 3, "/e/new": 7, "/g": 8, "/kept": 6} {
		n["/t/.snapshot/s2"+path] = id
	}
	return n
}

// TestAForgedEntryIsFoundOut: the name of an entry may hold a line break and
// continue as another entry does.
func TestAForgedEntryIsFoundOut(t *testing.T) {
	const forth = "Difference between snapshot s1 and snapshot s2 under directory /t:\n"
	const back = "Difference between snapshot s2 and snapshot s1 under directory /t:\n"
	const changed = "M\t.\nR\t./d -> ./e\nM\t./d\nM\t./d/x\n+\t./d/new\n-\t./f\n-\t./g\n+\t./g\n"
	const turned = "M\t.\nR\t./e -> ./d\nM\t./d\nM\t./d/x\n-\t./d/new\n+\t./f\n-\t./g\n+\t./g\n"
	for name, c := range map[string]struct{ text, words string }{
		"as it is":                     {forth + changed, ""},
		"the way back":                 {back + turned, ""},
		"a deletion of what is there":  {forth + changed + "-\t./kept\n", `- "kept"`},
		"a deletion of what never was": {forth + changed + "-\t./a\n", `- "a"`},
		"a creation of what was there": {forth + changed + "+\t./kept\n", `+ "kept"`},
		"a creation of nothing":        {forth + changed + "+\t./a\n", `+ "a"`},
		"a change of what is gone":     {forth + changed + "M\t./f\n", `M "f"`},
		"a change of another":          {forth + changed + "M\t./g\n", `M "g"`},
		"a rename of another":          {forth + "R\t./f -> ./g\n", `R "f" "g"`},
		"a deletion, back":             {back + turned + "-\t./kept\n", `- "kept"`},
		"the other way":                {back + changed, "the snapshots do not"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := plan.Parse(strings.NewReader(c.text + "\n"))
			if err != nil {
				t.Fatal(err)
			}
			d, err := diff.Prove(t.Context(), between(), r)
			switch {
			case c.words == "" && err != nil:
				t.Error(err)
			case c.words == "" && d.Backward != (d.From == "s2"):
				t.Errorf("from %s to %s, backward: %v", d.From, d.To, d.Backward)
			case c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words)):
				t.Errorf("got %+v %v, want an error that says %q", d, err, c.words)
			}
		})
	}
}

package plan_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"drover/internal/mirror/plan"
)

func TestTheDocumentsExampleIsRead(t *testing.T) {
	text, err := os.Open("testdata/document.txt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := text.Close(); err != nil {
			t.Error(err)
		}
	})
	got, err := plan.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Diff{From: "s1", To: "s2", Changes: []plan.Change{
		{Kind: plan.Modified},
		{Kind: plan.Created, Path: "attempt"},
		{Kind: plan.Modified, Path: "namenode/fs_state/2016-12.txt"},
		{Kind: plan.Modified, Path: "namenode/nn_info/2016-12.txt"},
		{Kind: plan.Modified, Path: "namenode/top_user_ops/2016-12.txt"},
		{Kind: plan.Modified, Path: "scheduler/queue_paths/2016-12.txt"},
		{Kind: plan.Modified, Path: "scheduler/queue_usage/2016-12.txt"},
		{Kind: plan.Modified, Path: "scheduler/queues/2016-12.txt"},
	}}
	if !reflect.DeepEqual(got.Diff, want) || got.Dir != "/user/dstreev/stats" {
		t.Errorf("got %+v, want %+v", got, want)
	}
	p, err := plan.Build(got.Diff)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Ops) != 0 || len(p.Copies) != 8 || p.Copies[7].Path != "" || !p.Copies[7].Dir {
		t.Errorf("got %+v, want no operation and eight copies, the root last", p)
	}
}

const head = "Difference between snapshot s1 and snapshot s2 under directory /d:\n"

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want plan.Diff
	}{
		"nothing differs": {head, plan.Diff{From: "s1", To: "s2"}},
		"blanks, percent, tab, arrow without blanks": {
			head + "+\t./a b/50%\tx->y\n",
			plan.Diff{From: "s1", To: "s2", Changes: []plan.Change{{Kind: plan.Created, Path: "a b/50%\tx->y"}}},
		},
		"arrow in a name that was not renamed": {
			head + "-\t./a -> b\n",
			plan.Diff{From: "s1", To: "s2", Changes: []plan.Change{{Kind: plan.Deleted, Path: "a -> b"}}},
		},
		"rename": {
			head + "R\t./größe/日本 -> ./x\n",
			plan.Diff{From: "s1", To: "s2", Changes: []plan.Change{{Kind: plan.Renamed, Path: "größe/日本", Target: "x"}}},
		},
		"the current tree first is the way back": {
			"WARN util.NativeCodeLoader: no\nDifference between current directory and snapshot s1 under directory /d under directory /x:\nM\t.\n\n",
			plan.Diff{To: "s1", Backward: true, Changes: []plan.Change{{Kind: plan.Modified}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := plan.Parse(strings.NewReader(c.text))
			if err != nil || !reflect.DeepEqual(got.Diff, c.want) || got.Whole != strings.HasSuffix(c.text, "\n\n") {
				t.Errorf("got %+v %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, words string }{
		"no report":                 {"snapshotDiff: Cannot find the snapshot\n", "Difference between"},
		"ambiguous rename":          {head + "R\t./a -> b -> ./c\n", "use the listing call"},
		"rename to nowhere":         {head + "R\t./a\n", "use the listing call"},
		"line break in name":        {head + "+\t./a\nb\n", "line break"},
		"an entry after the end":    {head + "+\t./a\n\n+\t./b\n", "follows its end"},
		"carriage return":           {head + "+\t./a\r\n", "carriage return"},
		"what Java could not print": {head + "+\t./gr??e\n", "its locale has not"},
		"no UTF-8":                  {head + "+\t./gr\xff\n", "its locale has not"},
		"unknown label":             {head + "C\t./a\n", "is no entry"},
		"path outside":              {head + "+\t./../a\n", "not clean"},
		"absolute path":             {head + "+\t/a\n", `"./"`},
		"snapshot in the way":       {head + "+\t./.snapshot/a\n", "reserved"},
		"ambiguous names":           {"Difference between snapshot a and snapshot b and snapshot c under directory /d:\n", "two snapshots"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := plan.Parse(strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("got %+v %v, want an error that says %q", got, err, c.words)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(head + "M\t.\nR\t./a -> ./b\n+\t./a\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := plan.Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		if _, err := plan.Build(d.Diff); err == nil && slices.ContainsFunc(d.Changes, func(c plan.Change) bool { return strings.HasPrefix(c.Path, "/") }) {
			t.Errorf("%q was planned with an absolute path", text)
		}
	})
}

package plan_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"drover/internal/mirror/plan"
)

func changes(lines ...string) []plan.Change {
	var out []plan.Change
	for _, line := range lines {
		f := strings.Split(line, "|")
		c := plan.Change{Kind: plan.Kind(f[0][0]), Path: f[1]}
		if len(f) > 2 {
			c.Target = f[2]
		}
		out = append(out, c)
	}
	return out
}

// told is a plan in words: "park a", "mkdir b", "place a b"; then what is
// copied, "copy path", "copy path from prior", and what a walk leaves out.
func told(p plan.Plan) []string {
	var out []string
	from := map[string]string{}
	for _, op := range p.Ops {
		switch op.Kind {
		case plan.Park:
			from[op.To] = op.From
			out = append(out, "park "+op.From)
		case plan.Mkdir:
			out = append(out, "mkdir "+op.To)
		case plan.Place:
			out = append(out, "place "+from[op.From]+" "+op.To)
		case plan.SetMark:
			out = append(out, "mark")
		}
	}
	for _, c := range p.Copies {
		line := "copy " + c.Path
		if !c.New() {
			line += " from " + c.Prior
		}
		for _, s := range c.Skip {
			line += " not " + s
		}
		out = append(out, line)
	}
	return out
}

func TestBuild(t *testing.T) {
	for name, c := range map[string]struct {
		changes  []plan.Change
		backward bool
		want     []string
	}{
		"swap": {
			changes: changes("M|", "R|a|b", "R|b|a"),
			want:    []string{"park b", "park a", "mark", "place b a", "place a b", "copy  from "},
		},
		"chain": {
			changes: changes("M|", "R|a|b", "R|b|c", "-|c"),
			want:    []string{"park c", "park b", "park a", "mark", "place a b", "place b c", "copy  from "},
		},
		"changes under a renamed directory": {
			changes: changes("M|", "R|d|e", "M|d", "+|d/new", "M|d/f", "-|d/old"),
			want:    []string{"park d/old", "park d", "mark", "place d e", "copy e/new", "copy e/f from d/f", "copy e from d", "copy  from "},
		},
		"into a new directory": {
			changes: changes("M|", "+|n", "R|f|n/deep/f", "R|g|n/g"),
			want:    []string{"park g", "park f", "mark", "mkdir n", "mkdir n/deep", "place f n/deep/f", "place g n/g", "copy n not deep/f not g", "copy  from "},
		},
		"into a renamed directory, and out of it": {
			changes: changes("M|", "R|d|e", "R|f|e/f", "M|d", "R|d/x|x"),
			want:    []string{"park f", "park d/x", "park d", "mark", "place d e", "place f e/f", "place d/x x", "copy e from d", "copy  from "},
		},
		"into itself by way of a new directory": {
			changes: changes("M|", "R|d|d/x", "+|d"),
			want:    []string{"park d", "mark", "mkdir d", "place d d/x", "copy d not x", "copy  from "},
		},
		"replaced file": {
			changes: changes("M|", "-|f", "+|f"),
			want:    []string{"park f", "mark", "copy f", "copy  from "},
		},
		"moved away and back while its directory was renamed": {
			changes: changes("M|", "R|d|e", "M|d", "R|d/x|e/x"),
			want:    []string{"park d", "mark", "place d e", "copy e from d", "copy  from "},
		},
		"the way back names the older tree": {
			changes: changes("M|", "R|e|d", "M|d", "-|d/new", "+|d/old", "M|d/f"), backward: true,
			want: []string{"park e/new", "park e", "mark", "place e d", "copy d/old", "copy d/f from e/f", "copy d from e", "copy  from "},
		},
		"nothing": {want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := plan.Build(plan.Diff{From: "s1", To: "s2", Changes: c.changes, Backward: c.backward})
			if err != nil || !slices.Equal(told(p), c.want) {
				t.Errorf("got %v %q, want %q", err, told(p), c.want)
			}
			again, err := plan.Build(plan.Diff{From: "s1", To: "s2", Changes: reversed(c.changes), Backward: c.backward})
			if err != nil || !reflect.DeepEqual(again.Ops, p.Ops) {
				t.Errorf("in another order of the changes: %v %q", err, told(again))
			}
		})
	}
}

func reversed(in []plan.Change) []plan.Change {
	out := slices.Clone(in)
	slices.Reverse(out)
	return out
}

func TestBuildRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		changes []plan.Change
		words   string
	}{
		"two sources of one place":                    {changes("R|a|c", "R|b|c"), "appeared twice"},
		"one source of two places":                    {changes("R|a|b", "R|a|c"), "went twice"},
		"created twice, by a rename of its directory": {changes("R|a|b", "+|a/f", "+|b/f"), "appeared twice"},
		"created where it moved to":                   {changes("R|a|b", "+|b"), "appeared twice"},
		"created in what went":                        {changes("-|d", "+|d/f"), "in a directory that went"},
		"a name of our own":                           {changes("+|.drover-staging-x"), "rename it in the source"},
		"rename without target":                       {changes("R|a"), "makes no sense"},
		"deleted root":                                {changes("-|"), "makes no sense"},
		"unclean path":                                {changes("+|a//b"), "not clean"},
		"unknown kind":                                {changes("X|a"), "unknown kind"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := plan.Build(plan.Diff{From: "s1", To: "s2", Changes: c.changes})
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("got %+v %v, want an error that says %q", p, err, c.words)
			}
		})
	}
}

func TestAssemble(t *testing.T) {
	modified := []plan.Listed{{Path: "", DirID: 1, Reference: true, FileID: 1}, {Path: "d", DirID: 2, Reference: true, FileID: 2}, {Path: "f", DirID: 9, FileID: 9}}
	created := []plan.Listed{{Path: "new", DirID: 1, FileID: 7}, {Path: "d/in", DirID: 2, Reference: true, FileID: 5}, {Path: "from outside", DirID: 1, Reference: true, FileID: 6}}
	deleted := []plan.Listed{{Path: "out", DirID: 1, FileID: 5, Reference: true, Target: "d/in"}, {Path: "gone", DirID: 1, FileID: 4}}
	page := plan.Page{Modified: modified, Created: slices.Concat(created, created), Deleted: deleted, FromEarlier: true}
	want := changes("M|", "+|new", "R|out|d/in", "-|gone", "M|d", "M|f", "+|from outside")
	if got, err := assembled(page); err != nil || !sameChanges(got, want) {
		t.Errorf("got %+v %v, want %+v", got, err, want)
	}
	// A page may end within a directory, and the other end of a rename may be in
	// any of them; what comes again is not told again.
	got, err := assembled(
		plan.Page{Modified: modified[:1], Created: created[:1], FromEarlier: true},
		plan.Page{Created: created[2:], FromEarlier: true},
		plan.Page{Modified: modified[1:2], Created: created, Deleted: deleted[1:], FromEarlier: true},
		plan.Page{Modified: modified, Deleted: deleted, FromEarlier: true},
	)
	want = changes("M|", "+|new", "-|gone", "M|d", "R|out|d/in", "M|f", "+|from outside")
	if err != nil || !sameChanges(got, want) {
		t.Errorf("in pages: got %+v %v, want %+v", got, err, want)
	}
	page.FromEarlier = false
	back, err := assembled(page)
	if want := changes("M|", "-|new", "R|d/in|out", "+|gone", "M|d", "M|f", "-|from outside"); err != nil || !sameChanges(back, want) {
		t.Errorf("back: got %+v %v, want %+v", back, err, want)
	}
	page.Modified = modified[:1]
	if _, err := assembled(page); err == nil || !strings.Contains(err.Error(), "incomplete") {
		t.Errorf("entries of a directory that is not listed: got %v, want a refusal", err)
	}
}

func assembled(pages ...plan.Page) (out []plan.Change, err error) {
	a := plan.NewAssembler(plan.Once(func(c plan.Change) error {
		out = append(out, c)
		return nil
	}))
	for _, p := range pages {
		if err := a.Page(p); err != nil {
			return nil, err
		}
	}
	return out, a.End()
}

func sameChanges(got, want []plan.Change) bool {
	return slices.EqualFunc(got, want, func(a, b plan.Change) bool {
		return a.Kind == b.Kind && a.Path == b.Path && a.Target == b.Target
	})
}

func TestAPlanSurvivesItsFile(t *testing.T) {
	d := plan.Diff{From: "s1", To: "s2", Changes: changes("M|", "R|a|n/b", "+|n", "-|größe", "M|f")}
	p, err := plan.Build(d)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back plan.Plan
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, p) {
		t.Errorf("got %+v %v, want %+v", back, err, p)
	}
	if text, err = json.Marshal(d); err != nil {
		t.Fatal(err)
	}
	var diff plan.Diff
	if err := json.Unmarshal(text, &diff); err != nil || !reflect.DeepEqual(diff, d) {
		t.Errorf("got %+v %v, want %+v", diff, err, d)
	}
}

package plan_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"drover/internal/mirror/plan"
	"drover/internal/mirror/plan/plantest"
)

// rounds of how many mutations are tried, each from a seed of its own.
const rounds = 1000

func TestPlanLeadsFromAnyTreeToAnyOther(t *testing.T) {
	for seed := range uint64(rounds) {
		from, to, log := randomPair(t, seed)
		report := plantest.Difference(from, to)
		t.Run(fmt.Sprintf("forward %d", seed), func(t *testing.T) {
			p, err := plan.Build(plan.Diff{From: "s1", To: "s2", Changes: report})
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, log, listed(report))
			}
			reach(t, p, from, to, log+listed(report))
		})
		t.Run(fmt.Sprintf("back %d", seed), func(t *testing.T) {
			p, err := plan.Build(plan.Diff{From: "s2", To: "s1", Changes: plantest.Turned(report), Backward: true})
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, log, listed(report))
			}
			reach(t, p, to, from, log+listed(report))
		})
	}
}

// randomPair returns two states of one tree, and what happened between them,
// traffic with a directory outside included.
func randomPair(t *testing.T, seed uint64) (from, to *plantest.Node, log string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 4))
	f := plantest.New()
	for _, dir := range []string{"tree", "out"} {
		if err := f.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	mutate := func(n int) {
		for range n {
			m := plantest.Random(rng, f, "tree", "tree", "out")
			if err := f.Do(m); err != nil {
				t.Fatal(err)
			}
			log += m.String() + "\n"
		}
	}
	mutate(5 + rng.IntN(40))
	from = f.Find("tree").Snapshot()
	log = ""
	mutate(1 + rng.IntN(30))
	return from, f.Find("tree").Snapshot(), log
}

// reach carries a plan out on a copy of a tree and compares with what it had to
// become.
func reach(t *testing.T, p plan.Plan, from, to *plantest.Node, log string) {
	t.Helper()
	target := plantest.Copied(from)
	if err := target.Mkdir("stage"); err != nil {
		t.Fatal(err)
	}
	for i, op := range p.Ops {
		var err error
		switch op.Kind {
		case plan.Park:
			err = target.Rename(op.From, "stage/"+op.To)
		case plan.SetMark:
			err = target.Mkdir("stage/" + op.To)
		case plan.Mkdir:
			err = target.Mkdir(op.To)
		case plan.Place:
			err = target.Rename("stage/"+op.From, op.To)
		}
		if err != nil {
			t.Fatalf("operation %d %v: %v\n%s", i, op, err, log)
		}
	}
	if err := target.Delete("stage"); err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Copies {
		if err := plantest.Apply(target, to, from, c); err != nil {
			t.Fatalf("copy %+v: %v\n%s", c, err, log)
		}
	}
	if diff := plantest.Compare(target.Find(""), to, plantest.Unreported(from, to)); diff != "" {
		t.Fatalf("the target is not what it should be: %s\n%s", diff, log)
	}
}

func listed(changes []plan.Change) string {
	var out strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&out, "%s %q %q\n", c.Kind, c.Path, c.Target)
	}
	return out.String()
}

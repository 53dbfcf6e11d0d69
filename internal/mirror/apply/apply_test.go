package apply_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"drover/internal/mirror/apply"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/plan/plantest"
)

// pair is two states of a tree and the plan that leads from one to the other.
type pair struct {
	from, to *plantest.Node
	plan     plan.Plan
}

func randomPair(t *testing.T, seed uint64) pair {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 17))
	f := plantest.New()
	for _, dir := range []string{"tree", "out"} {
		if err := f.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	mutate := func(n int) *plantest.Node {
		for range n {
			if err := f.Do(plantest.Random(rng, f, "tree", "tree", "out")); err != nil {
				t.Fatal(err)
			}
		}
		return f.Find("tree").Snapshot()
	}
	p := pair{from: mutate(5 + rng.IntN(30))}
	p.to = mutate(1 + rng.IntN(20))
	var err error
	p.plan, err = plan.Build(plan.Diff{From: "s1", To: "s2", Changes: plantest.Difference(p.from, p.to)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// round is the target's half of a round, recording where it is as a workflow
// does. It may be called again after any error.
type round struct {
	pair
	target  *memory
	at, end int
}

func (r *round) run(ctx context.Context) error {
	staging, err := apply.PrepareStaging(ctx, r.target, root, "r1", "before")
	if err != nil {
		return err
	}
	err = apply.Ops(ctx, r.target, root, staging, r.plan.Ops, r.at, func(i int) error {
		r.at = i + 1
		return nil
	})
	if err != nil {
		return err
	}
	if r.end == 0 {
		if err := r.target.copies(r.to, r.from, r.plan.Copies); err != nil {
			return err
		}
	}
	r.end = 1
	return apply.Finish(ctx, r.target, staging, r.plan.Ops)
}

// crashes is how many trees the enumerations below go through.
const crashes = 60

func TestARoundGoesOnFromEveryCrash(t *testing.T) {
	everyCrash(t, func(t *testing.T, r *round) {
		// What was recorded may be behind what was done, down to nothing.
		r.at = min(r.at, r.at*r.target.crashAt%7)
		if err := r.run(t.Context()); err != nil && !finished(r, err) {
			t.Fatal(err)
		}
		same(t, r.target.tree(), r.to, plantest.Unreported(r.from, r.to))
	})
}

// finished accepts that a round whose staging was removed says so.
func finished(r *round, err error) bool { return r.end == 1 && errors.Is(err, apply.ErrFinished) }

func TestARoundIsTakenBackFromEveryCrash(t *testing.T) {
	everyCrash(t, func(t *testing.T, r *round) {
		if r.target.states["before"] == nil {
			return // nothing was done
		}
		r.restore(t)
		same(t, r.target.tree(), r.from, plantest.Unreported(r.from, r.to))
	})
}

func TestRestoreGoesOnFromEveryCrash(t *testing.T) {
	for seed := range uint64(crashes) {
		for n := 1; ; n++ {
			r := &round{pair: randomPair(t, seed), target: nil}
			r.target = hold(r.from)
			if err := r.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.target.calls, r.target.crashAt, r.target.after = 0, n, n%2 == 0
			err := r.tryRestore(t.Context())
			r.target.crashAt = 0
			if err == nil {
				break
			}
			if !errors.Is(err, errCrash) {
				t.Fatalf("seed %d call %d: %v", seed, n, err)
			}
			r.restore(t)
			same(t, r.target.tree(), r.from, plantest.Unreported(r.from, r.to))
		}
	}
}

func (r *round) tryRestore(ctx context.Context) error {
	before := r.target.states["before"]
	now := r.target.tree().Snapshot()
	_, err := apply.Restore(ctx, r.target, root, "before", func(_ context.Context, list []plan.Copy) error {
		return r.target.copies(before, now, list)
	})
	return err
}

func (r *round) restore(t *testing.T) {
	t.Helper()
	if err := r.tryRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := apply.Retake(t.Context(), r.target, root, "before", "before-1"); err != nil {
		t.Fatal(err)
	}
	if p, err := apply.RestorePlan(t.Context(), r.target, root, "before"); err != nil || !p.Empty() {
		t.Fatalf("after restore and retake %+v %v differs, want nothing", p, err)
	}
}

// everyCrash runs rounds that crash at every changing call, once before and once
// after it had its effect, and hands them on repaired.
func everyCrash(t *testing.T, then func(t *testing.T, r *round)) {
	total := 0
	for seed := range uint64(crashes) {
		p := randomPair(t, seed)
		for n, going := 1, true; going; n++ {
			for _, after := range []bool{false, true} {
				r := &round{pair: p, target: hold(p.from)}
				r.target.crashAt, r.target.after = n, after
				err := r.run(t.Context())
				if err == nil {
					going = false
					break
				}
				if !errors.Is(err, errCrash) {
					t.Fatalf("seed %d: %v", seed, err)
				}
				total++
				r.target.crashAt = 0
				t.Run(fmt.Sprintf("%d call %d after %v", seed, n, after), func(t *testing.T) { then(t, r) })
			}
		}
	}
	t.Logf("%d crashes", total)
}

func same(t *testing.T, got, want *plantest.Node, except map[string]bool) {
	t.Helper()
	if d := plantest.Compare(got, want, except); d != "" {
		t.Fatal(d)
	}
}

func TestFinishRefusesWhileSomethingWaits(t *testing.T) {
	target := hold(plantest.New().Find(""))
	ctx := t.Context()
	staging, err := apply.PrepareStaging(ctx, target, root, "r1", "before")
	if err != nil {
		t.Fatal(err)
	}
	if err := target.fs.Mkdir(rel(staging) + "/00000000"); err != nil {
		t.Fatal(err)
	}
	ops := []plan.Op{{Kind: plan.Place, From: "00000000", To: "a"}}
	if err := apply.Finish(ctx, target, staging, ops); err == nil {
		t.Error("staging with an entry that waits for its place was removed")
	}
	if err := apply.Finish(ctx, target, root, nil); err == nil {
		t.Error("a directory that is no staging directory was removed")
	}
}

// A quota that was raised for the round shows as a change of the root.
func TestARootWithOtherAttributesIsNoFinishedRound(t *testing.T) {
	target := hold(plantest.New().Find(""))
	ctx := t.Context()
	if _, err := target.CreateSnapshot(ctx, root, "before"); err != nil {
		t.Fatal(err)
	}
	target.tree().Mode++
	if d, err := target.SnapshotDiff(ctx, root, "before", ""); err != nil || len(d) != 1 {
		t.Fatalf("the difference is %+v, %v, want the root in it", d, err)
	}
	if _, err := apply.PrepareStaging(ctx, target, root, "r1", "before"); err != nil {
		t.Errorf("got %v, want a staging directory", err)
	}
	if err := target.fs.Mkdir("tree/x"); err != nil {
		t.Fatal(err)
	}
	if _, err := apply.PrepareStaging(ctx, target, root, "r2", "before"); !errors.Is(err, apply.ErrFinished) {
		t.Errorf("got %v, want ErrFinished", err)
	}
}

func TestATreeThatIsNotWhatThePlanBeganWithIsRefused(t *testing.T) {
	target := hold(plantest.New().Find(""))
	staging, err := apply.PrepareStaging(t.Context(), target, root, "r1", "before")
	if err != nil {
		t.Fatal(err)
	}
	ops := []plan.Op{{Kind: plan.Park, From: "gone", To: "00000000"}}
	err = apply.Ops(t.Context(), target, root, staging, ops, 0, func(int) error { return nil })
	if !errors.Is(err, apply.ErrUnexpected) {
		t.Errorf("got %v, want ErrUnexpected", err)
	}
}

package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"drover/internal/mirror/ledger"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/plan/plantest"
	"drover/internal/storage/mem"
	"drover/internal/storage/storagetest"
)

// rig is a mirror in memory whose store can crash.
type rig struct {
	t      *testing.T
	store  *crashing
	target ledger.Target
	ledger *ledger.Ledger
}

// one is the options of tests that count calls.
var one = ledger.Options{Parallel: 1, Chunk: 7}

func newRig(t *testing.T) *rig {
	t.Helper()
	m := mem.New()
	store := &crashing{store: m, Store: m}
	return &rig{
		t: t, store: store, target: ledger.Target{Store: store, Root: "/copy"},
		ledger: &ledger.Ledger{Store: store, Dir: "/ledger", Scratch: t.TempDir()},
	}
}

func (r *rig) baseline(from *plantest.Node) error {
	_, err := ledger.Baseline(r.t.Context(), r.target, r.ledger, state{from}, "s1", one)
	return err
}

func (r *rig) round(to *plantest.Node, p plan.Plan) error {
	_, err := ledger.Apply(r.t.Context(), r.target, r.ledger, state{to}, ledger.Round{From: "s1", To: "s2", Plan: p}, one)
	return err
}

// is fails the test unless target and ledger are at a snapshot, in every way.
func (r *rig) is(snapshot string, want *plantest.Node, except map[string]bool) {
	r.t.Helper()
	if diff := differs(holding(r.t, r.store, "/copy"), want, except); diff != "" {
		r.t.Fatalf("the target at %s: %s", snapshot, diff)
	}
	g, err := r.ledger.Current(r.t.Context())
	if err != nil || g.Snapshot != snapshot {
		r.t.Fatalf("the ledger is at %q, %v, want %q", g.Snapshot, err, snapshot)
	}
	err = ledger.Drift(r.t.Context(), r.target, r.ledger, g, func(d ledger.Drifted) error {
		return errors.New(d.String())
	})
	if err != nil {
		r.t.Fatalf("the ledger at %s: %v", snapshot, err)
	}
	records, previous := 0, ""
	err = r.ledger.Each(r.t.Context(), g, func(rec ledger.Record) error {
		if records++; records > 1 && ledger.ComparePaths(previous, rec.Path) >= 0 {
			return fmt.Errorf("%q stands before %q", previous, rec.Path)
		}
		previous = rec.Path
		if n := want.Find(rec.Path); n.Mode != rec.Mode || n.ID != rec.FileID {
			return fmt.Errorf("the record of %q is of another entry or mode", rec.Path)
		}
		return nil
	})
	if err != nil || int64(records) != g.Totals.Files+g.Totals.Dirs {
		r.t.Fatalf("the ledger has %d records and says %+v: %v", records, g.Totals, err)
	}
	for name := range holding(r.t, r.store, "/ledger") {
		if strings.HasPrefix(name, "rounds") {
			r.t.Errorf("%s was left behind", name)
		}
	}
}

// TestARoundThatIsCutOffAnywhereLosesNothing crashes a round at every call that
// changes the store, before and after the call took effect. Whatever was to move
// is still somewhere at the target; the round run again, or the way back, ends
// where it should.
func TestARoundThatIsCutOffAnywhereLosesNothing(t *testing.T) {
	for seed := range uint64(5) {
		from, to, p, except := pair(t, seed, 25, 12)
		whole := newRig(t)
		if err := whole.baseline(from); err != nil {
			t.Fatal(err)
		}
		whole.store.calls = 0
		if err := whole.round(to, p); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		whole.is("s2", to, except)
		for at := 1; at <= whole.store.calls; at++ {
			for _, after := range []bool{false, true} {
				r := newRig(t)
				if err := r.baseline(from); err != nil {
					t.Fatal(err)
				}
				r.store.calls, r.store.at, r.store.after = 0, at, after
				if err := r.round(to, p); !errors.Is(err, errCrash) {
					t.Fatalf("seed %d, call %d: got %v, want the crash", seed, at, err)
				}
				r.store.at = 0
				r.stillHolds(from, to, p)
				r.goOn(at, from, to, p, except)
			}
		}
	}
}

// goOn runs the round again, or goes back first.
func (r *rig) goOn(at int, from, to *plantest.Node, p plan.Plan, except map[string]bool) {
	r.t.Helper()
	g, err := r.ledger.Current(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if at%2 == 0 && g.Snapshot == "s1" {
		if _, err := ledger.Restore(r.t.Context(), r.target, r.ledger, state{from}, "s1", one); err != nil {
			r.t.Fatal(err)
		}
		r.is("s1", from, nil)
	}
	if err := r.round(to, p); err != nil {
		r.t.Fatal(err)
	}
	r.is("s2", to, except)
}

// stillHolds fails the test unless the bytes of everything that moves are at the
// target, under whatever name.
func (r *rig) stillHolds(from, to *plantest.Node, p plan.Plan) {
	r.t.Helper()
	held := holding(r.t, r.store, "/copy")
	later := map[uint64]bool{}
	to.Walk(func(_ string, n *plantest.Node) bool {
		later[n.ID] = true
		return true
	})
	from.Walk(func(rel string, n *plantest.Node) bool {
		if n.Dir || !later[n.ID] {
			return true
		}
		for _, c := range p.Copies {
			if c.Prior == rel {
				return true // its bytes come from the source
			}
		}
		for _, data := range held {
			if bytes.Equal(data, content(n)) {
				return true
			}
		}
		r.t.Errorf("the bytes of %q are nowhere", rel)
		return true
	})
}

// TestARestoreThatIsCutOffAnywhereIsRepeated crashes it at every call.
func TestARestoreThatIsCutOffAnywhereIsRepeated(t *testing.T) {
	from, _, _, _ := pair(t, 3, 40, 0)
	drifted := func() *rig {
		r := newRig(t)
		if err := r.baseline(from); err != nil {
			t.Fatal(err)
		}
		for name, data := range holding(t, r.store, "/copy") {
			if len(name)%2 == 0 && data != nil {
				storagetest.Put(t, r.store, "/copy/"+name, append([]byte{1}, data...))
			}
		}
		storagetest.Put(t, r.store, "/copy/new/f", nil)
		r.store.calls = 0
		return r
	}
	restore := func(r *rig) error {
		_, err := ledger.Restore(t.Context(), r.target, r.ledger, state{from}, "s1", one)
		return err
	}
	whole := drifted()
	if err := restore(whole); err != nil {
		t.Fatal(err)
	}
	if whole.store.calls < 10 {
		t.Fatalf("only %d calls: too little had drifted", whole.store.calls)
	}
	for at := 1; at <= whole.store.calls; at++ {
		r := drifted()
		r.store.at, r.store.after = at, at%2 == 0
		if err := restore(r); !errors.Is(err, errCrash) {
			t.Fatalf("call %d: got %v, want the crash", at, err)
		}
		r.store.at = 0
		if err := restore(r); err != nil {
			t.Fatalf("call %d: %v", at, err)
		}
		r.is("s1", from, nil)
	}
}

func TestABaselineThatIsCutOffAnywhereIsGoneOnWith(t *testing.T) {
	for seed := range uint64(4) {
		from, _, _, _ := pair(t, seed, 40, 0)
		whole := newRig(t)
		if err := whole.baseline(from); err != nil {
			t.Fatal(err)
		}
		whole.is("s1", from, nil)
		for at := 1; at <= whole.store.calls; at++ {
			r := newRig(t)
			r.store.at, r.store.after = at, at%2 == 0
			if err := r.baseline(from); !errors.Is(err, errCrash) {
				t.Fatalf("seed %d, call %d: got %v, want the crash", seed, at, err)
			}
			r.store.at = 0
			if err := r.baseline(from); err != nil {
				t.Fatalf("seed %d, call %d: %v", seed, at, err)
			}
			r.is("s1", from, nil)
		}
	}
}

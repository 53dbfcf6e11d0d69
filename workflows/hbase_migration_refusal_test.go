package workflows_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"drover/workflows/step"
)

// at makes an activity note when it was called on the workflow's clock.
func (b *bench) at(name string, calls *[]time.Time) {
	good := b.answer[name]
	b.answer[name] = func(n int, in json.RawMessage) (any, error) {
		*calls = append(*calls, b.env.Now())
		return good(n, in)
	}
}

// until makes an activity fail, in a way that is tried again 55 seconds later, as
// long as failing says so; n counts its calls.
func (b *bench) until(name string, failing func(n int) bool) {
	good := b.answer[name]
	b.answer[name] = func(n int, in json.RawMessage) (any, error) {
		if failing(n) {
			return nil, temporal.NewApplicationErrorWithOptions("planted", "", temporal.ApplicationErrorOptions{NextRetryDelay: 55 * time.Second})
		}
		return good(n, in)
	}
}

// TestStepsOfAnAttemptShareTheTenMinutes: each had ten minutes of its own, and
// tables beyond the first four began theirs after those.
func TestStepsOfAnAttemptShareTheTenMinutes(t *testing.T) {
	for _, tables := range [][]string{{"t"}, {"t", "u", "v", "w", "x"}} {
		t.Run(fmt.Sprintf("%d tables", len(tables)), func(t *testing.T) {
			b := newBench(t)
			var fenced, lifted []time.Time
			b.at("FenceTables", &fenced)
			b.at("LiftFence", &lifted)
			b.until("ProveDrain", func(n int) bool { return n <= 5 })
			b.until("ProveDelta", func(int) bool { return len(lifted) == 0 })
			b.decideAt(true, true, true)
			res, err := b.run(input(tables...))
			if err != nil {
				t.Fatal(err)
			}
			if len(fenced) != 2 || len(lifted) != 1 {
				t.Fatalf("fenced at %v, lifted at %v, want two attempts of which the first failed", fenced, lifted)
			}
			if refused := lifted[0].Sub(fenced[0]); refused > 10*time.Minute || refused < 9*time.Minute {
				t.Errorf("writes were refused for %s, want almost ten minutes and no more", refused)
			}
			if res.Outcome != step.Completed {
				t.Errorf("outcome %s (%s), want completed at the second attempt", res.Outcome, res.Reason)
			}
		})
	}
}

// TestPauseUnderTheFenceLiftsIt: the run waited, and the writers with it, until
// somebody resumed it.
func TestPauseUnderTheFenceLiftsIt(t *testing.T) {
	for _, during := range []string{"FenceTables", "ProveDrain", "ProveDelta"} {
		t.Run(during, func(t *testing.T) {
			b := newBench(t)
			b.pauseDuring(during)
			b.decideAfter(time.Hour, true)
			reached := cutting[:slices.Index(cutting, during)+1]
			b.env.RegisterDelayedCallback(func() {
				b.wantCalls(slices.Concat(toTheGate, reached, lifting)...)
				if s := b.status(); !slices.ContainsFunc(s.Notes, func(n step.Note) bool {
					return strings.Contains(n.Text, "attempt 1 failed") && strings.Contains(n.Text, "bob paused")
				}) {
					t.Errorf("notes %v, want one that says who paused", s.Notes)
				}
				b.order(step.ResumeUpdate)
			}, 2*time.Hour)
			b.decideAfter(3*time.Hour, true)
			b.decideAfter(4*time.Hour, true)
			res, err := b.run(input("t"))
			if err != nil {
				t.Fatal(err)
			}
			b.wantCalls(slices.Concat(toTheGate, reached, lifting, measuring, cutting, opening, cleaning)...)
			if res.Outcome != step.Completed {
				t.Errorf("outcome %s (%s), want completed after it was resumed", res.Outcome, res.Reason)
			}
		})
	}
}

func TestAbortOfARunPausedUnderTheFencePutsEverythingBack(t *testing.T) {
	b := newBench(t)
	b.pauseDuring("ProveDrain")
	b.decideAfter(time.Hour, true)
	b.env.RegisterDelayedCallback(func() { b.order(step.AbortUpdate) }, 2*time.Hour)
	res, err := b.run(input("t"))
	if err != nil {
		t.Fatal(err)
	}
	b.wantCalls(slices.Concat(toTheGate, cutting[:3], lifting, unwinding)...)
	if res.Outcome != step.AbortedOutcome {
		t.Errorf("outcome %s (%s), want aborted", res.Outcome, res.Reason)
	}
}

// pauseDuring has bob pause the run while the activity is at work for the first time.
func (b *bench) pauseDuring(name string) {
	good := b.answer[name]
	b.answer[name] = func(n int, in json.RawMessage) (any, error) {
		if n == 1 {
			b.order(step.PauseUpdate)
		}
		return good(n, in)
	}
}

// order has bob give an order, which must not be refused.
func (b *bench) order(name string) {
	b.env.UpdateWorkflow(name, name, answers{b.t}, json.RawMessage(`{"by":"bob","reason":"wait"}`))
}

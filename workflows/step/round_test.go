package step_test

import (
	"testing"
	"time"

	"drover/workflows/step"
)

var inRounds = input{Gate: step.GateOptions{Elsewhere: true}}

// TestARoundOnDemand: by whatever door it is asked for, at the gate or before,
// one round is made and the gate opens with new evidence.
func TestARoundOnDemand(t *testing.T) {
	update := func(b *bench) { b.update(step.RoundUpdate, order("bob")) }
	signal := func(b *bench) { b.env.SignalWorkflow(step.RoundSignal, raw(order("bob"))) }
	for name, ask := range map[string]func(*bench){
		"by update at the gate": func(b *bench) { b.after(time.Hour, func() { update(b) }) },
		"by signal at the gate": func(b *bench) { b.after(time.Hour, func() { signal(b) }) },
		"by signal, twice":      func(b *bench) { b.world.on["peer"] = func() { signal(b); signal(b) } },
		"by update, before":     func(b *bench) { b.world.on["snapshot"] = func() { update(b) } },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			ask(b)
			b.after(2*time.Hour, func() { b.approve() })
			if got, err := b.run(inRounds); err != nil || got.Outcome != step.Completed {
				t.Fatalf("outcome %s, %v, want completed", got.Outcome, err)
			}
			b.wantLog("peer", "snapshot", "measure", "round", "measure", "fence", "open")
		})
	}
}

func TestAPausedRunBeginsNoRound(t *testing.T) {
	b := newBench(t)
	var asked *answer
	b.after(time.Hour, func() { b.update(step.PauseUpdate, order("bob")) })
	b.after(2*time.Hour, func() { asked = b.update(step.RoundUpdate, order("bob")) })
	b.after(3*time.Hour, func() {
		b.wantLog("peer", "snapshot", "measure")
		b.update(step.ResumeUpdate, order("bob"))
	})
	b.after(4*time.Hour, func() { b.approve() })
	if _, err := b.run(inRounds); err != nil {
		t.Fatal(err)
	}
	wantText(t, "answer", asked.String(), "another round begins")
	b.wantLog("peer", "snapshot", "measure", "round", "measure", "fence", "open")
}

// TestARoundAskedForSurvivesContinueAsNew: nothing acknowledged is lost.
func TestARoundAskedForSurvivesContinueAsNew(t *testing.T) {
	b := newBench(t)
	b.suggestWhileCopying(100)
	b.world.on["peer"] = func() { b.env.SignalWorkflow(step.RoundSignal, raw(order("bob"))) }
	in := inRounds
	in.Items = 100
	in = b.continued(in)
	if in.State.Round == nil || in.State.Round.By != "bob" {
		t.Fatalf("state says %+v, want the round bob asked for", in.State.Round)
	}
}

func TestARoundIsRefusedInWords(t *testing.T) {
	t.Run("where there are none", func(t *testing.T) {
		b := newBench(t)
		var asked *answer
		b.after(time.Hour, func() {
			asked = b.update(step.RoundUpdate, order("bob"))
			b.env.SignalWorkflow(step.RoundSignal, raw(order("bob")))
		})
		b.after(2*time.Hour, func() {
			refused := b.status().Refusals
			if len(refused) != 1 || refused[0].Door != "signal round" {
				t.Errorf("refusals %+v, want that of the signal", refused)
			}
			b.approve()
		})
		if _, err := b.run(input{}); err != nil {
			t.Fatal(err)
		}
		wantText(t, "answer", asked.String(), "round refused: Trial does not go in rounds")
	})
	t.Run("below the commit line", func(t *testing.T) {
		b := newBench(t)
		var asked *answer
		b.world.on["open"] = func() { asked = b.update(step.RoundUpdate, order("bob")) }
		b.after(time.Hour, func() { b.approve() })
		if _, err := b.run(inRounds); err != nil {
			t.Fatal(err)
		}
		wantText(t, "answer", asked.String(), "round refused: the run passed its commit line")
	})
}

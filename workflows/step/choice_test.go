package step_test

import (
	"strings"
	"testing"
	"time"

	"drover/workflows/step"
)

// TestChoice: an approval of a gate that offers ways on names one of them; all
// else is refused and changes nothing.
func TestChoice(t *testing.T) {
	choosing := func(digest, approved, choice string) string {
		return `{"gate":"cutover","digest":"` + digest + `","by":"ann","reason":"ok","approved":` + approved + choice + `}`
	}
	b := newBench(t)
	b.after(time.Hour, func() {
		s := b.status()
		wantText(t, "approve command", s.ApproveCommand, "--choice restore|adopt")
		for given, want := range map[string]string{
			choosing(s.Digest, "true", ""):                    "offers restore, adopt",
			choosing(s.Digest, "true", `,"choice":"destroy"`): "offers restore, adopt",
			choosing(s.Digest, "false", `,"choice":"adopt"`):  "nothing to choose",
		} {
			a := b.update(step.DecideUpdate, given)
			a.then = nil
			b.after(time.Minute, func() { wantText(t, given, a.String(), want) })
		}
	})
	b.after(2*time.Hour, func() {
		b.update(step.DecideUpdate, choosing(b.status().Digest, "true", `,"choice":"adopt"`))
	})
	got, err := b.run(input{Gate: step.GateOptions{Choices: []string{"restore", "adopt"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Outcome != step.Completed || got.Decision.Choice != "adopt" {
		t.Errorf("result %+v, want completed with the choice adopt", got)
	}
}

func TestAChoiceWhereNoneIsOfferedIsRefused(t *testing.T) {
	b := newBench(t)
	b.after(time.Hour, func() {
		a := b.update(step.DecideUpdate, strings.Replace(decision(b.status().Digest, "ann", true), "}", `,"choice":"adopt"}`, 1))
		b.after(time.Minute, func() { wantText(t, "answer", a.String(), "nothing to choose") })
	})
	b.after(2*time.Hour, func() { b.approve() })
	if got, err := b.run(input{}); err != nil || got.Outcome != step.Completed {
		t.Errorf("outcome %s, %v, want completed", got.Outcome, err)
	}
}

func TestARehearsalTakesTheFirstChoice(t *testing.T) {
	got, err := newBench(t).run(input{Gate: step.GateOptions{Choices: []string{"restore", "adopt"}, AutoApprove: true}})
	if err != nil || got.Decision.Choice != "restore" {
		t.Errorf("decision %+v, %v, want the choice restore", got.Decision, err)
	}
}

// TestEvidenceMadeElsewhere: a gate whose evidence grows old, or is asked for
// anew, closes for a round and opens again with what the round made.
func TestEvidenceMadeElsewhere(t *testing.T) {
	b := newBench(t)
	b.after(time.Minute, func() { b.update(step.RemeasureUpdate, order("ann")) })
	b.after(90*time.Minute, func() { b.approve() })
	got, err := b.run(input{Gate: step.GateOptions{MaxAge: time.Hour, Elsewhere: true}})
	if err != nil || got.Outcome != step.Completed {
		t.Fatalf("outcome %s, %v, want completed", got.Outcome, err)
	}
	b.wantLog("peer", "snapshot", "measure", "round", "measure", "round", "measure", "fence", "open")
}

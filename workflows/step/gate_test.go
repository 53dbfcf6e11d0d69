package step_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"drover/workflows/step"
)

var (
	prepared = []string{"peer", "snapshot", "measure"}
	whole    = append(append([]string{}, prepared...), "fence", "open")
	putBack  = append(append([]string{}, prepared...), "undo snapshot", "undo peer")
)

func TestGate(t *testing.T) {
	cases := []struct {
		name     string
		approved bool
		outcome  step.Outcome
		log      []string
	}{
		{"approved goes on", true, step.Completed, whole},
		{"rejected puts everything back, newest first", false, step.RejectedOutcome, putBack},
	}
	doors := map[string]func(*bench, string){
		"update decide":  func(b *bench, json string) { b.update(step.DecideUpdate, json) },
		"signal approve": func(b *bench, json string) { b.env.SignalWorkflow(step.ApproveSignal, raw(json)) },
	}
	for _, c := range cases {
		for door, send := range doors {
			t.Run(c.name+" by "+door, func(t *testing.T) {
				b := newBench(t)
				b.after(time.Hour, func() { send(b, decision(b.status().Digest, "ann", c.approved)) })
				got, err := b.run(input{})
				if err != nil {
					t.Fatal(err)
				}
				if got.Outcome != c.outcome || got.Decision.By != "ann" || got.Decision.Approved != c.approved {
					t.Errorf("result = %+v, want outcome %s by ann", got, c.outcome)
				}
				b.wantLog(c.log...)
				s := b.status()
				if len(s.Decisions) != 1 || s.Decisions[0].Door != door || s.Decisions[0].Digest == "" {
					t.Errorf("decisions = %+v, want one by %s with a digest", s.Decisions, door)
				}
				if len(s.Refusals) != 0 || s.WaitingAt != "" || s.Outcome != c.outcome {
					t.Errorf("status = %+v, want no refusals, no open gate, outcome %s", s, c.outcome)
				}
			})
		}
	}
}

// refusals are requests an open gate refuses, the same through both doors.
// DIGEST stands for the digest of the evidence shown.
var refusals = []struct {
	name string
	json string
	want string
}{
	{"no input", "", "no input: send one JSON object like {\"gate\":\"cutover\",\"digest\":"},
	{"not JSON", `approve!`, "one JSON object"},
	{"a bare true", `true`, "true or false, one JSON object is expected"},
	{"a list", `[1]`, "one JSON object is expected"},
	{"null", `null`, "one JSON object"},
	{"two objects", `{} {}`, "after the JSON object"},
	{"unknown field", `{"gate":"cutover","digset":"DIGEST"}`, `unknown key "digset", did you mean "digest"`},
	{"field of another case", `{"Gate":"cutover"}`, `unknown key "Gate"`},
	{"field twice", `{"gate":"cutover","gate":"cutover"}`, "twice"},
	{"approved is a string", `{"gate":"cutover","digest":"DIGEST","by":"ann","reason":"ok","approved":"yes"}`, "approved"},
	{"by is a number", `{"gate":"cutover","digest":"DIGEST","by":7,"reason":"ok","approved":true}`, "by"},
	{"no approved", `{"gate":"cutover","digest":"DIGEST","by":"ann","reason":"ok"}`, `"approved" is missing: say true or false`},
	{"no name", `{"gate":"cutover","digest":"DIGEST","reason":"ok","approved":true}`, `"by" is missing or empty: say who decides`},
	{"blank name", `{"gate":"cutover","digest":"DIGEST","by":"  ","reason":"ok","approved":true}`, `"by" is missing or empty`},
	{"no reason", `{"gate":"cutover","digest":"DIGEST","by":"ann","reason":"","approved":true}`, `"reason" is missing or empty: say why`},
	{"endless reason", `{"gate":"cutover","digest":"DIGEST","by":"ann","reason":"` + strings.Repeat("x", 1001) + `","approved":true}`, "at most 1000 are kept"},
	{"no digest", `{"gate":"cutover","by":"ann","reason":"ok","approved":true}`, `"digest" is missing or empty: copy it from the evidence`},
	{"stale digest", `{"gate":"cutover","digest":"000000000000","by":"ann","reason":"ok","approved":true}`, "evidence changed: you read 000000000000, current is DIGEST"},
	{"another gate", `{"gate":"cleanup","digest":"DIGEST","by":"ann","reason":"ok","approved":true}`, "gate cleanup is not open: the run waits at gate cutover"},
	{"no such gate", `{"gate":"cutofer","digest":"DIGEST","by":"ann","reason":"ok","approved":true}`, `Trial has no gate "cutofer": its gates are cutover, cleanup`},
}

func TestOpenGateRefusesUpdateInWords(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			var digest string
			var refused *answer
			b.after(time.Hour, func() {
				digest = b.status().Digest
				refused = b.update(step.DecideUpdate, strings.ReplaceAll(c.json, "DIGEST", digest))
			})
			b.after(2*time.Hour, func() {
				if got := b.status(); got.WaitingAt != "cutover" || got.Digest != digest || len(got.Decisions) != 0 {
					t.Errorf("after the refusal: %+v, want the gate open as before", got)
				}
				b.approve()
			})
			if _, err := b.run(input{}); err != nil {
				t.Fatal(err)
			}
			if refused.err == nil {
				t.Fatalf("accepted with %q, want a refusal", refused)
			}
			wantText(t, "refusal", refused.err.Error(), strings.ReplaceAll(c.want, "DIGEST", digest))
			b.wantLog(whole...)
		})
	}
}

func TestOpenGateListsRefusedSignalInStatus(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			var digest string
			b.after(time.Hour, func() {
				digest = b.status().Digest
				b.env.SignalWorkflow(step.ApproveSignal, raw(strings.ReplaceAll(c.json, "DIGEST", digest)))
			})
			b.after(2*time.Hour, func() {
				s := b.status()
				if s.WaitingAt != "cutover" || s.Digest != digest || len(s.Decisions) != 0 {
					t.Errorf("after the refusal: %+v, want the gate open as before", s)
				}
				if len(s.Refusals) != 1 || s.Refusals[0].Door != "signal approve" || s.Refusals[0].At.IsZero() {
					t.Fatalf("refusals = %+v, want one of signal approve", s.Refusals)
				}
				wantText(t, "refusal", s.Refusals[0].Reason, strings.ReplaceAll(c.want, "DIGEST", digest))
				wantText(t, "details", b.details(), "Refused requests", "signal approve")
				b.approve()
			})
			if _, err := b.run(input{}); err != nil {
				t.Fatal(err)
			}
			b.wantLog(whole...)
		})
	}
}

func TestDecisionBeforeTheGateOpens(t *testing.T) {
	b := newBench(t)
	var early, measuring *answer
	b.world.on["peer"] = func() {
		b.env.SignalWorkflow(step.ApproveSignal, raw(decision("abc", "ann", true)))
		early = b.update(step.DecideUpdate, decision("abc", "ann", true))
	}
	b.world.on["measure"] = func() { measuring = b.update(step.DecideUpdate, decision("abc", "ann", true)) }
	b.after(time.Hour, func() { b.approve() })
	if _, err := b.run(input{}); err != nil {
		t.Fatal(err)
	}
	wantText(t, "update in phase prepare", early.String(), `gate cutover is not open yet: the run is in phase "prepare"; wait until`)
	wantText(t, "update while measuring", measuring.String(), "the evidence is being measured")
	s := b.status()
	if len(s.Refusals) != 1 || len(s.Decisions) != 1 {
		t.Fatalf("refusals %+v, decisions %+v: want the early signal refused and one decision", s.Refusals, s.Decisions)
	}
	wantText(t, "early signal", s.Refusals[0].Reason, "not open yet")
}

func TestSecondDecision(t *testing.T) {
	b := newBench(t)
	var first, again, sameID, other, flipped *answer
	b.after(time.Hour, func() {
		digest := b.status().Digest
		// The fence step asks again when the first decision is in force.
		b.world.on["fence"] = func() {
			again = b.update(step.DecideUpdate, decision(digest, "ann", true))
			sameID = b.updateID("one", step.DecideUpdate, decision(digest, "ann", true))
			other = b.update(step.DecideUpdate, decision(digest, "bob", true))
			flipped = b.update(step.DecideUpdate, decision(digest, "ann", false))
			b.env.SignalWorkflow(step.ApproveSignal, raw(decision(digest, "bob", true)))
		}
		first = b.updateID("one", step.DecideUpdate, decision(digest, "ann", true))
	})
	got, err := b.run(input{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Decision.By != "ann" || !got.Decision.Approved {
		t.Errorf("decision = %+v, want ann's approval", got.Decision)
	}
	wantText(t, "first", first.String(), "gate cutover approved by ann")
	wantText(t, "the same again", again.String(), "gate cutover was already approved by ann")
	if again.err != nil || sameID.err != nil {
		t.Errorf("the same decision again was refused: %v, with the same id: %v", again.err, sameID.err)
	}
	for name, a := range map[string]*answer{"by another": other, "the opposite": flipped} {
		if a.err == nil {
			t.Errorf("a second decision %s was accepted: %s", name, a)
		}
		wantText(t, "second decision "+name, a.String(), "already decided by ann at ", "changes nothing")
	}
	s := b.status()
	if len(s.Decisions) != 1 || len(s.Refusals) != 1 {
		t.Fatalf("decisions %+v, refusals %+v: want one of each", s.Decisions, s.Refusals)
	}
	wantText(t, "second signal", s.Refusals[0].Reason, "already decided by ann")
	b.wantLog(whole...)
}

// Two people decide within one workflow task: the first wins, the second is
// told, although the runbook has not moved in between.
func TestTwoDecisionsAtOnce(t *testing.T) {
	b := newBench(t)
	var first, second *answer
	b.after(time.Hour, func() {
		digest := b.status().Digest
		first = b.update(step.DecideUpdate, decision(digest, "ann", true))
		second = b.update(step.DecideUpdate, decision(digest, "bob", false))
	})
	if _, err := b.run(input{}); err != nil {
		t.Fatal(err)
	}
	if first.err != nil {
		t.Errorf("first decision refused: %v", first.err)
	}
	wantText(t, "second decision", second.String(), "already decided by ann")
	b.wantLog(whole...)
}

func TestOldEvidenceIsMeasuredAgain(t *testing.T) {
	b := newBench(t)
	var stale, fresh *answer
	var old string
	b.after(9*time.Minute, func() { old = b.status().Digest })
	b.after(11*time.Minute, func() {
		s := b.status()
		if s.Digest == old || s.Evidence.Facts[1].Value != "2" {
			t.Errorf("evidence after 11 minutes: %+v, want the second measurement", s.Evidence)
		}
		stale = b.update(step.DecideUpdate, decision(old, "ann", true))
	})
	b.after(12*time.Minute, func() {
		wantText(t, "decision on old evidence", stale.String(), "you read "+old+", current is "+b.status().Digest)
		fresh = b.approve()
	})
	if _, err := b.run(input{Gate: step.GateOptions{MaxAge: 10 * time.Minute}}); err != nil {
		t.Fatal(err)
	}
	if fresh.err != nil || b.world.measurements() != 2 {
		t.Errorf("decision on new evidence: %v after %d measurements, want it accepted after 2", fresh, b.world.measurements())
	}
}

func TestRemeasureOnDemand(t *testing.T) {
	b := newBench(t)
	var early, asked, stale *answer
	b.world.on["peer"] = func() { early = b.update(step.RemeasureUpdate, order("ann")) }
	b.after(time.Hour, func() {
		old := b.status().Digest
		asked = b.update(step.RemeasureUpdate, order("ann"))
		b.after(time.Minute, func() {
			stale = b.update(step.DecideUpdate, decision(old, "ann", true))
			b.approve()
		})
	})
	if _, err := b.run(input{}); err != nil {
		t.Fatal(err)
	}
	wantText(t, "remeasure before the gate", early.String(), "remeasure refused: no gate is open")
	wantText(t, "remeasure", asked.String(), "gate cutover measures again")
	wantText(t, "decision on the old digest", stale.String(), "evidence changed")
	if b.world.measurements() != 2 {
		t.Errorf("measured %d times, want 2", b.world.measurements())
	}
}

func TestEvidenceThatCannotBeMeasuredAgain(t *testing.T) {
	b := newBench(t)
	var refused *answer
	b.after(time.Hour, func() {
		old := b.status().Digest
		b.world.fail("measure", errors.New("master is away"))
		b.update(step.RemeasureUpdate, order("ann"))
		b.after(30*time.Second, func() {
			if s := b.status(); s.WaitingAt != "cutover" || s.Evidence != nil || !strings.Contains(s.Waiting, "master is away") {
				t.Errorf("status = %+v, want the gate open without evidence and the reason", s)
			}
			refused = b.update(step.DecideUpdate, decision(old, "ann", true))
			b.world.fail("measure", nil)
		})
		b.after(10*time.Minute, func() { b.approve() })
	})
	got, err := b.run(input{})
	if err != nil {
		t.Fatal(err)
	}
	if refused.err == nil || got.Outcome != step.Completed {
		t.Errorf("decision without evidence: %v; outcome %s, want a refusal and then %s", refused, got.Outcome, step.Completed)
	}
}

func TestFirstMeasurementFails(t *testing.T) {
	b := newBench(t)
	b.world.fail("measure", errors.New("master is away"))
	_, err := b.run(input{})
	if err == nil {
		t.Fatal("the run ended well, want the failure")
	}
	wantText(t, "error", err.Error(), "gate cutover: measure evidence", "master is away")
	b.wantLog("peer", "snapshot", "undo snapshot", "undo peer")
}

func TestTwoPersonRule(t *testing.T) {
	b := newBench(t)
	var own *answer
	b.after(time.Hour, func() {
		own = b.update(step.DecideUpdate, decision(b.status().Digest, "Starter", true))
		b.approve()
	})
	got, err := b.run(input{Gate: step.GateOptions{TwoPerson: true}})
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, "decision by the starter", own.String(), "needs a second person")
	if got.Decision.By != "ann" {
		t.Errorf("decided by %s, want ann", got.Decision.By)
	}
}

func TestRehearsalApprovesItself(t *testing.T) {
	b := newBench(t)
	got, err := b.run(input{Gate: step.GateOptions{AutoApprove: true}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Decision.By != step.RehearsalName || !got.Decision.Approved || got.Decision.Digest == "" {
		t.Errorf("decision = %+v, want an approval by rehearsal on a digest", got.Decision)
	}
	b.wantLog(whole...)
}

func TestPausedGateTakesNoDecision(t *testing.T) {
	b := newBench(t)
	var refused *answer
	b.after(time.Hour, func() { b.update(step.PauseUpdate, order("bob")) })
	b.after(3*time.Hour, func() {
		if b.world.measurements() != 1 {
			t.Errorf("measured %d times while paused, want only the first", b.world.measurements())
		}
		refused = b.approve()
	})
	b.after(4*time.Hour, func() { b.update(step.ResumeUpdate, order("bob")) })
	b.after(4*time.Hour+time.Minute, func() {
		if b.world.measurements() != 2 {
			t.Errorf("measured %d times after resume, want the old evidence renewed", b.world.measurements())
		}
		b.approve()
	})
	if _, err := b.run(input{Gate: step.GateOptions{MaxAge: 90 * time.Minute}}); err != nil {
		t.Fatal(err)
	}
	if refused.err == nil {
		t.Errorf("decision while paused was accepted: %s", refused)
	}
	wantText(t, "decision while paused", refused.String(), "paused by bob (because): resume it, then decide")
}

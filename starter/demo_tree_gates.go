package main

import (
	"context"
	"fmt"
	"strings"

	"drover/workflows"
	"drover/workflows/step"
)

// turn is what the demo does at an open gate.
type turn string

const (
	turnNone    turn = ""
	turnPlant   turn = "plant"   // changes the target, then asks for another round
	turnRestore turn = "restore" // approves the drift gate with that choice
	turnCutover turn = "cutover" // stops the writer, then approves
	turnApprove turn = "approve"
	turnWait    turn = "wait" // says what a person has to do
)

// treeGates decides what the demo does at each gate, once for each evidence.
type treeGates struct {
	yes     bool
	planted bool
	seen    string // gate and digest
}

func (g *treeGates) turn(s step.Status) turn {
	at := s.WaitingAt + " " + s.Digest
	if s.WaitingAt == "" || s.Digest == "" || at == g.seen {
		return turnNone
	}
	g.seen = at
	switch {
	case s.WaitingAt == workflows.GateCleanup:
		return turnApprove
	case s.WaitingAt == workflows.GateCutover && !g.planted:
		g.planted = true
		return turnPlant
	case !g.yes:
		return turnWait
	case s.WaitingAt == workflows.GateCutover:
		return turnCutover
	case s.WaitingAt == workflows.GateDrift:
		return turnRestore
	}
	return turnApprove
}

// maxAttempts bounds the cutovers that the demo itself approves, so that one
// which fails every time ends the demo.
const maxAttempts = 3

// act is what the demo does on every look at the run.
func (d *treeDemo) act(ctx context.Context, v view) error {
	if err := d.steer(ctx, v.Status.Phase); err != nil {
		return err
	}
	const yes = "the demo was started with --yes"
	switch d.gates.turn(v.Status) {
	case turnPlant:
		return d.drift(ctx, v)
	case turnRestore:
		d.app.say("deciding for you: %s", step.ApproveCommand(v.WorkflowID, v.Status.WaitingAt, v.Status.Digest, workflows.ChoiceRestore))
		return d.decide(ctx, v, workflows.ChoiceRestore, yes)
	case turnCutover:
		return d.cutover(ctx, v, yes)
	case turnApprove:
		reason := yes
		if v.Status.WaitingAt == workflows.GateCleanup {
			reason = "the demo needs its snapshots no more"
		}
		return d.decide(ctx, v, "", reason)
	case turnWait:
		d.app.say("%s", waitWords(v))
	}
	return nil
}

// waitWords says what a person has to do, with the command to the letter where
// the gate's own leaves a choice.
func waitWords(v view) string {
	s := v.Status
	switch s.WaitingAt {
	case workflows.GateDrift:
		return "waiting for you, in another terminal: " + step.ApproveCommand(v.WorkflowID, s.WaitingAt, s.Digest, workflows.ChoiceRestore)
	case workflows.GateCutover:
		return "waiting for you: the command above, in another terminal; the demo stops its writer as soon as you approve, as people do before"
	}
	return "waiting for you: the command above, in another terminal"
}

// drift has somebody else change the target, and then a round that must find it.
func (d *treeDemo) drift(ctx context.Context, v view) error {
	planted, err := d.plant(ctx)
	if err != nil {
		return fmt.Errorf("change the target behind the mirror's back: %w", err)
	}
	d.report.Drift.Planted = planted
	d.app.say("not yet: somebody has just changed the target behind the mirror's back (%s appended to, %q added); another round must find that", planted[0], planted[1])
	order := map[string]string{"by": "demo", "reason": "a round after the target was changed"}
	return d.world.tell(ctx, v, step.RemeasureUpdate, "demo/remeasure/"+v.Status.Digest, order)
}

// cutover stops the writer, then approves: the freeze is the time between.
func (d *treeDemo) cutover(ctx context.Context, v view, reason string) error {
	if d.report.Attempts++; d.report.Attempts > maxAttempts {
		return fail(codeFailed, "the cutover failed %d times: %s", maxAttempts, lastNote(v.Status)).try("drover status " + d.id)
	}
	d.app.say("stopping the writer, then approving: the freeze begins")
	d.held = v.Status.Phase
	if err := d.writer.Hold(ctx); err != nil {
		return err
	}
	return d.decide(ctx, v, "", reason)
}

func lastNote(s step.Status) string {
	if len(s.Notes) == 0 {
		return "the run does not say why"
	}
	return s.Notes[len(s.Notes)-1].Text
}

// steer does with the writer what people do around a cutover: it stands still
// from the approval on, goes on at the source when the attempt failed, and at
// the target when that has taken over.
func (d *treeDemo) steer(ctx context.Context, phase string) error {
	switch writerAt(phase, d.held) {
	case writerAtTarget:
		d.writer.Switch(d.target)
	case writerHeld:
		d.held = phase
		return d.writer.Hold(ctx)
	case writerReleased:
		d.held = ""
		d.app.say("the cutover failed: the writer goes on at the source")
		d.writer.Release()
	}
	return nil
}

// writerTo is what a phase asks of the writer.
type writerTo string

const (
	writerUnchanged writerTo = ""
	writerHeld      writerTo = "held"
	writerReleased  writerTo = "released"
	writerAtTarget  writerTo = "at the target"
)

// writerAt tells what a phase asks of a writer that was stopped in phase held.
// That may be the phase of rounds still: the writer stops before the approval.
func writerAt(phase, held string) writerTo {
	in := func(name string) bool { return strings.HasPrefix(phase, name+"-") }
	switch {
	case phase == workflows.PhaseSwitch, phase == workflows.PhaseCleanup:
		return writerAtTarget
	case in(workflows.PhaseLastRound), in(workflows.PhaseVerify):
		return writerHeld
	case in(workflows.PhaseRounds) && held != "" && held != phase:
		return writerReleased
	}
	return writerUnchanged
}

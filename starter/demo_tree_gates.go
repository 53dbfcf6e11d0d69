package main

import (
	"context"
	"fmt"
	"slices"
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
	turnCutover turn = "cutover" // approves, a few times at most
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
	if v.Status.Phase == workflows.PhaseSwitch || v.Status.Phase == workflows.PhaseCleanup {
		d.writer.Switch(d.target)
	}
	const yes = "the demo was started with --yes"
	switch d.gates.turn(v.Status) {
	case turnPlant:
		return d.drift(ctx, v)
	case turnRestore:
		d.world.say("deciding for you: %s", step.ApproveCommand(v.WorkflowID, v.Status.WaitingAt, v.Status.Digest, workflows.ChoiceRestore))
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
		d.world.sayWaiting(v)
	}
	return nil
}

// drift has somebody else change the target, and then a round that must find it.
func (d *treeDemo) drift(ctx context.Context, v view) error {
	planted, err := d.plant(ctx)
	if err != nil {
		return fmt.Errorf("change the target behind the mirror's back: %w", err)
	}
	d.report.Drift.Planted = planted
	d.world.say("not yet: somebody has just changed the target behind the mirror's back (%s appended to, %q added); another round must find that", planted[0], planted[1])
	order := map[string]string{"by": "demo", "reason": "a round after the target was changed"}
	return d.world.tell(ctx, v, step.RoundUpdate, "demo/round/"+v.Status.Digest, order)
}

// cutover approves: from then on the run's own freeze refuses the writer.
func (d *treeDemo) cutover(ctx context.Context, v view, reason string) error {
	if d.report.Attempts++; d.report.Attempts > maxAttempts {
		return fail(codeFailed, "the cutover failed %d times: %s", maxAttempts, lastFailure(v.Status)).try("drover status " + d.id)
	}
	d.world.say("approving: the source is frozen under the writer, which keeps what is refused for the target")
	return d.decide(ctx, v, "", reason)
}

// lastFailure is what the run said last of a failed attempt.
func lastFailure(s step.Status) string {
	for _, note := range slices.Backward(s.Notes) {
		if strings.Contains(note.Text, "failed") {
			return note.Text
		}
	}
	return "the run does not say why"
}

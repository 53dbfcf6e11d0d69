package step

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"
)

// roundOrder asks for a round in a runbook that goes in rounds. One that is
// asked for twice before it begins is one round.
func (r *Run) roundOrder() order {
	return order{
		name: RoundUpdate, may: r.mayRound,
		description: `Asks for a round, in a run that goes in rounds: {"by":"…","reason":"…"}`,
		do: func(_ workflow.Context, o Order) string {
			r.state.Round = &o
			if open := r.state.Open; open != nil && open.elsewhere && !open.Decided {
				return "another round begins: the gate opens again with its evidence"
			}
			return "a round begins when what is running is done"
		},
	}
}

func (r *Run) mayRound() error {
	switch {
	case !r.subject.Rounds:
		return fmt.Errorf("round refused: %s does not go in rounds", r.subject.Runbook)
	case r.state.Committed != nil:
		return fmt.Errorf("round refused: the run passed its commit line at %s (%s), there are no rounds any more",
			stamp(r.state.Committed.At), r.state.Committed.What)
	case r.state.Abort != nil, r.ending:
		return fmt.Errorf("round refused: the run is ending, see the status")
	}
	return nil
}

// RoundBegins says that a round begins that serves whoever asked for one.
func (r *Run) RoundBegins() { r.state.Round = nil }

// renew reports whether the open gate is to close for evidence that the runbook
// makes by going on.
func (r *Run) renew(open *OpenGate, now time.Time) bool {
	return open.elsewhere && open.Evidence != nil && r.state.Paused == nil && (open.wanted(now) || r.state.Round != nil)
}

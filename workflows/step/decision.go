package step

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Decision is what a person says at a gate. The same JSON is the input of the
// update "decide" and of the signal "approve"; every field but choice is
// required, also approved, because a forgotten one must not be read as a
// rejection.
type Decision struct {
	Gate string `json:"gate"`
	// Digest is that of the evidence the person has read.
	Digest   string `json:"digest"`
	By       string `json:"by"`
	Reason   string `json:"reason"`
	Approved bool   `json:"approved"`
	// Choice says which of the ways on that a gate offers an approval takes;
	// empty at a gate that offers none.
	Choice string `json:"choice,omitempty"`
}

func (d Decision) verb() string {
	if d.Approved && d.Choice != "" {
		return "approved (" + d.Choice + ")"
	}
	if d.Approved {
		return "approved"
	}
	return "rejected"
}

// Decided is a decision that was accepted, with the evidence it is about.
type Decided struct {
	Decision
	At time.Time `json:"at"`
	// Door is how the decision came: "update decide", "signal approve" or
	// "rehearsal".
	Door     string   `json:"door"`
	Evidence Evidence `json:"evidence"`
}

// check says why d cannot be accepted now, nil when it can. It only looks.
// A decision equal to the one recorded is accepted again: a caller that lost
// the answer may repeat the question.
func (r *Run) check(d Decision, now time.Time) error {
	if last := r.decided(d.Gate); last != nil {
		if last.Decision == d {
			return nil
		}
		return fmt.Errorf("gate %s was already decided by %s at %s (%s): your decision changes nothing, see the status",
			d.Gate, last.By, stamp(last.At), last.verb())
	}
	switch {
	case r.ending:
		return fmt.Errorf("gate %s: the run is ending, there is nothing left to decide", d.Gate)
	case r.state.Abort != nil:
		return fmt.Errorf("gate %s: the run is being aborted by %s, there is nothing left to decide", d.Gate, r.state.Abort.By)
	case r.state.Open == nil || r.state.Open.Gate != d.Gate:
		return r.notOpen(d.Gate)
	}
	return r.checkOpen(r.state.Open, d, now)
}

func (r *Run) checkOpen(open *OpenGate, d Decision, now time.Time) error {
	switch {
	case r.state.Paused != nil:
		return fmt.Errorf("gate %s: the run was paused by %s (%s): resume it, then decide", d.Gate, r.state.Paused.By, r.state.Paused.Reason)
	case open.Evidence == nil || open.measuring:
		return fmt.Errorf("gate %s: the evidence is being measured: read the status in a moment and decide on the digest it then shows", d.Gate)
	case d.Digest != open.Evidence.Digest:
		return fmt.Errorf("gate %s: evidence changed: you read %s, current is %s (measured at %s): read the status again and decide on the current digest",
			d.Gate, d.Digest, open.Evidence.Digest, stamp(open.Evidence.MeasuredAt))
	case open.expired(now):
		return fmt.Errorf("gate %s: evidence %s is older than %s and is being measured again: read the status in a moment and decide on the digest it then shows",
			d.Gate, d.Digest, open.maxAge)
	case d.Approved && open.Evidence.Blocked != "":
		return fmt.Errorf("gate %s cannot be approved: %s: mend that and measure again (update %s), or reject", d.Gate, open.Evidence.Blocked, RemeasureUpdate)
	case open.twoPerson && strings.EqualFold(d.By, r.subject.StartedBy):
		return fmt.Errorf("gate %s needs a second person: %s started this run, somebody else must decide", d.Gate, d.By)
	}
	return open.checkChoice(d)
}

// checkChoice wants one of the gate's choices of an approval, and none where
// there is nothing to choose.
func (o *OpenGate) checkChoice(d Decision) error {
	switch {
	case d.Approved && len(o.choices) > 0 && !slices.Contains(o.choices, d.Choice):
		return fmt.Errorf("gate %s offers %s: approve it with \"choice\" set to one of them, or reject", d.Gate, strings.Join(o.choices, ", "))
	case d.Choice != "" && (!d.Approved || len(o.choices) == 0):
		return fmt.Errorf("gate %s: there is nothing to choose with %q: leave \"choice\" out", d.Gate, d.Choice)
	}
	return nil
}

func (r *Run) notOpen(gate string) error {
	known := r.subject.Gates
	if len(known) > 0 && !slices.Contains(known, gate) {
		return fmt.Errorf("%s has no gate %q: its gates are %s", r.subject.Runbook, gate, strings.Join(known, ", "))
	}
	if open := r.state.Open; open != nil {
		return fmt.Errorf("gate %s is not open: the run waits at gate %s, which is decided first", gate, open.Gate)
	}
	return fmt.Errorf("gate %s is not open yet: the run is in phase %q; wait until the status shows the gate and its evidence, then decide on that digest",
		gate, r.phase().Name)
}

// decided returns the decision that closed the newest opening of gate, nil
// when the gate was never decided or is open again.
func (r *Run) decided(gate string) *Decided {
	if open := r.state.Open; open != nil && open.Gate == gate && !open.Decided {
		return nil
	}
	for i := len(r.state.Decisions) - 1; i >= 0; i-- {
		if r.state.Decisions[i].Gate == gate {
			return &r.state.Decisions[i]
		}
	}
	return nil
}

func (r *Run) record(d Decision, door string, now time.Time) {
	open := r.state.Open
	open.Decided = true
	r.state.Decisions = append(r.state.Decisions, Decided{Decision: d, At: now, Door: door, Evidence: *open.Evidence})
}

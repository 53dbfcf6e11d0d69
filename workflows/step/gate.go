package step

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"
)

// Fact is one measured thing a person reads before deciding.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Evidence is what a gate is opened for.
type Evidence struct {
	// Digest covers what was measured, not when: the gate computes it.
	Digest string `json:"digest"`
	// MeasuredAt is when the facts were true; the gate fills a zero one.
	MeasuredAt time.Time `json:"measuredAt"`
	Facts      []Fact    `json:"facts"`
	// Markdown is shown below the table of facts; may be empty.
	Markdown string `json:"markdown,omitempty"`
	// Blocked says in words why the evidence does not allow an approval; the
	// gate can then be rejected or measured again only. Empty when it does.
	Blocked string `json:"blocked,omitempty"`
}

// digestLength is what a person can compare by eye, in hex digits (48 bits).
const digestLength = 12

// seal fills in the digest: SHA-256 over the JSON of the evidence without the
// digest and the time. A worker that dies before its workflow task is accepted
// leaves the measurement in history and the task to be done again, at another
// time: a status asked in between would show a digest nobody could decide on.
func (e Evidence) seal() (Evidence, error) {
	e.Digest = ""
	e.MeasuredAt = e.MeasuredAt.UTC()
	measured := e
	measured.MeasuredAt = time.Time{}
	text, err := encode(measured)
	if err != nil {
		return e, fmt.Errorf("digest of evidence: %w", err)
	}
	sum := sha256.Sum256(text)
	e.Digest = hex.EncodeToString(sum[:])[:digestLength]
	return e, nil
}

// GateOptions say how a gate behaves. The zero value waits for one person and
// never measures again by itself.
type GateOptions struct {
	// MaxAge is how long evidence may be decided on; older evidence is
	// measured again while the gate is open. Zero means for ever.
	MaxAge time.Duration
	// TwoPerson refuses a decision by whoever started the run.
	TwoPerson bool
	// AutoApprove lets the gate approve itself, by "rehearsal", or reject
	// itself on blocked evidence. It is for rehearsals only; the runbook must
	// refuse it elsewhere.
	AutoApprove bool
	// Permits says in words what happens after an approval.
	Permits string
	// Choices are the ways on among which an approval chooses; the first is
	// taken by AutoApprove. Empty when an approval says it all.
	Choices []string
	// Elsewhere is for evidence that the runbook makes by going on, not by
	// looking: when it is wanted anew Gate closes undecided with ErrRenew, and
	// the runbook opens it again.
	Elsewhere bool
}

// OpenGate is a gate that waits for a decision.
type OpenGate struct {
	Gate      string    `json:"gate"`
	OpenedAt  time.Time `json:"openedAt"`
	Evidence  *Evidence `json:"evidence,omitempty"`
	Remeasure bool      `json:"remeasure,omitempty"`
	// Trouble says why the evidence could not be measured again.
	Trouble string `json:"trouble,omitempty"`
	Decided bool   `json:"decided,omitempty"`
	Permits string `json:"permits,omitempty"`
	// ReceivedAt is when the workflow got the evidence. The age is counted
	// from here: measuring may take longer than MaxAge, and the clock of the
	// measuring machine may be wrong.
	ReceivedAt time.Time `json:"receivedAt"`

	measuring bool
	maxAge    time.Duration
	twoPerson bool
	choices   []string
	elsewhere bool
}

// wanted reports whether there is no evidence to decide on.
func (o *OpenGate) wanted(now time.Time) bool {
	return o.Evidence == nil || o.Remeasure || o.expired(now)
}

func (o *OpenGate) expired(now time.Time) bool {
	return o.maxAge > 0 && o.Evidence != nil && !now.Before(o.ReceivedAt.Add(o.maxAge))
}

// RehearsalName is who decides a gate with AutoApprove.
const RehearsalName = "rehearsal"

// retryMeasure is how long a gate waits after evidence could not be measured
// again; the activities inside measure have retried for long before that.
const retryMeasure = time.Minute

// Gate measures the evidence, shows it and blocks until a person decides on
// it. A rejection is an answer, not an error: look at Decision.Approved.
//
// The first measurement must succeed. When a later one fails the gate stays
// open without evidence, so nothing can be decided, and tries again. Gate
// returns an error wrapping ErrAborted after an abort and ErrContinue when the
// history has grown long, which a gate that measures for weeks brings about.
func (r *Run) Gate(ctx workflow.Context, gate string, measure func(workflow.Context) (Evidence, error), o GateOptions) (Decision, error) {
	if d := r.passed(gate); d != nil {
		return d.Decision, nil
	}
	if err := r.Checkpoint(ctx); err != nil {
		return Decision{}, err
	}
	open := r.open(ctx, gate, o)
	for !open.Decided {
		if r.renew(open, workflow.Now(ctx)) {
			r.state.Open = nil
			r.show(ctx)
			return Decision{}, ErrRenew
		}
		// A paused run measures nothing; the evidence is renewed on resume.
		if r.state.Paused == nil && open.wanted(workflow.Now(ctx)) {
			if err := r.measure(ctx, open, measure); err != nil {
				return Decision{}, err
			}
		}
		if o.AutoApprove && open.Evidence != nil && r.state.Paused == nil {
			r.rehearse(ctx, open)
			break
		}
		if err := r.awaitDecision(ctx, open); err != nil {
			return Decision{}, err
		}
	}
	d := r.state.Decisions[len(r.state.Decisions)-1].Decision
	r.state.Open = nil
	r.show(ctx)
	return d, nil
}

// Settle says that what was decided at the gate so far is done with: a run that
// opens the gate in every round, and does not go through its former rounds again
// when it continues as new, would take an old answer for a new question.
func (r *Run) Settle(gate string) {
	n := 0
	for _, d := range r.state.Decisions {
		if d.Gate == gate {
			n++
		}
	}
	if r.state.Settled == nil {
		r.state.Settled = map[string]int{}
	}
	r.state.Settled[gate] = n
	delete(r.carried.gates, gate)
}

// passed returns the decision of a gate this run went through before it
// continued as new, once per opening.
func (r *Run) passed(gate string) *Decided {
	left := r.carried.gates[gate]
	if left <= 0 {
		return nil
	}
	r.carried.gates[gate] = left - 1
	if open := r.state.Open; open != nil && open.Gate == gate && open.Decided && left == 1 {
		r.state.Open = nil
	}
	for i := len(r.state.Decisions) - 1; i >= 0; i-- {
		if r.state.Decisions[i].Gate != gate {
			continue
		}
		if left--; left == 0 {
			return &r.state.Decisions[i]
		}
	}
	return nil
}

func (r *Run) open(ctx workflow.Context, gate string, o GateOptions) *OpenGate {
	if r.state.Open == nil || r.state.Open.Gate != gate {
		r.state.Open = &OpenGate{Gate: gate, OpenedAt: workflow.Now(ctx).UTC()}
	}
	open := r.state.Open
	open.Permits, open.maxAge, open.twoPerson, open.choices, open.elsewhere = o.Permits, o.MaxAge, o.TwoPerson, o.Choices, o.Elsewhere
	r.show(ctx)
	return open
}

func (r *Run) measure(ctx workflow.Context, open *OpenGate, measure func(workflow.Context) (Evidence, error)) error {
	first := open.Evidence == nil && open.Trouble == ""
	open.measuring, open.Remeasure = true, false
	r.show(ctx)
	e, err := measure(ctx)
	if err == nil {
		if e.MeasuredAt.IsZero() {
			e.MeasuredAt = workflow.Now(ctx)
		}
		e, err = e.seal()
	}
	open.measuring = false
	switch {
	case r.state.Abort != nil:
		r.state.Open = nil
		return r.aborted()
	case err != nil && first:
		r.state.Open = nil
		return fmt.Errorf("gate %s: measure evidence: %w", open.Gate, err)
	case err != nil:
		open.Evidence, open.Trouble = nil, err.Error()
	default:
		open.Evidence, open.Trouble = &e, ""
	}
	open.ReceivedAt = workflow.Now(ctx).UTC()
	r.show(ctx)
	return nil
}

// awaitDecision blocks until something has to be done about the open gate.
func (r *Run) awaitDecision(ctx workflow.Context, open *OpenGate) error {
	if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && r.state.Paused == nil && r.state.Abort == nil {
		return ErrContinue
	}
	paused := r.state.Paused
	wake := func() bool {
		return open.Decided || r.state.Abort != nil || r.state.Paused != paused ||
			paused == nil && (open.Remeasure || r.renew(open, workflow.Now(ctx)))
	}
	var err error
	if wait := open.wait(workflow.Now(ctx)); wait > 0 && paused == nil {
		_, err = workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
			Timeout:      wait,
			TimerOptions: workflow.TimerOptions{Summary: "evidence of gate " + open.Gate + " grows old"},
		}, wake)
	} else {
		err = workflow.Await(ctx, wake)
	}
	if r.state.Abort != nil {
		r.state.Open = nil
		return r.aborted()
	}
	return err
}

// wait is the time until the gate has to measure again by itself, zero when
// only a person can move it.
func (o *OpenGate) wait(now time.Time) time.Duration {
	switch {
	case o.Evidence == nil:
		return retryMeasure
	case o.maxAge <= 0:
		return 0
	}
	return max(o.ReceivedAt.Add(o.maxAge).Sub(now), 0)
}

// rehearse decides without a person, as a careful one would.
func (r *Run) rehearse(ctx workflow.Context, open *OpenGate) {
	d := Decision{
		Gate: open.Gate, Digest: open.Evidence.Digest, By: RehearsalName,
		Reason: "approved without a person: this is a rehearsal", Approved: true,
	}
	if len(open.choices) > 0 {
		d.Choice = open.choices[0]
	}
	if open.Evidence.Blocked != "" {
		d.Choice = ""
		d.Approved, d.Reason = false, "rejected without a person: "+open.Evidence.Blocked
	}
	r.record(d, RehearsalName, workflow.Now(ctx).UTC())
}

// Rejected makes an error for Finish of a decision that was not an approval.
func Rejected(d Decision) error {
	if d.Approved {
		return nil
	}
	return fmt.Errorf("%w %s by %s: %s", ErrRejected, d.Gate, d.By, d.Reason)
}

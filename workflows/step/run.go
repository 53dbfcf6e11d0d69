// Package step is what every runbook is written with: it begins a run, names
// its phases, runs its activities, opens its gates, marks its commit line,
// takes things back when a run ends above that line, and works through long
// manifests in batches.
//
// It is a set of functions a runbook calls from top to bottom, not a framework
// that calls a runbook:
//
//	ctx, run, err := step.Begin(ctx, subject, in.State)
//	if err != nil { return Result{}, err }
//	err = m.run(ctx, run) // phases, Do, Undo, Gate, Commit, Batches
//	if errors.Is(err, step.ErrContinue) {
//		in.State, err = run.Carry(ctx)
//		if err != nil { return Result{}, err }
//		return Result{}, workflow.NewContinueAsNewError(ctx, HBaseMigration, in)
//	}
//	outcome, err := run.Finish(ctx, err)
//
// People talk to a run through updates, which are validated and always
// answered, and through signals for doors that have no update. A request
// that is refused changes nothing and is answered in words that say what to do.
package step

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"drover/internal/preflight"
)

// Names of what a run answers to.
const (
	// DecideUpdate takes a Decision and is answered with a sentence.
	DecideUpdate = "decide"
	// ApproveSignal takes the same JSON as DecideUpdate under the same rules;
	// what is refused is listed in the status.
	ApproveSignal = "approve"
	// PauseUpdate, ResumeUpdate and AbortUpdate take {"by":…,"reason":…}.
	PauseUpdate  = "pause"
	ResumeUpdate = "resume"
	AbortUpdate  = "abort"
	// RemeasureUpdate takes {"by":…,"reason":…} and makes an open gate measure
	// its evidence again.
	RemeasureUpdate = "remeasure"
	// RoundUpdate and RoundSignal take {"by":…,"reason":…} and ask a runbook
	// that goes in rounds for one.
	RoundUpdate = "round"
	RoundSignal = "round"
	// StatusQuery answers with a Status.
	StatusQuery = "status"
)

// Search attributes of a run, all of type Keyword. Workers register them and
// set Subject.Indexed where the server knows them: an upsert of an attribute
// it does not know fails every workflow task.
var (
	PhaseAttribute   = temporal.NewSearchAttributeKeyKeyword("DroverPhase")
	SiteAttribute    = temporal.NewSearchAttributeKeyKeyword("DroverSite")
	RunbookAttribute = temporal.NewSearchAttributeKeyKeyword("DroverRunbook")
)

var (
	// ErrAborted is what a step returns when a person aborted the run or
	// Temporal cancelled it. Hand it to Finish.
	ErrAborted = errors.New("run aborted")
	// ErrRejected is for a runbook whose gate was rejected: wrap it and hand
	// it to Finish, which then puts back what was done.
	ErrRejected = errors.New("rejected at gate")
	// ErrContinue asks the runbook to continue as new: call Carry.
	ErrContinue = errors.New("run continues as new")
	// ErrRenew is what Gate returns when GateOptions.Elsewhere is set and the
	// evidence is wanted anew: make it, then open the gate again.
	ErrRenew = errors.New("evidence is made anew")
)

// Subject says what a run is about. It is derived from the input of the
// runbook and is the same on every continuation.
type Subject struct {
	// Runbook is the workflow type, such as "HBaseMigration".
	Runbook string
	// Title says in a few words what is worked on, such as the tables.
	Title string
	// Site names the place or places, such as "a -> b".
	Site string
	// StartedBy is who started the run; the two-person rule compares with it.
	StartedBy string
	// Gates names every gate of the runbook in order, so that a decision on a
	// misspelt one is told so.
	Gates []string
	// Rounds says that the runbook goes in rounds, so that one can be asked for.
	Rounds bool
	// Indexed says that the server knows the search attributes.
	Indexed bool
}

// Run is one run of a runbook. It is used by workflow coroutines only.
type Run struct {
	subject Subject
	state   State
	outcome Outcome
	// carried counts what a continued run meets again from the top: phases
	// it was in and gates it has passed.
	carried struct {
		phases map[string]bool
		gates  map[string]int
	}
	doors  []door
	cancel workflow.CancelFunc
	ending bool
	// declared is where in the list of undos the runbook is; behind the end
	// of the list only while a continued run declares again.
	declared int
}

type runKey struct{}

// Begin opens a run and registers everything people can ask of it, before
// anything else happens. carried is nil on a fresh start and the State of the
// run before after a continue-as-new.
//
// The returned context replaces the caller's: an abort cancels it, Temporal's
// own cancellation reaches it only above the commit line.
func Begin(ctx workflow.Context, subject Subject, carried *State) (workflow.Context, *Run, error) {
	r := &Run{subject: subject}
	r.carried.phases = map[string]bool{}
	r.carried.gates = map[string]int{}
	if carried != nil {
		r.state = *carried
		r.state.Continued++
		for _, p := range r.state.Phases {
			r.carried.phases[p.Name] = true
		}
		for _, d := range r.state.Decisions {
			r.carried.gates[d.Gate]++
			if r.carried.gates[d.Gate] == 1 {
				r.carried.gates[d.Gate] -= r.state.Settled[d.Gate]
			}
		}
	} else {
		r.state.StartedAt = workflow.Now(ctx).UTC()
	}
	inner, cancel := workflow.NewDisconnectedContext(ctx)
	r.cancel = cancel
	if err := r.listen(ctx); err != nil {
		return nil, nil, fmt.Errorf("begin %s: %w", subject.Runbook, err)
	}
	inner = workflow.WithValue(inner, runKey{}, r)
	if r.state.Abort != nil {
		cancel()
	}
	r.show(ctx)
	return inner, r, nil
}

// Phase names the part of the runbook that begins now and ends the one
// before. Search attributes are written here and nowhere else. A continued run
// passes the phases it has already been in without a trace.
func (r *Run) Phase(ctx workflow.Context, name, detail string) {
	if r.carried.phases[name] {
		delete(r.carried.phases, name)
		if current := r.phase(); current.Name == name {
			r.carried.phases = map[string]bool{}
			r.index(ctx, name)
		}
		return
	}
	now := workflow.Now(ctx).UTC()
	r.endPhase(now)
	r.state.Phases = append(r.state.Phases, Phase{Name: name, Detail: detail, Started: now})
	r.index(ctx, name)
	r.show(ctx)
}

// Detail says anew what the current phase is doing.
func (r *Run) Detail(ctx workflow.Context, detail string) {
	if n := len(r.state.Phases); n > 0 {
		r.state.Phases[n-1].Detail = detail
	}
	r.show(ctx)
}

// Findings keeps what preflight found; a second call replaces the first.
func (r *Run) Findings(ctx workflow.Context, findings []preflight.Finding) {
	r.state.Findings = append([]preflight.Finding(nil), findings...)
	preflight.Sort(r.state.Findings)
	r.show(ctx)
}

// Note keeps a line for the status and the report.
func (r *Run) Note(ctx workflow.Context, format string, args ...any) {
	note := Note{At: workflow.Now(ctx).UTC(), Text: fmt.Sprintf(format, args...)}
	r.state.Notes = keepLast(append(r.state.Notes, note), keptNotes)
	r.show(ctx)
}

// Progress says how far a counted piece of work has come. A second call with
// the same name replaces the first.
func (r *Run) Progress(ctx workflow.Context, p Progress) {
	for i := range r.state.Progress {
		if r.state.Progress[i].Name == p.Name {
			r.state.Progress[i] = p
			r.show(ctx)
			return
		}
	}
	r.state.Progress = append(r.state.Progress, p)
	r.show(ctx)
}

// Checkpoint belongs before each step: it blocks while the run is paused and
// returns an error wrapping ErrAborted once an abort was accepted.
func (r *Run) Checkpoint(ctx workflow.Context) error {
	err := workflow.Await(ctx, func() bool { return r.state.Paused == nil || r.state.Abort != nil })
	if r.state.Abort != nil {
		return r.aborted()
	}
	return err
}

// Passable is Checkpoint where nobody may be kept waiting, such as while writes
// are refused: it never blocks and fails while the run is paused.
func (r *Run) Passable() error {
	switch {
	case r.state.Abort != nil:
		return r.aborted()
	case r.state.Paused != nil:
		return fmt.Errorf("%s paused the run (%s), and this cannot wait", r.state.Paused.By, r.state.Paused.Reason)
	}
	return nil
}

// Commit marks the point of no return: from here on an abort is refused in
// words, a cancellation is ignored, every declared undo is dropped. It fails when
// an abort was accepted before; otherwise nothing can come between.
func (r *Run) Commit(ctx workflow.Context, what string) error {
	if err := r.Checkpoint(ctx); err != nil {
		return err
	}
	if r.state.Committed == nil {
		r.state.Committed = &CommitLine{What: what, At: workflow.Now(ctx).UTC()}
		r.state.Undo, r.declared = nil, 0
		r.show(ctx)
	}
	return nil
}

// Committed reports whether the run is below its commit line.
func (r *Run) Committed() bool { return r.state.Committed != nil }

func (r *Run) phase() Phase {
	if n := len(r.state.Phases); n > 0 {
		return r.state.Phases[n-1]
	}
	return Phase{Name: "starting", Started: r.state.StartedAt}
}

func (r *Run) endPhase(now time.Time) {
	if n := len(r.state.Phases); n > 0 && r.state.Phases[n-1].Ended == nil {
		r.state.Phases[n-1].Ended = &now
	}
}

func (r *Run) index(ctx workflow.Context, phase string) {
	if !r.subject.Indexed {
		return
	}
	err := workflow.UpsertTypedSearchAttributes(ctx,
		PhaseAttribute.ValueSet(phase),
		SiteAttribute.ValueSet(r.subject.Site),
		RunbookAttribute.ValueSet(r.subject.Runbook),
	)
	if err != nil {
		// The index is for lists in the UI; the run does not depend on it.
		workflow.GetLogger(ctx).Warn("search attributes not written", "error", err)
	}
}

func (r *Run) aborted() error {
	return fmt.Errorf("%w by %s: %s", ErrAborted, r.state.Abort.By, r.state.Abort.Reason)
}

// stopped turns the cancellation an abort causes into ErrAborted.
func (r *Run) stopped(err error) error {
	if err != nil && r.state.Abort != nil && temporal.IsCanceledError(err) {
		return r.aborted()
	}
	return err
}

package step

import (
	"encoding/json"
	"strings"
	"time"

	"drover/internal/preflight"
)

// State is what a run takes along when it continues as new. It belongs into
// the input of the runbook as `State *step.State json:"state,omitempty"`.
//
// The struct only grows: a field is never renamed or given another meaning,
// because a newer worker continues what an older one began. It holds counts,
// digests and small results, never lists that grow with the data.
type State struct {
	// Continued counts how often the run has continued as new.
	Continued int       `json:"continued,omitempty"`
	StartedAt time.Time `json:"startedAt"`

	Phases    []Phase             `json:"phases,omitempty"`
	Open      *OpenGate           `json:"open,omitempty"`
	Decisions []Decided           `json:"decisions,omitempty"`
	Refusals  []Refusal           `json:"refusals,omitempty"`
	Findings  []preflight.Finding `json:"findings,omitempty"`
	Notes     []Note              `json:"notes,omitempty"`
	Progress  []Progress          `json:"progress,omitempty"`

	Paused *Order `json:"paused,omitempty"`
	// Round is who asked for a round that has not begun yet.
	Round     *Order      `json:"round,omitempty"`
	Abort     *Order      `json:"abort,omitempty"`
	Committed *CommitLine `json:"committed,omitempty"`
	Undo      []UndoStep  `json:"undo,omitempty"`
	Undone    []Undone    `json:"undone,omitempty"`

	// Cursors holds, per name given to Batches, the first item not yet done.
	Cursors map[string]int64 `json:"cursors,omitempty"`
	// Settled counts, by gate, the decisions that Settle put behind the run.
	Settled map[string]int `json:"settled,omitempty"`
	// Results holds what Once remembers, by key.
	Results map[string]json.RawMessage `json:"results,omitempty"`
}

// Phase is one part of a run with the times the workflow saw.
type Phase struct {
	Name    string    `json:"name"`
	Detail  string    `json:"detail,omitempty"`
	Started time.Time `json:"started"`
	// Ended is nil while the phase lasts.
	Ended *time.Time `json:"ended,omitempty"`
}

// Millis is the length of a phase that ended, and of an open one up to now.
func (p Phase) Millis(now time.Time) int64 {
	if p.Ended != nil {
		now = *p.Ended
	}
	return now.Sub(p.Started).Milliseconds()
}

// Note is a line worth keeping for the report.
type Note struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// Progress is how far a counted piece of work has come.
type Progress struct {
	Name  string `json:"name"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	// Unit names what is counted, in the plural, such as "files".
	Unit string `json:"unit,omitempty"`
}

// Order is an instruction of a person: to pause, to resume or to abort.
type Order struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	// Cancelled is set when the order was Temporal's cancellation.
	Cancelled bool `json:"cancelled,omitempty"`
}

// CommitLine says when and with what a run passed the point of no return.
type CommitLine struct {
	What string    `json:"what"`
	At   time.Time `json:"at"`
}

// Refusal is a request that changed nothing, and why.
type Refusal struct {
	At time.Time `json:"at"`
	// Door is how the request came, such as "signal approve".
	Door   string `json:"door"`
	Reason string `json:"reason"`
	// Payload is the beginning of what was sent.
	Payload string `json:"payload,omitempty"`
}

// Undone is one undo that ran, with what it says it did or why it could not.
type Undone struct {
	What   string    `json:"what"`
	Result string    `json:"result,omitempty"`
	Error  string    `json:"error,omitempty"`
	At     time.Time `json:"at"`
}

// Status answers the query "status": where the run is, since when, what it
// waits for and what happens next.
type Status struct {
	Runbook    string `json:"runbook"`
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	Title      string `json:"title,omitempty"`
	Site       string `json:"site,omitempty"`
	StartedBy  string `json:"startedBy,omitempty"`
	// Now is the time of the last event the workflow has seen.
	Now       time.Time `json:"now"`
	StartedAt time.Time `json:"startedAt"`
	Continued int       `json:"continued,omitempty"`

	// Phase names the current phase; Since is when it began.
	Phase  string    `json:"phase"`
	Since  time.Time `json:"since"`
	Detail string    `json:"detail,omitempty"`
	Phases []Phase   `json:"phases,omitempty"`
	// Waiting says in words what the run waits for.
	Waiting string `json:"waiting"`
	// Next says in words what happens next.
	Next string `json:"next"`

	// WaitingAt names the open gate, empty when none is open. Evidence and
	// Digest are what a decision is about; both are empty while the evidence
	// is measured.
	WaitingAt string    `json:"waitingAt,omitempty"`
	Evidence  *Evidence `json:"evidence,omitempty"`
	Digest    string    `json:"digest,omitempty"`
	// ApproveCommand is the command line that approves the open gate, empty
	// when its evidence cannot be approved.
	ApproveCommand string `json:"approveCommand,omitempty"`
	// Choices are what an approval of the open gate chooses from, if anything.
	Choices []string `json:"choices,omitempty"`

	Paused    *Order      `json:"paused,omitempty"`
	Aborting  *Order      `json:"aborting,omitempty"`
	Committed *CommitLine `json:"committed,omitempty"`
	// Outcome is empty until the run has ended.
	Outcome Outcome `json:"outcome,omitempty"`

	Decisions []Decided           `json:"decisions,omitempty"`
	Refusals  []Refusal           `json:"refusals,omitempty"`
	Findings  []preflight.Finding `json:"findings,omitempty"`
	Notes     []Note              `json:"notes,omitempty"`
	Progress  []Progress          `json:"progress,omitempty"`
	// Undo lists, newest first, what an abort would put back.
	Undo   []string `json:"undo,omitempty"`
	Undone []Undone `json:"undone,omitempty"`
}

const (
	keptRefusals = 20  // the newest ones; an operator reads the last few
	keptNotes    = 50  // notes of a run that loops must not grow the state
	keptPayload  = 200 // bytes of a refused payload worth showing
)

func keepLast[T any](list []T, n int) []T {
	if len(list) <= n {
		return list
	}
	return append([]T(nil), list[len(list)-n:]...)
}

// excerpt is the beginning of s in valid UTF-8, which is all that a payload
// of the server may hold.
func excerpt(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	return strings.ToValidUTF8(s, "")
}

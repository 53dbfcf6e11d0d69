// Package report turns the record of a run into something to read and to file:
// Markdown for people, HTML for a browser, JSON for programs. All three are
// pure functions of the record, so a report can be made again at any time and
// comes out the same.
package report

import (
	"encoding/json"
	"fmt"
	"time"

	"drover/internal/preflight"
)

// Verdict says what is known about the equality of source and target.
type Verdict string

const (
	// Match means that everything was compared and is equal.
	Match Verdict = "match"
	// Differ means that a difference was found.
	Differ Verdict = "differ"
	// Unproven means that something was not compared. It is not a match.
	Unproven Verdict = "unproven"
)

// Record is what happened in a run. Times are UTC, lengths are milliseconds.
type Record struct {
	Runbook    string    `json:"runbook"`
	Title      string    `json:"title,omitempty"`
	Site       string    `json:"site,omitempty"`
	WorkflowID string    `json:"workflowId"`
	RunID      string    `json:"runId,omitempty"`
	StartedBy  string    `json:"startedBy,omitempty"`
	StartedAt  time.Time `json:"startedAt"`
	EndedAt    time.Time `json:"endedAt"`

	// Outcome is that of package step, empty while the run lasts.
	Outcome string `json:"outcome"`
	// Reason says why a run did not complete.
	Reason  string  `json:"reason,omitempty"`
	Verdict Verdict `json:"verdict"`
	// Committed says what was committed, empty above the commit line.
	Committed   string     `json:"committed,omitempty"`
	CommittedAt *time.Time `json:"committedAt,omitempty"`

	Rows   int64   `json:"rows"`
	Cells  int64   `json:"cells"`
	Bytes  int64   `json:"bytes"`
	Tables []Table `json:"tables,omitempty"`
	// Tree is the result of a mirror, nil in other runs.
	Tree *Tree `json:"tree,omitempty"`

	// Acked and Lost are there only when a writer kept a ledger of what the
	// clusters acknowledged and all of it was read back.
	Acked *int64 `json:"acked,omitempty"`
	Lost  *int64 `json:"lost,omitempty"`

	// FreezeMillis is how long writes were refused; Freeze says where it went.
	FreezeMillis *int64 `json:"freezeMillis,omitempty"`
	Freeze       []Span `json:"freeze,omitempty"`
	Steps        []Span `json:"steps"`
	// Orchestration is the time in which neither a step ran nor anybody was
	// waited for; nil when it was not measured.
	Orchestration *int64 `json:"orchestrationMillis,omitempty"`

	Findings  []preflight.Finding `json:"findings,omitempty"`
	Decisions []Decision          `json:"decisions,omitempty"`
	Undone    []Undone            `json:"undone,omitempty"`
	Refusals  []Line              `json:"refusals,omitempty"`
	Notes     []Line              `json:"notes,omitempty"`
	// Left names what is still there and a person may want to remove.
	Left []string `json:"left,omitempty"`
}

// Table is the result for one table.
type Table struct {
	Name        string   `json:"name"`
	Verdict     Verdict  `json:"verdict"`
	Rows        int64    `json:"rows"`
	Cells       int64    `json:"cells"`
	Bytes       int64    `json:"bytes"`
	Differences []string `json:"differences,omitempty"`
	// Method says how equality was proved.
	Method string `json:"method,omitempty"`
}

// Tree is the result for a mirrored tree. Files, directories and bytes are what
// the comparison at the cutover covered, none before it.
type Tree struct {
	Name        string   `json:"name"`
	Verdict     Verdict  `json:"verdict"`
	Files       int64    `json:"files"`
	Directories int64    `json:"directories"`
	Bytes       int64    `json:"bytes"`
	Differences []string `json:"differences,omitempty"`
	// Method says how equality was proved.
	Method   string  `json:"method,omitempty"`
	Rounds   int     `json:"rounds"`
	Baseline Brought `json:"baseline"`
	Changes  Brought `json:"changes"` // by all rounds together
	// LastCommon is the last snapshot that both trees have.
	LastCommon string `json:"lastCommon,omitempty"`
	// WayBack is the command that mirrors from the target to the source from
	// there on, empty when there is none.
	WayBack string `json:"wayBack,omitempty"`
}

// Brought counts what was written to the target.
type Brought struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Span is a length of time with a name.
type Span struct {
	Name   string `json:"name"`
	Millis int64  `json:"millis"`
}

// Decision is what a person said at a gate, and what was read before.
type Decision struct {
	Gate     string    `json:"gate"`
	Approved bool      `json:"approved"`
	By       string    `json:"by"`
	Reason   string    `json:"reason"`
	Door     string    `json:"door,omitempty"`
	At       time.Time `json:"at"`
	// Digest is that of the evidence the decision named.
	Digest string `json:"digest"`
	Facts  []Fact `json:"facts,omitempty"`
}

// Fact is one line of evidence.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Undone is one thing that was put back, or could not be.
type Undone struct {
	What   string `json:"what"`
	Result string `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Line is a text with a time.
type Line struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// JSON is the record as one indented JSON object with a line end.
func JSON(r Record) ([]byte, error) {
	if r.Steps == nil {
		r.Steps = []Span{}
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("report of %s: %w", r.WorkflowID, err)
	}
	return append(text, '\n'), nil
}

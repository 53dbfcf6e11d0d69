// Package preflight is what the checks before a run have to say: findings as
// data, all of them at once, each with what was seen and what to do about it.
package preflight

import (
	"cmp"
	"slices"
)

// Severity says whether a finding stops a run.
type Severity string

const (
	// Block stops the run before it changes anything.
	Block Severity = "block"
	// Warn lets the run go on; a person should read it before the first gate.
	Warn Severity = "warn"
	// Info is for the record.
	Info Severity = "info"
)

func (s Severity) rank() int {
	switch s {
	case Block:
		return 0
	case Warn:
		return 1
	default:
		return 2
	}
}

// Finding is one thing a check saw.
type Finding struct {
	// ID is stable and short, such as "target-table-exists": documentation
	// and scripts refer to it.
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Subject is what the finding is about, such as a table or a site.
	Subject string `json:"subject"`
	// Seen is the fact that was observed.
	Seen string `json:"seen"`
	// Do is what the operator should do next; empty when there is nothing.
	Do string `json:"do,omitempty"`
}

// Sort orders findings for reading: the blocking ones first, then by id and
// subject, so that two runs of the same checks read the same.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Severity.rank(), b.Severity.rank()),
			cmp.Compare(a.ID, b.ID),
			cmp.Compare(a.Subject, b.Subject),
		)
	})
}

// Blocking returns the findings that stop a run, in the order given.
func Blocking(findings []Finding) []Finding {
	var blocking []Finding
	for _, f := range findings {
		if f.Severity == Block {
			blocking = append(blocking, f)
		}
	}
	return blocking
}

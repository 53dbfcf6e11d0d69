package main

import (
	"encoding/json"
	"fmt"
	"time"

	"drover/activities"
	"drover/internal/report"
	"drover/workflows"
	"drover/workflows/step"
)

// recordOf gathers what a report shows. A run that goes on, or that failed,
// has no result: its report rests on the status alone and proves nothing.
func recordOf(v view) (report.Record, error) {
	r := statusRecord(v)
	if len(v.result) == 0 {
		return r, nil
	}
	var result workflows.HBaseMigrationResult
	if err := json.Unmarshal(v.result, &result); err != nil {
		return r, fmt.Errorf("read the result of run %s: %w", v.WorkflowID, err)
	}
	r.Outcome, r.Verdict = string(result.Outcome), report.Verdict(result.Verdict)
	r.Left = result.Left
	if result.Reason != "" {
		r.Reason = result.Reason
	}
	if len(result.Findings) > 0 {
		r.Findings = result.Findings
	}
	r.Tables = tablesOf(result)
	for _, table := range r.Tables {
		r.Rows += table.Rows
		r.Cells += table.Cells
		r.Bytes += table.Bytes
	}
	if f := result.Freeze; f != nil {
		r.FreezeMillis = &f.TotalMillis
		r.Freeze = []report.Span{
			{Name: "fence", Millis: f.FenceMillis},
			{Name: "drain", Millis: f.DrainMillis},
			{Name: "delta proof", Millis: f.DeltaMillis},
			{Name: "open", Millis: f.OpenMillis},
		}
	}
	return r, nil
}

// statusRecord is the part every run has.
func statusRecord(v view) report.Record {
	s := v.Status
	r := report.Record{
		Runbook: v.Runbook, Title: s.Title, Site: s.Site, WorkflowID: v.WorkflowID, RunID: v.RunID,
		StartedBy: s.StartedBy, StartedAt: v.started.UTC(), EndedAt: v.endedAt.UTC(),
		Outcome: string(s.Outcome), Verdict: report.Unproven, Reason: v.Problem, Findings: s.Findings,
	}
	if v.closed() && r.Outcome == "" {
		r.Outcome = string(v.State)
	}
	if c := s.Committed; c != nil {
		r.Committed, r.CommittedAt = c.What, &c.At
	}
	now := s.Now
	if !v.closed() {
		now = time.Now()
	}
	for _, phase := range s.Phases {
		r.Steps = append(r.Steps, report.Span{Name: phase.Name, Millis: phase.Millis(now)})
	}
	for _, d := range s.Decisions {
		r.Decisions = append(r.Decisions, decisionOf(d))
	}
	for _, u := range s.Undone {
		r.Undone = append(r.Undone, report.Undone{What: u.What, Result: u.Result, Error: u.Error})
	}
	for _, f := range s.Refusals {
		r.Refusals = append(r.Refusals, report.Line{At: f.At, Text: f.Door + ": " + f.Reason})
	}
	for _, n := range s.Notes {
		r.Notes = append(r.Notes, report.Line{At: n.At, Text: n.Text})
	}
	return r
}

func decisionOf(d step.Decided) report.Decision {
	decision := report.Decision{
		Gate: d.Gate, Approved: d.Approved, By: d.By, Reason: d.Reason, Door: d.Door, At: d.At, Digest: d.Digest,
	}
	for _, fact := range d.Evidence.Facts {
		decision.Facts = append(decision.Facts, report.Fact{Name: fact.Name, Value: fact.Value})
	}
	return decision
}

// tablesOf joins what was compared before the gate with what was compared
// under the fence.
func tablesOf(result workflows.HBaseMigrationResult) []report.Table {
	deltas := map[string]activities.DeltaResult{}
	for _, delta := range result.Delta {
		deltas[delta.Table] = delta
	}
	var tables []report.Table
	for _, seen := range result.Verified {
		table := report.Table{
			Name: seen.Table, Verdict: report.Verdict(seen.Verdict), Rows: seen.Rows, Cells: seen.Cells, Bytes: seen.Bytes,
			Differences: seen.Differences, Method: "every cell of every version, while writes went on",
		}
		if delta, ok := deltas[seen.Table]; ok {
			table.Verdict = report.Verdict(delta.Verdict)
			table.Differences = append(table.Differences, delta.Differences...)
			table.Method += fmt.Sprintf("; under the fence %d rows named by %d new files, %d of %d regions in full",
				delta.RowsCompared, delta.NewFiles, delta.RegionsFull, delta.Regions)
		}
		tables = append(tables, table)
	}
	return tables
}

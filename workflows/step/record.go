package step

import "drover/internal/report"

// Record is what the report says of the run itself: times, decisions, what was
// found, refused and put back. The runbook adds what it measured.
func (s Status) Record() report.Record {
	r := report.Record{
		Runbook: s.Runbook, Title: s.Title, Site: s.Site, WorkflowID: s.WorkflowID, RunID: s.RunID,
		StartedBy: s.StartedBy, StartedAt: s.StartedAt, Outcome: string(s.Outcome),
		Verdict: report.Unproven, Findings: s.Findings,
	}
	if s.Outcome != "" {
		r.EndedAt = s.Now
	}
	if s.Committed != nil {
		r.Committed, r.CommittedAt = s.Committed.What, &s.Committed.At
	}
	if s.Aborting != nil {
		r.Reason = "aborted by " + s.Aborting.By + ": " + s.Aborting.Reason
	}
	for _, p := range s.Phases {
		r.Steps = append(r.Steps, report.Span{Name: p.Name, Millis: p.Millis(s.Now)})
	}
	for _, d := range s.Decisions {
		r.Decisions = append(r.Decisions, d.report())
		if !d.Approved && s.Outcome == RejectedOutcome {
			r.Reason = "gate " + d.Gate + " by " + d.By + ": " + d.Reason
		}
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

func (d Decided) report() report.Decision {
	told := report.Decision{
		Gate: d.Gate, Approved: d.Approved, By: d.By, Reason: d.Reason,
		Door: d.Door, At: d.At, Digest: d.Digest,
	}
	for _, f := range d.Evidence.Facts {
		told.Facts = append(told.Facts, report.Fact{Name: f.Name, Value: f.Value})
	}
	return told
}

package main

import (
	"encoding/json"
	"fmt"

	"drover/activities"
	"drover/internal/report"
	"drover/workflows"
)

// recordOf gathers what a report shows. A run that goes on, or that failed,
// has no result: its report rests on the status alone and proves nothing.
func recordOf(v view) (report.Record, error) {
	r := statusRecord(v)
	if len(v.result) == 0 {
		return r, nil
	}
	if v.Runbook == "HDFSMirror" {
		return mirrorRecord(v, r)
	}
	var result workflows.HBaseMigrationResult
	if err := json.Unmarshal(v.result, &result); err != nil {
		return r, fmt.Errorf("read the result of run %s: %w", v.WorkflowID, err)
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

// mirrorRecord fills in what a mirror ended with.
func mirrorRecord(v view, r report.Record) (report.Record, error) {
	var result workflows.HDFSMirrorResult
	if err := json.Unmarshal(v.result, &result); err != nil {
		return r, fmt.Errorf("read the result of run %s: %w", v.WorkflowID, err)
	}
	tree, err := treeOf(result)
	if err != nil {
		return r, fmt.Errorf("read the result of run %s: %w", v.WorkflowID, err)
	}
	tree.Name = r.Title
	r.Tree, r.Bytes = &tree, tree.Bytes
	if f := result.Freeze; f != nil {
		r.FreezeMillis = &f.TotalMillis
		r.Freeze = []report.Span{{Name: "last round", Millis: f.RoundMillis}, {Name: "verification", Millis: f.VerifyMillis}}
	}
	return r, nil
}

func treeOf(result workflows.HDFSMirrorResult) (report.Tree, error) {
	seen := result.Verified
	tree := report.Tree{
		Verdict: report.Verdict(result.Verdict), Files: seen.Files, Directories: seen.Directories, Bytes: seen.Bytes, Differences: seen.Differences,
		Rounds: result.Rounds, LastCommon: result.LastCommon, Baseline: brought(result.Baseline), Changes: brought(result.Copied),
	}
	if seen.Verdict != "" {
		tree.Method = "content by checksum and attributes, against the source's snapshot " + result.LastCommon
	}
	if result.Reverse == nil {
		return tree, nil
	}
	var err error
	tree.WayBack, err = startCommand("HDFSMirror", result.Reverse)
	return tree, err
}

func brought(c activities.MirrorCopied) report.Brought {
	return report.Brought{Files: c.Copied + c.Appended, Bytes: c.Bytes}
}

// statusRecord is the part every run has: what the run says of itself, and
// what Temporal knows of one that cannot say anything any more.
func statusRecord(v view) report.Record {
	r := v.Status.Record()
	r.Runbook, r.WorkflowID, r.RunID = v.Runbook, v.WorkflowID, v.RunID
	r.StartedAt, r.EndedAt = v.started.UTC(), v.endedAt.UTC()
	if v.Problem != "" {
		r.Reason = v.Problem
	}
	if len(v.end.Findings) > 0 {
		r.Findings = v.end.Findings
	}
	r.Left = v.end.Left
	if v.Verdict != "" {
		r.Verdict = report.Verdict(v.Verdict)
	}
	if v.closed() && r.Outcome == "" {
		r.Outcome = string(v.State)
	}
	return r
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
			table.Method += underTheFence(delta)
		}
		tables = append(tables, table)
	}
	return tables
}

func underTheFence(d activities.DeltaResult) string {
	if d.Method == "full" {
		return fmt.Sprintf("; under the fence all %d rows again", d.RowsCompared)
	}
	return fmt.Sprintf("; under the fence %d rows compared because of %d new files, %d of %d regions in full",
		d.RowsCompared, d.NewFiles, d.RegionsFull, d.Regions)
}

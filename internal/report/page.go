package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"drover/internal/preflight"
)

// page is a report as sections of rows, before it becomes Markdown or HTML.
type page struct {
	Title    string
	Lead     string
	Sections []section
}

// section is a table; Head is nil for a list of single texts.
type section struct {
	Title string
	Head  []string
	Rows  [][]string
	// Number tells which columns, counted from 0, hold numbers from there on.
	Number int
}

const noNumbers = 1 << 10

func (p *page) add(s section) {
	if len(s.Rows) > 0 {
		p.Sections = append(p.Sections, s)
	}
}

func lay(r Record) page {
	p := page{Title: strings.TrimSpace(r.Runbook + " " + r.Title), Lead: lead(r)}
	p.add(summary(r))
	p.add(tables(r))
	p.add(tree(r.Tree))
	p.add(section{Title: "Differences", Rows: differences(r)})
	p.add(section{Title: "Write freeze", Head: []string{"Part", "Time"}, Rows: spans(r.Freeze), Number: 1})
	p.add(section{Title: "Time per step", Head: []string{"Step", "Time"}, Rows: spans(r.Steps), Number: 1})
	p.add(decisions(r))
	for _, d := range r.Decisions {
		rows := make([][]string, len(d.Facts))
		for i, f := range d.Facts {
			rows[i] = []string{f.Name, f.Value}
		}
		p.add(section{Title: "Evidence " + d.Digest + " of gate " + d.Gate, Head: []string{"Fact", "Value"}, Rows: rows, Number: noNumbers})
	}
	p.add(undone(r))
	p.add(section{Title: "Left behind", Rows: single(r.Left)})
	p.add(findings(r.Findings))
	p.add(section{Title: "Refused requests", Head: []string{"Time", "Why"}, Rows: lines(r.Refusals), Number: noNumbers})
	p.add(section{Title: "Notes", Head: []string{"Time", "Note"}, Rows: lines(r.Notes), Number: noNumbers})
	return p
}

// lead is the sentence that must be understood when nothing else is read.
func lead(r Record) string {
	text := "The run is not over."
	switch {
	case r.Outcome == "completed" && r.Verdict == Match:
		text = "Completed: everything was compared and is equal."
	case r.Outcome == "completed" && r.Verdict == Differ:
		text = "Completed, but source and target DIFFER."
	case r.Outcome == "completed":
		text = "Completed, but NOT everything was compared: equality is unproven."
	case r.Outcome != "":
		text = strings.ToUpper(r.Outcome[:1]) + r.Outcome[1:] + "."
		if r.Reason != "" {
			text = strings.TrimSuffix(text, ".") + ": " + r.Reason
		}
	}
	if r.Lost != nil && *r.Lost > 0 {
		text += fmt.Sprintf(" %s acknowledged writes are LOST.", humanize.Comma(*r.Lost))
	}
	return text
}

func summary(r Record) section {
	s := section{Title: "Summary", Head: []string{"What", "Value"}, Number: noNumbers}
	row := func(name, value string) {
		if value != "" {
			s.Rows = append(s.Rows, []string{name, value})
		}
	}
	row("Verdict", string(r.Verdict))
	row("Outcome", r.Outcome)
	if r.Tree == nil {
		row("Rows", humanize.Comma(r.Rows))
		row("Cells", humanize.Comma(r.Cells))
		row("Bytes", humanize.Comma(r.Bytes)+" ("+size(r.Bytes)+")")
	}
	row("Acknowledged writes", optional(r.Acked, humanize.Comma))
	row("Lost writes", optional(r.Lost, humanize.Comma))
	row("Write freeze", optional(r.FreezeMillis, length))
	row("Orchestration", optional(r.Orchestration, length))
	row("Started", stamp(r.StartedAt)+by(r.StartedBy))
	row("Ended", stamp(r.EndedAt))
	if !r.StartedAt.IsZero() && !r.EndedAt.IsZero() {
		row("Took", length(r.EndedAt.Sub(r.StartedAt).Milliseconds()))
	}
	if r.CommittedAt != nil {
		row("Commit line", stamp(*r.CommittedAt)+": "+r.Committed)
	}
	row("Sites", r.Site)
	row("Workflow", r.WorkflowID)
	row("Run", r.RunID)
	return s
}

func tables(r Record) section {
	s := section{Title: "Tables", Head: []string{"Table", "Verdict", "Proof", "Rows", "Cells", "Bytes"}, Number: 3}
	for _, t := range r.Tables {
		s.Rows = append(s.Rows, []string{
			t.Name, string(t.Verdict), t.Method,
			humanize.Comma(t.Rows), humanize.Comma(t.Cells), humanize.Comma(t.Bytes),
		})
	}
	return s
}

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

func tree(t *Tree) section {
	s := section{Title: "Tree", Head: []string{"What", "Value"}, Number: noNumbers}
	if t == nil {
		return s
	}
	row := func(name, format string, args ...any) {
		s.Rows = append(s.Rows, []string{name, fmt.Sprintf(format, args...)})
	}
	row("Tree", "%s", t.Name)
	if t.Method != "" {
		row("Proof", "%s: %s", t.Verdict, t.Method)
		row("Compared", "%s files, %s directories, %s", humanize.Comma(t.Files), humanize.Comma(t.Directories), size(t.Bytes))
	}
	row("Baseline", "%s files, %s", humanize.Comma(t.Baseline.Files), size(t.Baseline.Bytes))
	row("Rounds", "%d, with %s files, %s", t.Rounds, humanize.Comma(t.Changes.Files), size(t.Changes.Bytes))
	if t.LastCommon != "" {
		row("Last common snapshot", "%s", t.LastCommon)
	}
	if t.WayBack != "" {
		row("Way back", "%s", t.WayBack)
	}
	return s
}

func differences(r Record) (rows [][]string) {
	if r.Tree != nil {
		rows = single(r.Tree.Differences)
	}
	for _, t := range r.Tables {
		for _, d := range t.Differences {
			rows = append(rows, []string{t.Name + ": " + d})
		}
	}
	return rows
}

func decisions(r Record) section {
	s := section{Title: "Decisions", Head: []string{"Gate", "Decision", "Who", "Why", "When", "Evidence", "Door"}, Number: noNumbers}
	for _, d := range r.Decisions {
		word := "rejected"
		if d.Approved {
			word = "approved"
		}
		s.Rows = append(s.Rows, []string{d.Gate, word, d.By, d.Reason, stamp(d.At), d.Digest, d.Door})
	}
	return s
}

func undone(r Record) section {
	s := section{Title: "Put back", Head: []string{"What", "Result"}, Number: noNumbers}
	for _, u := range r.Undone {
		result := u.Result
		switch {
		case u.Error != "":
			result = "FAILED, to be done by hand: " + u.Error
		case result == "":
			result = "nothing to put back"
		}
		s.Rows = append(s.Rows, []string{u.What, result})
	}
	return s
}

func findings(found []preflight.Finding) section {
	s := section{Title: "Preflight", Head: []string{"Severity", "Finding", "Subject", "Seen", "What to do"}, Number: noNumbers}
	sorted := append([]preflight.Finding(nil), found...)
	preflight.Sort(sorted)
	for _, f := range sorted {
		s.Rows = append(s.Rows, []string{string(f.Severity), f.ID, f.Subject, f.Seen, f.Do})
	}
	return s
}

func spans(list []Span) (rows [][]string) {
	for _, s := range list {
		rows = append(rows, []string{s.Name, length(s.Millis)})
	}
	return rows
}

func lines(list []Line) (rows [][]string) {
	for _, l := range list {
		rows = append(rows, []string{stamp(l.At), l.Text})
	}
	return rows
}

func single(list []string) (rows [][]string) {
	for _, text := range list {
		rows = append(rows, []string{text})
	}
	return rows
}

func optional(n *int64, format func(int64) string) string {
	if n == nil {
		return ""
	}
	return format(*n)
}

func by(name string) string {
	if name == "" {
		return ""
	}
	return " by " + name
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// length writes milliseconds with the precision a reader can use.
func length(millis int64) string {
	d := time.Duration(millis) * time.Millisecond
	switch {
	case d < time.Second:
		return strconv.FormatInt(millis, 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	default:
		return d.Round(time.Second).String()
	}
}

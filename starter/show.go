package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"drover/internal/preflight"
	"drover/workflows"
	"drover/workflows/step"
)

// page collects text and remembers the first failed write, so that printing
// reads like the page it prints.
type page struct {
	w   io.Writer
	err error
}

func (p *page) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// field prints one labelled line, nothing for an empty value.
func (p *page) field(label, value string) {
	if value != "" {
		p.line("  %-9s %s", label, value)
	}
}

func (p *page) table(header table.Row, rows []table.Row, wide ...table.ColumnConfig) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.Style().Box.PaddingLeft = "  "
	t.Style().Box.PaddingRight = ""
	if header != nil {
		t.AppendHeader(header)
	}
	t.AppendRows(rows)
	t.SetColumnConfigs(wide)
	for line := range strings.SplitSeq(t.Render(), "\n") {
		p.line("%s", strings.TrimRight(line, " "))
	}
}

// showView answers: where, since when, waiting on what, what happens next.
func showView(w io.Writer, v view) error {
	p := &page{w: w}
	s := v.Status
	p.line("%s %s", v.Runbook, s.Title)
	p.field("run", v.WorkflowID)
	p.field("state", stateLine(v))
	p.field("sites", s.Site)
	if s.Phase != "" {
		p.field("phase", phaseLine(s))
	}
	if !v.closed() {
		p.field("waiting", s.Waiting)
		p.field("next", s.Next)
	}
	p.field("problem", v.Problem)
	for _, progress := range append(append([]step.Progress{}, v.Running...), s.Progress...) {
		p.field("progress", progressLine(progress))
	}
	for _, again := range v.Retrying {
		p.field("retrying", retryLine(again))
	}
	p.field("committed", commitLine(s.Committed))
	p.field("paused", orderLine(s.Paused))
	p.field("aborting", orderLine(s.Aborting))
	for _, refusal := range s.Refusals {
		p.field("refused", fmt.Sprintf("%s, %s: %s", clock(refusal.At), refusal.Door, refusal.Reason))
	}
	for _, undone := range s.Undone {
		p.field("undone", undoneLine(undone))
	}
	p.field("UI", v.UI)
	if s.Outcome == workflows.OutcomeBlocked {
		p.line("")
		showFindings(p, s.Findings)
	}
	showEvidence(p, s)
	if s.Digest != "" {
		approve := step.ApproveCommand(v.WorkflowID, s.WaitingAt, s.Digest)
		p.line("")
		p.field("approve", s.ApproveCommand) // empty when the evidence does not allow it
		p.field("reject", strings.Replace(approve, "drover approve", "drover reject", 1))
	}
	return p.err
}

func showEvidence(p *page, s step.Status) {
	if s.Evidence == nil {
		return
	}
	p.line("")
	p.line("gate %s is open for evidence %s, measured %s", s.WaitingAt, s.Digest, ago(s.Evidence.MeasuredAt))
	var rows []table.Row
	for _, fact := range s.Evidence.Facts {
		rows = append(rows, table.Row{fact.Name, fact.Value})
	}
	p.table(nil, rows)
	if s.Evidence.Blocked != "" {
		p.line("\nit cannot be approved: %s", s.Evidence.Blocked)
	}
	if s.Evidence.Markdown != "" {
		p.line("\n%s", strings.TrimSpace(s.Evidence.Markdown))
	}
}

// wrapped keeps the sentences of a column from running off the screen.
func wrapped(column int) table.ColumnConfig {
	return table.ColumnConfig{Number: column, WidthMax: 44, WidthMaxEnforcer: text.WrapSoft}
}

func showFindings(p *page, findings []preflight.Finding) {
	var rows []table.Row
	for _, f := range findings {
		rows = append(rows, table.Row{f.Severity, f.ID, f.Subject, f.Seen, orNone(f.Do)})
	}
	p.table(table.Row{"severity", "id", "subject", "seen", "do"}, rows, wrapped(4), wrapped(5))
}

func stateLine(v view) string {
	line := string(v.State)
	if v.Status.Outcome != "" && string(v.Status.Outcome) != line {
		line += ", " + string(v.Status.Outcome)
	}
	if v.Verdict != "" {
		line += ", verdict " + v.Verdict
	}
	return line + ", started " + ago(v.started)
}

func phaseLine(s step.Status) string {
	line := s.Phase + ", since " + ago(s.Since)
	if s.Detail != "" {
		line += ": " + s.Detail
	}
	return line
}

func retryLine(r retry) string {
	times := "once"
	if r.Failed > 1 {
		times = fmt.Sprintf("%d times", r.Failed)
	}
	return fmt.Sprintf("%s failed %s, and is tried again: %s", r.Activity, times, r.Last)
}

func progressLine(p step.Progress) string {
	if p.Total <= 0 {
		return fmt.Sprintf("%s: %s %s", p.Name, humanize.Comma(p.Done), p.Unit)
	}
	return fmt.Sprintf("%s: %s of %s %s (%d %%)", p.Name, humanize.Comma(p.Done), humanize.Comma(p.Total), p.Unit, 100*p.Done/p.Total)
}

func commitLine(c *step.CommitLine) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%s: %s; from here the run only goes forward", clock(c.At), c.What)
}

func orderLine(o *step.Order) string {
	if o == nil {
		return ""
	}
	return fmt.Sprintf("by %s, %s: %s", o.By, ago(o.At), o.Reason)
}

func undoneLine(u step.Undone) string {
	if u.Error != "" {
		return u.What + ": NOT put back: " + u.Error
	}
	return u.What + ": " + u.Result
}

// ago gives a moment as people say it and as logs do.
func ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%s (%s)", humanize.Time(t), clock(t))
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

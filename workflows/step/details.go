package step

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"
)

// maxDetails keeps what is shown below the 20,000 bytes the server accepts.
const maxDetails = 18_000

// shownFacts is how many facts of evidence the details show; the status query
// has them all.
const shownFacts = 60

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// ApproveCommand is the command line that approves a gate on the evidence with
// the given digest; the person fills in name and reason, and keeps one of the
// choices where the gate offers some.
func ApproveCommand(workflowID, gate, digest string, choices ...string) string {
	choice := ""
	if len(choices) > 0 {
		choice = " --choice " + strings.Join(choices, "|")
	}
	return fmt.Sprintf(`drover approve %s --gate %s --digest %s%s --by NAME --reason "WHY"`, workflowID, gate, digest, choice)
}

// DecisionJSON is the input of update "decide" and signal "approve" that
// approves a gate on the given evidence.
func DecisionJSON(gate, digest string, choices ...string) string {
	choice := ""
	if len(choices) > 0 {
		choice = `,"choice":` + quoted(strings.Join(choices, "|"))
	}
	return fmt.Sprintf(`{"gate":%s,"digest":%s,"by":"NAME","reason":"WHY","approved":true%s}`, quoted(gate), quoted(digest), choice)
}

func quoted(s string) string {
	text, err := encode(s)
	if err != nil {
		return `""` // strings always marshal
	}
	return string(text)
}

func (r *Run) example() string {
	if open := r.state.Open; open != nil && open.Evidence != nil {
		return DecisionJSON(open.Gate, open.Evidence.Digest, open.choices...)
	}
	return DecisionJSON("GATE", "DIGEST")
}

// Status is the answer to the query of the same name. It only looks.
func (r *Run) Status(ctx workflow.Context) Status {
	info := workflow.GetInfo(ctx)
	phase := r.phase()
	s := Status{
		Runbook: r.subject.Runbook, Title: r.subject.Title, Site: r.subject.Site, StartedBy: r.subject.StartedBy,
		WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID,
		Now: workflow.Now(ctx).UTC(), StartedAt: r.state.StartedAt, Continued: r.state.Continued,
		Phase: phase.Name, Since: phase.Started, Detail: phase.Detail, Phases: r.state.Phases,
		Paused: r.state.Paused, Aborting: r.state.Abort, Committed: r.state.Committed, Outcome: r.outcome,
		Decisions: r.state.Decisions, Refusals: r.state.Refusals, Findings: r.state.Findings,
		Notes: r.state.Notes, Progress: r.state.Progress, Undone: r.state.Undone,
	}
	for i := len(r.state.Undo) - 1; i >= 0 && r.state.Committed == nil; i-- {
		s.Undo = append(s.Undo, r.state.Undo[i].What)
	}
	if open := r.state.Open; open != nil && !open.Decided {
		s.WaitingAt = open.Gate
		if open.Evidence != nil && !open.measuring {
			s.Evidence, s.Digest = open.Evidence, open.Evidence.Digest
			if open.Evidence.Blocked == "" {
				s.ApproveCommand = ApproveCommand(s.WorkflowID, open.Gate, s.Digest, open.choices...)
				s.Choices = open.choices
			}
		}
	}
	s.Waiting, s.Next = r.waiting()
	return s
}

// waiting says in words what the run waits for and what happens next.
func (r *Run) waiting() (waiting, next string) {
	open := r.state.Open
	switch {
	case r.outcome != "":
		return "nothing: the run has ended (" + string(r.outcome) + ")", "nothing"
	case r.ending:
		return "the last steps of the run", "the run ends"
	case r.state.Abort != nil:
		return "running steps to stop: aborted by " + r.state.Abort.By, fmt.Sprintf("%d steps are put back, then the run ends", len(r.state.Undo))
	case r.state.Paused != nil:
		return "a person to resume: paused by " + r.state.Paused.By + " (" + r.state.Paused.Reason + ")", "the run goes on where it stopped"
	case open == nil || open.Decided:
		return "the running step", "the next step of the runbook"
	case open.Trouble != "" && !open.measuring:
		return "evidence of gate " + open.Gate + ", which could not be measured: " + open.Trouble, "it is measured again within a minute"
	case open.Evidence == nil || open.measuring:
		return "evidence of gate " + open.Gate, "a person decides on it"
	}
	if open.Evidence.Blocked != "" {
		return "gate " + open.Gate + ", which cannot be approved: " + open.Evidence.Blocked,
			"a person mends that and measures again (update " + RemeasureUpdate + "), or rejects"
	}
	next = "after an approval the run goes on; after a rejection it does not"
	if open.Permits != "" {
		next = "after an approval: " + open.Permits
	}
	return "a person to decide gate " + open.Gate, next
}

// show renders the status as Markdown where the UI shows it.
func (r *Run) show(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, excerpt(markdown(r.Status(ctx)), maxDetails))
}

// page is Markdown in the making.
type page struct{ strings.Builder }

func (p *page) add(format string, args ...any) { p.WriteString(fmt.Sprintf(format, args...)) }

func markdown(s Status) string {
	var b page
	b.add("## %s %s\n\n", s.Runbook, oneLine(s.Title))
	b.add("**Phase** %s since %s", oneLine(s.Phase), stamp(s.Since))
	if s.Detail != "" {
		b.add(": %s", oneLine(s.Detail))
	}
	b.add("\n\n**Waiting for** %s\n\n**Next** %s\n", oneLine(s.Waiting), oneLine(s.Next))
	if s.Committed != nil {
		b.add("\n**Past the commit line** since %s: %s\n", stamp(s.Committed.At), oneLine(s.Committed.What))
	}
	for _, p := range s.Progress {
		b.add("\n%s: %d of %d %s\n", oneLine(p.Name), p.Done, p.Total, p.Unit)
	}
	writeEvidence(&b, s)
	writeLists(&b, s)
	return b.String()
}

func writeEvidence(b *page, s Status) {
	if s.Evidence == nil {
		return
	}
	b.add("\n### Gate %s: evidence %s, measured %s\n\n| Fact | Value |\n|---|---|\n", s.WaitingAt, s.Digest, stamp(s.Evidence.MeasuredAt))
	for i, f := range s.Evidence.Facts {
		if i == shownFacts {
			b.add("| … | %d more, see query status |\n", len(s.Evidence.Facts)-shownFacts)
			break
		}
		b.add("| %s | %s |\n", oneLine(f.Name), oneLine(f.Value))
	}
	if s.Evidence.Markdown != "" {
		b.add("\n%s\n", excerpt(s.Evidence.Markdown, maxDetails/2))
	}
	if s.ApproveCommand == "" {
		b.add("\n**This evidence cannot be approved:** %s\n", oneLine(s.Evidence.Blocked))
		return
	}
	b.add("\nTo approve, on the command line:\n\n```\n%s\n```\n", s.ApproveCommand)
	b.add("\nor as input of update `%s` (answers) or signal `%s` in this UI; `\"approved\":false` rejects:\n\n```json\n%s\n```\n",
		DecideUpdate, ApproveSignal, DecisionJSON(s.WaitingAt, s.Digest, s.Choices...))
}

func writeLists(b *page, s Status) {
	section := func(title string, n int, line func(int) string) {
		if n == 0 {
			return
		}
		b.add("\n### %s\n\n", title)
		for i := range n {
			b.add("- %s\n", oneLine(line(i)))
		}
	}
	section("Refused requests", len(s.Refusals), func(i int) string {
		f := s.Refusals[len(s.Refusals)-1-i]
		return fmt.Sprintf("%s, %s: %s", stamp(f.At), f.Door, f.Reason)
	})
	section("Decisions", len(s.Decisions), func(i int) string {
		d := s.Decisions[i]
		return fmt.Sprintf("gate %s %s by %s at %s on %s: %s", d.Gate, d.verb(), d.By, stamp(d.At), d.Digest, d.Reason)
	})
	section("Put back", len(s.Undone), func(i int) string {
		u := s.Undone[i]
		if u.Error != "" {
			return u.What + ": FAILED: " + u.Error
		}
		return u.What + ": " + u.Result
	})
	section("An abort would put back", len(s.Undo), func(i int) string { return s.Undo[i] })
	section("Findings", len(s.Findings), func(i int) string {
		f := s.Findings[i]
		return fmt.Sprintf("%s %s, %s: %s. %s", f.Severity, f.ID, f.Subject, f.Seen, f.Do)
	})
	section("Phases", len(s.Phases), func(i int) string {
		p := s.Phases[i]
		return fmt.Sprintf("%s: %s", p.Name, time.Duration(p.Millis(s.Now))*time.Millisecond)
	})
	section("Notes", len(s.Notes), func(i int) string { return stamp(s.Notes[i].At) + " " + s.Notes[i].Text })
}

// oneLine keeps a value from breaking out of its line or table cell.
func oneLine(s string) string {
	return strings.NewReplacer("\r", "", "\n", " ", "|", "\\|", "`", "'").Replace(s)
}

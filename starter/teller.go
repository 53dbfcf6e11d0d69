package main

import (
	"context"
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"drover/workflows/step"
)

// plainEvery bounds how often progress is printed where bars cannot move.
const plainEvery = 5 * time.Second

// teller says what changed between two views of a run.
type teller struct {
	lines io.Writer // where lines go
	// finished holds the last line said of work that is done; a run goes on
	// showing it.
	finished map[string]string
	bars     *mpb.Progress // nil where there is no terminal
	shown    map[string]*mpb.Bar

	phase, detail, digest, order, said string
	failing                            map[string]bool // told, by activity and words
	refusals, notes                    time.Time       // of the newest told
	progressAt                         time.Time
}

func (a *app) newTeller(ctx context.Context) *teller {
	t := &teller{lines: a.out, shown: map[string]*mpb.Bar{}, finished: map[string]string{}}
	if a.json {
		t.lines = io.Discard
	}
	if w, ok := a.err.(*lineWriter); ok && a.onTerminal() {
		t.bars = mpb.NewWithContext(ctx, mpb.WithOutput(w.to), mpb.WithWidth(40))
		if isTerminal(a.out) && !a.json {
			t.lines = t.bars // prints above the bars
		}
	}
	return t
}

func (t *teller) close() {
	t.draw(nil)
	if t.bars != nil {
		t.bars.Wait()
	}
}

// trouble says something once, until something else is said.
func (t *teller) trouble(text string) {
	if t.said == text {
		return
	}
	t.said = text
	p := &page{w: t.lines}
	p.line("%s %s", time.Now().Format(time.TimeOnly), text)
}

func (t *teller) tell(v view) error {
	if v.silent {
		t.trouble(v.Problem)
		return nil
	}
	t.said = ""
	p := &page{w: t.lines}
	t.tellPhase(p, v.Status)
	t.tellGate(p, v)
	t.tellRetries(p, v.Retrying)
	running := v.Running
	if len(running) == 0 {
		running = v.Status.Progress
	}
	running = t.unfinished(p, running)
	if t.bars != nil {
		t.draw(running)
	} else {
		t.tellProgress(p, running)
	}
	return p.err
}

func (t *teller) tellPhase(p *page, s step.Status) {
	if s.Phase != "" && (s.Phase != t.phase || s.Detail != t.detail) {
		when := s.Since.Local()
		if s.Phase == t.phase {
			when = time.Now() // what it is at changed, and nobody noted when
		}
		t.phase, t.detail = s.Phase, s.Detail
		p.line("%s phase %s", when.Format(time.TimeOnly), phaseWords(s))
	}
	for _, note := range since(s.Notes, func(n step.Note) time.Time { return n.At }, &t.notes) {
		p.line("%s note: %s", note.At.Local().Format(time.TimeOnly), note.Text)
	}
	for _, refusal := range since(s.Refusals, func(r step.Refusal) time.Time { return r.At }, &t.refusals) {
		p.line("%s refused %s: %s", refusal.At.Local().Format(time.TimeOnly), refusal.Door, refusal.Reason)
	}
	order := orderLine(s.Paused) + orderLine(s.Aborting)
	if order != t.order && order != "" {
		p.line("waiting for %s", s.Waiting)
	}
	t.order = order
}

func (t *teller) tellGate(p *page, v view) {
	if v.Status.Digest == t.digest {
		return
	}
	t.digest = v.Status.Digest
	if t.digest == "" {
		return
	}
	showEvidence(p, v.Status)
	p.field("UI", v.UI)
	p.field("approve", v.Status.ApproveCommand)
}

// tellRetries says what activities fail with, again only when the words change.
func (t *teller) tellRetries(p *page, list []retry) {
	failing := map[string]bool{}
	for _, r := range list {
		key := r.Activity + "\x00" + r.Last
		if failing[key] = true; !t.failing[key] {
			p.line("%s %s", time.Now().Format(time.TimeOnly), retryLine(r))
		}
	}
	t.failing = failing
}

func (t *teller) tellProgress(p *page, running []step.Progress) {
	if len(running) == 0 || time.Since(t.progressAt) < plainEvery {
		return
	}
	t.progressAt = time.Now()
	for _, progress := range running {
		p.line("%s %s", t.progressAt.Format(time.TimeOnly), progressLine(progress))
	}
}

// unfinished gives the work that still goes on; what is done is said once.
func (t *teller) unfinished(p *page, running []step.Progress) []step.Progress {
	var left []step.Progress
	for _, progress := range running {
		line := progressLine(progress)
		switch {
		case progress.Total <= 0 || progress.Done < progress.Total:
			left = append(left, progress)
		case t.finished[progress.Name] != line:
			t.finished[progress.Name] = line
			p.line("%s %s", time.Now().Format(time.TimeOnly), line)
		}
	}
	return left
}

// draw moves one bar per piece of work and removes those that are done.
func (t *teller) draw(running []step.Progress) {
	if t.bars == nil {
		return
	}
	seen := map[string]bool{}
	for _, p := range running {
		seen[p.Name] = true
		bar := t.shown[p.Name]
		if bar == nil {
			bar = t.bars.AddBar(p.Total, mpb.BarRemoveOnComplete(),
				mpb.PrependDecorators(decor.Name(p.Name, decor.WCSyncSpaceR)),
				mpb.AppendDecorators(decor.CountersNoUnit("%d / %d "+p.Unit), decor.Percentage(decor.WCSyncSpace)))
			t.shown[p.Name] = bar
		}
		bar.SetTotal(p.Total, false)
		bar.SetCurrent(min(p.Done, p.Total-1)) // a full bar would vanish before the work is done
	}
	for name, bar := range t.shown {
		if !seen[name] {
			bar.Abort(true)
			delete(t.shown, name)
		}
	}
}

func phaseWords(s step.Status) string {
	if s.Detail == "" {
		return s.Phase
	}
	return s.Phase + ": " + s.Detail
}

// since returns the entries after the moment told last and moves that moment.
// The lists keep only their newest entries, so a position would not do; entries
// of one moment are written together, by one workflow task.
func since[T any](list []T, at func(T) time.Time, told *time.Time) []T {
	var added []T
	last := *told
	for _, entry := range list {
		if at(entry).After(*told) {
			added = append(added, entry)
			last = at(entry)
		}
	}
	*told = last
	return added
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize"

	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
	"drover/internal/report"
)

// snapshotDiff is the last word of diff --from: what its changes come to.
type snapshotDiff struct {
	Verdict  report.Verdict `json:"verdict"`
	Location string         `json:"location"`
	From     string         `json:"from"`
	To       string         `json:"to"`
	Created  int64          `json:"created"`
	Deleted  int64          `json:"deleted"`
	Renamed  int64          `json:"renamed"`
	Modified int64          `json:"modified"`
	// Reason says what keeps the verdict from being match.
	Reason string `json:"reason,omitempty"`
}

func (d *snapshotDiff) changes() int64 { return d.Created + d.Deleted + d.Renamed + d.Modified }

func (d *snapshotDiff) count(k plan.Kind) {
	switch k {
	case plan.Created:
		d.Created++
	case plan.Deleted:
		d.Deleted++
	case plan.Renamed:
		d.Renamed++
	case plan.Modified:
		d.Modified++
	}
}

func (d *snapshotDiff) decide() {
	switch {
	case d.changes() > 0:
		d.Verdict = report.Differ
	case d.From == d.To:
		d.Verdict = report.Match
	default:
		d.Verdict, d.Reason = report.Unproven, "times alone, and a file that was truncated and grew to its old length, do not show"
	}
}

func (a *app) diffSnapshots(ctx context.Context, text, from, to string) error {
	places, err := a.places(text)
	if err != nil {
		return err
	}
	p := places[0]
	if p.nn == nil {
		return errors.Join(usage("%s is no HDFS, and only an HDFS has snapshots: compare two locations, without --from", text), closePlaces(places))
	}
	if err := reach(ctx, places); err != nil {
		return placed(errors.Join(err, closePlaces(places)))
	}
	s := a.newChanges(ctx, snapshotDiff{Location: p.String(), From: from, To: to})
	_, err = diff.Each(ctx, p.nn, p.Path, from, to, plan.Once(s.print))
	s.meter.close()
	if err := errors.Join(err, closePlaces(places)); err != nil {
		return placed(err)
	}
	return s.end()
}

// changes prints a difference as it is told.
type changes struct {
	app    *app
	meter  *meter
	out    page
	answer snapshotDiff
}

func (a *app) newChanges(ctx context.Context, answer snapshotDiff) *changes {
	m := a.newMeter(ctx)
	s := &changes{app: a, meter: m, out: page{w: m.lines}, answer: answer}
	if !a.json { // as hdfs snapshotDiff begins
		s.out.line("Difference between %s and %s under directory %s:", titled(answer.From), titled(answer.To), answer.Location)
	}
	return s
}

func (s *changes) print(c plan.Change) error {
	s.answer.count(c.Kind)
	s.meter.show(s.answer.soFar())
	switch {
	case s.app.json:
		return s.object(c)
	case c.Kind == plan.Renamed:
		s.out.line("%s\t%s -> %s", c.Kind, dotted(c.Path), dotted(c.Target))
	default:
		s.out.line("%s\t%s", c.Kind, dotted(c.Path))
	}
	return s.out.err
}

// object prints a line of --json.
func (s *changes) object(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	s.out.line("%s", text)
	return s.out.err
}

// end prints the verdict and turns it into an exit code. That a diff leaves
// bytes unproven is what was asked for.
func (s *changes) end() error {
	s.out.w = s.app.out // nothing moves any more
	d := &s.answer
	d.decide()
	if s.app.json {
		if err := s.object(d); err != nil {
			return err
		}
	} else if s.out.line("%s: %s", d.Verdict, d.soFar()+d.because()); s.out.err != nil {
		return s.out.err
	}
	if d.Verdict == report.Differ {
		return fail(codeFailed, "%s: %d changes from %s to %s", d.Location, d.changes(), titled(d.From), titled(d.To))
	}
	return nil
}

func (d *snapshotDiff) soFar() string {
	return fmt.Sprintf("%s created, %s deleted, %s renamed, %s modified",
		humanize.Comma(d.Created), humanize.Comma(d.Deleted), humanize.Comma(d.Renamed), humanize.Comma(d.Modified))
}

func (d *snapshotDiff) because() string {
	if d.Reason == "" {
		return ""
	}
	return "; " + d.Reason
}

func titled(snapshot string) string {
	if snapshot == "" {
		return "current directory"
	}
	return "snapshot " + snapshot
}

// dotted is a path as hdfs snapshotDiff has it, but quoted where it would not
// stay on its line.
func dotted(rel string) string {
	switch {
	case rel == "":
		return "."
	case strings.ContainsFunc(rel, unicode.IsControl):
		return strconv.Quote("./" + rel)
	}
	return "./" + rel
}

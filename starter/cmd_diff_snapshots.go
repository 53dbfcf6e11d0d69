package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize"

	"drover/internal/fault"
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
	// Reason says why more may have changed.
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
		d.Verdict = report.Unproven
		if d.Reason == "" {
			d.Reason = "times alone, and a file that was truncated and grew to its old length, do not show"
		}
	}
}

func (a *app) diffSnapshots(ctx context.Context, text, from, to string) error {
	p, err := a.snapshotted(ctx, text, instead)
	if err != nil {
		return err
	}
	s := a.newChanges(ctx, snapshotDiff{Location: p.String(), From: from, To: to})
	_, err = diff.Each(ctx, p.nn, p.Path, from, to, plan.Once(s.print))
	return s.end(errors.Join(err, closePlaces([]place{p})))
}

// diffText is diffSnapshots for what hdfs snapshotDiff printed into a file.
func (a *app) diffText(ctx context.Context, location, file string) error {
	r, err := a.readReport(file)
	if err != nil {
		return fault.As(fault.InvalidInput, fmt.Errorf("read %s: %w", file, err))
	}
	p, err := a.snapshotted(ctx, location, instead)
	if err != nil {
		return err
	}
	if p.Path != r.Dir {
		return errors.Join(usage("%s is of directory %s, not of %s", file, r.Dir, p.Path), closePlaces([]place{p}))
	}
	d, err := diff.Prove(ctx, p.nn, r)
	if err := errors.Join(err, closePlaces([]place{p})); err != nil {
		return placed(err)
	}
	answer := snapshotDiff{Location: p.String(), From: d.From, To: d.To}
	if !r.Whole {
		answer.Reason = "the text lacks the empty line at its end, it may have been cut"
	}
	s := a.newChanges(ctx, answer)
	for _, c := range d.Changes {
		if err := s.print(c); err != nil {
			return s.end(err)
		}
	}
	return s.end(nil)
}

func (a *app) readReport(file string) (plan.Report, error) {
	if file == "-" {
		return plan.Parse(a.in)
	}
	f, err := os.Open(file)
	if err != nil {
		return plan.Report{}, err
	}
	r, err := plan.Parse(f)
	return r, errors.Join(err, f.Close())
}

// instead is what to do where there are no snapshots.
const instead = ": compare two locations, without --from and --text"

// snapshotted opens a location that can have snapshots. Close it after use.
func (a *app) snapshotted(ctx context.Context, text, instead string) (place, error) {
	places, err := a.places(text)
	if err != nil {
		return place{}, err
	}
	if places[0].nn == nil {
		err = usage("%s is no HDFS, and only an HDFS has snapshots%s", text, instead)
	} else {
		err = reach(ctx, places)
	}
	if err != nil {
		return place{}, placed(errors.Join(err, closePlaces(places)))
	}
	return places[0], nil
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
	s.meter.show(s.answer.soFar)
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

// end prints the verdict and turns it into an exit code, unless the difference
// broke off. That a diff leaves bytes unproven is what was asked for.
func (s *changes) end(err error) error {
	s.meter.close()
	if err != nil {
		return placed(err)
	}
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

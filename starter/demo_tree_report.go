package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"drover/workflows"
	"drover/workflows/step"
)

// treeDemoReport is the demo's answer. Its keys are a promise to scripts.
type treeDemoReport struct {
	// Verdict is "match" when the whole target was compared with the source's
	// last snapshot, and the source was proved unchanged since.
	Verdict     string `json:"verdict"`
	Files       int64  `json:"files"` // compared at the cutover
	Directories int64  `json:"directories"`
	Bytes       int64  `json:"bytes"`
	Acked       int64  `json:"acked"`    // changes acknowledged by either HDFS
	OnTarget    int64  `json:"onTarget"` // those of them after the switch
	ReadBack    int64  `json:"readBack"` // files read back, or looked for where they were deleted
	Lost        int64  `json:"lost"`     // of them, absent or different at the target
	// Unknown counts files the writer gave up because a change failed: nothing
	// was acknowledged, nothing is claimed.
	Unknown     int64  `json:"unknown,omitempty"`
	WriterError string `json:"writerError,omitempty"` // the last
	// FreezeMillis is the mirror's own count: approval to proof.
	FreezeMillis int64      `json:"freezeMillis"`
	Freeze       treeFreeze `json:"freeze"`
	// WriterFreezeMillis is what the writer felt: first change refused by the
	// source to first one acknowledged by the target.
	WriterFreezeMillis int64       `json:"writerFreezeMillis"`
	Rounds             int         `json:"rounds"`
	Baseline           treeBrought `json:"baseline"`
	Brought            treeBrought `json:"brought"` // by all rounds together
	Drift              treeDrift   `json:"drift"`
	// Attempts counts the cutovers that the demo approved itself.
	Attempts int        `json:"attempts,omitempty"`
	Steps    []stepTime `json:"steps"`
	runCost
	Run     string   `json:"run"`
	UI      string   `json:"ui,omitempty"`
	Missing []string `json:"missing,omitempty"` // the first lost files
	Left    []string `json:"left,omitempty"`    // of what is kept: what is not as it was, and how to mend it
	Millis  int64    `json:"millis"`            // of the whole demo
}

type treeFreeze struct {
	Round  int64 `json:"roundMillis"` // freezing included
	Verify int64 `json:"verifyMillis"`
}

// treeBrought is what was written to the target.
type treeBrought struct {
	Files    int64 `json:"files"`
	Appended int64 `json:"appended,omitempty"` // of them, completed by their tail
	Bytes    int64 `json:"bytes"`
}

// treeDrift is what somebody else did to the target, and what became of it.
type treeDrift struct {
	Planted []string `json:"planted"`           // paths in the tree
	Found   bool     `json:"found"`             // the mirror listed all of them
	Listed  []string `json:"listed,omitempty"`  // where it did
	Settled string   `json:"settled,omitempty"` // restore or adopt
	By      string   `json:"by,omitempty"`
}

// read takes over what the mirror ended with.
func (r *treeDemoReport) read(result workflows.HDFSMirrorResult) {
	r.Verdict, r.Rounds = result.Verdict, result.Rounds
	seen := result.Verified
	r.Files, r.Directories, r.Bytes = seen.Files, seen.Directories, seen.Bytes
	r.Baseline = treeBrought{Files: result.Baseline.Copied, Bytes: result.Baseline.Bytes}
	r.Brought = treeBrought{Files: result.Copied.Copied + result.Copied.Appended, Appended: result.Copied.Appended, Bytes: result.Copied.Bytes}
	if f := result.Freeze; f != nil {
		r.FreezeMillis = f.TotalMillis
		r.Freeze = treeFreeze{Round: f.RoundMillis, Verify: f.VerifyMillis}
	}
	r.Steps = stepTimes(result.Report)
	r.Drift.read(result.Report.Decisions)
}

// read looks for the planted drift in what the drift gate was decided on.
func (t *treeDrift) read(decisions []step.Decided) {
	for _, d := range decisions {
		if d.Gate != workflows.GateDrift {
			continue
		}
		t.Settled, t.By = d.Choice, d.By
		missing := slices.Clone(t.Planted)
		for _, fact := range d.Evidence.Facts {
			left := slices.DeleteFunc(slices.Clone(missing), func(name string) bool { return strings.Contains(fact.Value, name) })
			if len(left) < len(missing) {
				t.Listed = append(t.Listed, fact.Value)
			}
			missing = left
		}
		t.Found = len(t.Planted) > 0 && len(missing) == 0
		return // the first such gate was opened by what was planted
	}
}

func (r treeDemoReport) problem() error {
	switch {
	case r.Lost > 0:
		return fail(codeFailed, "%d acknowledged files are not at the target as acknowledged, the first: %v", r.Lost, r.Missing)
	case r.Verdict != "match":
		return fail(codeFailed, "the mirror ended with the verdict %q", r.Verdict)
	case !r.Drift.Found:
		return fail(codeFailed, "the mirror did not list what was changed at the target behind its back: %v", r.Drift.Planted)
	}
	return nil
}

func (r treeDemoReport) print(w io.Writer) error {
	p := &page{w: w}
	p.line("")
	p.line("verdict %s: %s files in %s directories, %s compared on both sides, with their attributes", r.Verdict,
		humanize.Comma(r.Files), humanize.Comma(r.Directories), humanize.IBytes(uint64(r.Bytes)))
	p.line("baseline: %s; then %d rounds brought %s", r.Baseline, r.Rounds, r.Brought)
	p.line("drift: %d changes planted at the target, found by the next round, settled by %s: %s", len(r.Drift.Planted), orNone(r.Drift.By), orNone(r.Drift.Settled))
	p.line("%s changes acknowledged while it moved, %s of them by the target; %s files read back from the target, %d lost",
		humanize.Comma(r.Acked), humanize.Comma(r.OnTarget), humanize.Comma(r.ReadBack), r.Lost)
	if r.Unknown > 0 {
		p.line("%d files were given up by the writer, of which nothing is claimed: %s", r.Unknown, r.WriterError)
	}
	p.line("writes were refused from the approval on for %s: freeze and last round %s, comparing everything %s (the writer felt %s)",
		millis(r.FreezeMillis), millis(r.Freeze.Round), millis(r.Freeze.Verify), millis(r.WriterFreezeMillis))
	for _, left := range r.Left {
		p.line("left: %s", left)
	}
	p.line("")
	showSteps(p, r.Steps, r.runCost)
	return p.err
}

// String is the figures in words.
func (b treeBrought) String() string {
	text := fmt.Sprintf("%s files, %s", humanize.Comma(b.Files), humanize.IBytes(uint64(b.Bytes)))
	if b.Appended > 0 {
		text += fmt.Sprintf(" (%s of the files by their tail)", humanize.Comma(b.Appended))
	}
	return text
}

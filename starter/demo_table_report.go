package main

import (
	"io"

	"github.com/dustin/go-humanize"

	"drover/activities"
)

// tableDemoReport is the demo's answer. Its keys are a promise to scripts.
type tableDemoReport struct {
	// Verdict is "match" when every cell was compared equal online, the delta
	// proof held under the fence, and no acknowledged write is missing.
	Verdict string `json:"verdict"`
	Acked   int64  `json:"acked"` // writes acknowledged by either cluster
	Lost    int64  `json:"lost"`  // of them, absent or different at the target
	// FreezeMillis is the migration's own count: fence called to target open.
	FreezeMillis int64      `json:"freezeMillis"`
	Freeze       freezeTime `json:"freeze"`
	// WriterFreezeMillis is what the writer felt: last write acknowledged by
	// the source to first one acknowledged by the target.
	WriterFreezeMillis int64      `json:"writerFreezeMillis"`
	Steps              []stepTime `json:"steps"`
	Rows               int64      `json:"rows"`
	Cells              int64      `json:"cells"`
	Bytes              int64      `json:"bytes"`
	Digest             string     `json:"digest"`
	runCost
	Run     string   `json:"run"`
	UI      string   `json:"ui,omitempty"`
	Missing []string `json:"missing,omitempty"` // the first lost writes
	Millis  int64    `json:"millis"`            // of the whole demo
}

type freezeTime struct {
	Fence int64 `json:"fenceMillis"`
	Drain int64 `json:"drainMillis"`
	Delta int64 `json:"deltaMillis"`
	Open  int64 `json:"openMillis"`
	// Proof is how the table was proved under the fence: "full", all of it was
	// compared again, or "delta", what changed since it was.
	Proof string                 `json:"proof"`
	Parts []activities.ProofPart `json:"parts,omitempty"` // of a delta proof
}

func (r tableDemoReport) problem() error {
	switch {
	case r.Lost > 0:
		return fail(codeFailed, "%d acknowledged writes are not at the target, the first: %v", r.Lost, r.Missing)
	case r.Verdict != "match":
		return fail(codeFailed, "the migration ended with the verdict %q", r.Verdict)
	}
	return nil
}

func (r tableDemoReport) print(w io.Writer) error {
	p := &page{w: w}
	p.line("")
	p.line("verdict %s: %s rows, %s cells, %s compared on both sides (digest %s)", r.Verdict,
		humanize.Comma(r.Rows), humanize.Comma(r.Cells), humanize.IBytes(uint64(r.Bytes)), r.Digest[:min(len(r.Digest), 16)])
	p.line("%s writes acknowledged while it moved, %d lost (each was read back from the target)", humanize.Comma(r.Acked), r.Lost)
	p.line("from the call to fence to the open target %s: fence %s, drain proof %s, %s proof %s, opening the target %s (the writer felt %s)",
		millis(r.FreezeMillis), millis(r.Freeze.Fence), millis(r.Freeze.Drain), r.Freeze.Proof, millis(r.Freeze.Delta), millis(r.Freeze.Open), millis(r.WriterFreezeMillis))
	for _, part := range r.Freeze.Parts {
		p.line("  %s: %s", part.Name, millis(part.Millis))
	}
	p.line("")
	showSteps(p, r.Steps, r.runCost)
	return p.err
}

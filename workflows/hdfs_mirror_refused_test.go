package workflows_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"drover/activities"
	"drover/internal/fault"
	"drover/workflows"
	"drover/workflows/step"
)

// refusing answers the first so many plans, from the given one on, with what
// cannot be mirrored.
func refusing(b *bench, from, times int) {
	good := b.answer["PlanMirrorRound"]
	b.answer["PlanMirrorRound"] = func(n int, in json.RawMessage) (any, error) {
		if n >= from && n < from+times {
			return nil, temporal.NewNonRetryableApplicationError("/data/a/x (erasure-coded with RS-6-3-1024k) cannot be mirrored", string(fault.Unsupported), nil)
		}
		return good(n, in)
	}
}

// TestWhatTheSourceComesToHoldIsNoEndOfTheMirror: a file that cannot be mirrored
// appears after the baseline. Nothing of the round is begun, nothing that was
// copied is undone, and another snapshot is taken when a human says so.
func TestWhatTheSourceComesToHoldIsNoEndOfTheMirror(t *testing.T) {
	b := newMirrorBench(t)
	refusing(b, 1, 2)
	var dropped []string
	good := b.answer["DropTreeSnapshots"]
	b.answer["DropTreeSnapshots"] = func(n int, in json.RawMessage) (any, error) {
		var asked activities.TreeSnapshotsInput
		if err := json.Unmarshal(in, &asked); err != nil {
			return nil, err
		}
		dropped = append(dropped, asked.Prefix)
		return good(n, in)
	}
	for _, at := range []time.Duration{time.Minute, 2 * time.Minute} {
		b.env.RegisterDelayedCallback(func() {
			s := b.status()
			if s.WaitingAt != workflows.GateRefused || !slices.ContainsFunc(s.Evidence.Facts, func(f step.Fact) bool { return strings.Contains(f.Value, "erasure-coded") }) {
				t.Errorf("waiting at %q with %v, want the gate that names what is refused", s.WaitingAt, s.Evidence.Facts)
			}
			if calls := b.called(); slices.Contains(calls, "ApplyMirrorOperations") || slices.Contains(calls, "RemoveMirrorTarget") {
				t.Errorf("calls %v: the round was begun, or the mirror undone", calls)
			}
		}, at-time.Second)
		b.choose(at, true, "")
	}
	b.choose(3*time.Minute, true, "")
	b.choose(4*time.Minute, true, "")
	res, err := b.mirror(mirrorInput())
	if err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
	}
	if len(dropped) < 2 || dropped[0] != dropped[1] || !strings.HasSuffix(dropped[0], "-00001") {
		t.Errorf("snapshots given up: %v, want that of the first round twice", dropped)
	}
}

// TestACutoverThatIsRefusedFailsItsAttempt: no writer waits for a human at a gate
// that opens under the freeze; the round after it asks.
func TestACutoverThatIsRefusedFailsItsAttempt(t *testing.T) {
	b := newMirrorBench(t)
	refusing(b, 2, 2)
	b.choose(time.Minute, true, "")   // the cutover, whose round is refused
	b.choose(2*time.Minute, true, "") // what was refused is mended
	b.choose(3*time.Minute, true, "") // the cutover
	b.choose(4*time.Minute, true, "") // the cleanup
	res, err := b.mirror(mirrorInput())
	if err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
	}
	if !slices.ContainsFunc(res.Report.Notes, func(n step.Note) bool { return strings.Contains(n.Text, "cutover attempt 1 failed") }) {
		t.Errorf("notes %v, want the failed attempt", res.Report.Notes)
	}
}

func TestARefusedRoundThatIsRejectedStops(t *testing.T) {
	b := newMirrorBench(t)
	refusing(b, 1, 1)
	b.choose(time.Minute, false, "")
	if res, err := b.mirror(mirrorInput()); err != nil || res.Outcome != step.RejectedOutcome {
		t.Errorf("outcome %s, %v, want rejected", res.Outcome, err)
	}
}

package workflows_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"drover/activities"
	"drover/workflows"
	"drover/workflows/step"
)

// TestTheWayBackIsKeptWhileTheTargetSoaks: approved too early, the cleanup is
// refused; meanwhile the old source is looked at.
func TestTheWayBackIsKeptWhileTheTargetSoaks(t *testing.T) {
	b := newMirrorBench(t)
	b.answer["ProveTreeQuiet"] = func(n int, _ json.RawMessage) (any, error) {
		if n == 1 {
			return activities.QuietResult{}, nil
		}
		return activities.QuietResult{Changed: 1, First: []string{"created stray"}}, nil
	}
	b.choose(time.Minute, true, "")
	b.choose(2*time.Minute, true, "") // refused: it soaks
	b.env.RegisterDelayedCallback(func() {
		s := b.status()
		if !strings.Contains(s.Waiting, "the target soaks until") {
			t.Errorf("waiting: %s, want the soak", s.Waiting)
		}
		if !slices.ContainsFunc(s.Evidence.Facts, func(f step.Fact) bool { return strings.Contains(f.Value, "created stray") }) {
			t.Errorf("evidence %v, want the stray write", s.Evidence.Facts)
		}
	}, 12*time.Hour)
	b.choose(25*time.Hour, true, "")
	in := mirrorInput()
	in.Soak, in.Interval = workflows.Duration(24*time.Hour), workflows.Duration(6*time.Hour)
	res, err := b.mirror(in)
	if err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
	}
	if len(res.Report.Refusals) != 1 || !strings.Contains(res.Report.Refusals[0].Reason, "soaks until") {
		t.Errorf("refusals %v, want that of the early approval", res.Report.Refusals)
	}
	looks := slices.Repeat([]string{"ProveTreeQuiet"}, 5) // at once, and every six hours up to the end
	b.wantCalls(slices.Concat(toMirror, rounding, proving, looks, dropping[1:])...)
}

package workflows_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

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

// TestAMirrorOfASourceThatCannotCountIsHandedOver: the first look at what is
// written, for the gate's facts, failed for good where the NameNode answers no
// call for a difference, and the copy went with the run.
func TestAMirrorOfASourceThatCannotCountIsHandedOver(t *testing.T) {
	b := newMirrorBench(t)
	b.answer["SourceOpenFiles"] = func(int, json.RawMessage) (any, error) {
		return nil, temporal.NewNonRetryableApplicationError("no call for it", "Unsupported", nil)
	}
	b.env.RegisterDelayedCallback(func() {
		facts := map[string]string{}
		for _, f := range b.status().Evidence.Facts {
			facts[f.Name] = f.Value
		}
		if !strings.Contains(facts["lag"], "not known: no call for it") || facts["open files at the source"] != "not known" {
			t.Errorf("facts %q, want what is not known, and why", facts)
		}
	}, 30*time.Second)
	b.choose(time.Minute, true, "")
	b.choose(2*time.Minute, true, "")
	res, err := b.mirror(mirrorInput())
	if err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
	}
	b.wantCalls(slices.Concat(toMirror, rounding, proving, dropping)...)
}

// TestWhatCannotBeProvedQuietIsNotHandedOver: at the gate a count may be unknown;
// the proof before the commit line may not.
func TestWhatCannotBeProvedQuietIsNotHandedOver(t *testing.T) {
	b := newMirrorBench(t)
	b.answer["ProveTreeQuiet"] = func(int, json.RawMessage) (any, error) {
		return nil, temporal.NewNonRetryableApplicationError("no call for it", "Unsupported", nil)
	}
	b.choose(time.Minute, true, "")
	b.choose(2*time.Minute, false, "")
	res, err := b.mirror(mirrorInput())
	if err != nil || res.Outcome != step.RejectedOutcome || res.Verdict == "match" {
		t.Errorf("outcome %s, verdict %s, %v, want the gate again and nothing handed over", res.Outcome, res.Verdict, err)
	}
}

// TestAMatchOfNothingIsNotShownAsOne: a round that only moved names compared no
// file, and the gate said "match: 0 files".
func TestAMatchOfNothingIsNotShownAsOne(t *testing.T) {
	for name, c := range map[string]struct {
		plan activities.MirrorRoundPlan
		want string
	}{
		"moved":     {activities.MirrorRoundPlan{Renamed: 2, Operations: 4, Digest: "d"}, "nothing was copied, so nothing was compared: names were moved"},
		"unchanged": {activities.MirrorRoundPlan{Digest: "d"}, "nothing had changed, so nothing was compared"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newMirrorBench(t)
			b.answer["PlanMirrorRound"] = always(c.plan)
			b.answer["VerifyMirror"] = always(activities.MirrorVerifyResult{Verdict: "match"})
			b.env.RegisterDelayedCallback(func() {
				for _, f := range b.status().Evidence.Facts {
					if f.Name == "its verification" && (!strings.HasPrefix(f.Value, c.want) || !strings.HasSuffix(f.Value, "the cutover compares everything")) {
						t.Errorf("shown %q, want %q", f.Value, c.want)
					}
				}
			}, 30*time.Second)
			b.choose(time.Minute, false, "")
			if _, err := b.mirror(mirrorInput()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

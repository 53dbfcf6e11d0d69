package workflows_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"drover/activities"
	"drover/workflows"
	"drover/workflows/step"
)

// TestWhatStandsInTheWayOfARoundIsNoEndOfTheMirror: a round that meets what others
// did to the target asks, for the copy would be thrown away with the run.
func TestWhatStandsInTheWayOfARoundIsNoEndOfTheMirror(t *testing.T) {
	conflict := func(int, json.RawMessage) (any, error) {
		return nil, temporal.NewNonRetryableApplicationError("x is not where it was", "Conflict", nil)
	}
	differ := always(activities.MirrorVerifyResult{Verdict: "differ", Differing: 1, Differences: []string{"x is not where it was"}})
	begun := []string{"FindMirrorDrift", "TakeTreeSnapshot", "PlanMirrorRound", "ApplyMirrorOperations"}
	compared := slices.Concat(begun, []string{"CopyMirrorChanges", "FinishMirrorRound", "VerifyMirror"})
	ends := []string{"TakeTreeSnapshot", "PruneMirrorSnapshots"}
	copies := []string{"CopyMirrorChanges", "FinishMirrorRound", "VerifyMirror"}
	whole := slices.Concat([]string{"ApplyMirrorOperations"}, copies)
	for name, c := range map[string]struct {
		failing string // at the call of this number
		at      int
		fails   script
		choice  string
		want    []string
	}{
		"an operation, restored":      {"ApplyMirrorOperations", 1, conflict, workflows.ChoiceRestore, slices.Concat(begun, []string{"RestoreMirrorTarget"}, whole, ends)},
		"an operation, put right":     {"ApplyMirrorOperations", 1, conflict, workflows.ChoiceAdopt, slices.Concat(begun, whole, ends)},
		"the comparison, restored":    {"VerifyMirror", 2, differ, workflows.ChoiceRestore, slices.Concat(compared, []string{"RestoreMirrorTarget"}, whole, ends)},
		"the comparison, as it stays": {"VerifyMirror", 2, differ, workflows.ChoiceAdopt, slices.Concat(compared, copies, ends)},
	} {
		t.Run(name, func(t *testing.T) {
			b := newMirrorBench(t)
			good := b.answer[c.failing]
			var adopted []bool
			b.answer[c.failing] = func(n int, in json.RawMessage) (any, error) {
				if n == c.at {
					return c.fails(n, in)
				}
				return good(n, in)
			}
			b.env.RegisterDelayedCallback(func() {
				s := b.status()
				if s.WaitingAt != workflows.GateDrift || !slices.ContainsFunc(s.Evidence.Facts, func(f step.Fact) bool { return strings.Contains(f.Value, "x is not where it was") }) {
					t.Errorf("at gate %q with %v, want the drift gate to say what the round met", s.WaitingAt, s.Evidence)
				}
			}, 30*time.Second)
			b.answer["FindMirrorDrift"] = func(n int, in json.RawMessage) (any, error) {
				var look activities.MirrorDriftInput
				err := json.Unmarshal(in, &look)
				adopted = append(adopted, look.Adopted)
				return activities.DriftResult{}, err
			}
			b.choose(time.Minute, true, c.choice)
			b.choose(2*time.Minute, true, "")
			b.choose(3*time.Minute, true, "")
			res, err := b.mirror(mirrorInput())
			if err != nil || res.Outcome != step.Completed || res.Verdict != "match" {
				t.Fatalf("outcome %s (%s), verdict %s, %v, want completed and match", res.Outcome, res.Reason, res.Verdict, err)
			}
			b.wantCalls(slices.Concat(probing, basing, c.want, looksOpen, rounding, proving, dropping)...)
			if want := []bool{false, c.choice == workflows.ChoiceAdopt}; !slices.Equal(adopted, want) {
				t.Errorf("looks for drift knew of an adoption: %v, want %v", adopted, want)
			}
		})
	}
}

// TestARoundByDistcpBeginsAnewWhenItWasRestored, as another command: the one
// before ended well and would be believed.
func TestARoundByDistcpBeginsAnewWhenItWasRestored(t *testing.T) {
	b := newDistcpBench(t)
	wanted := b.failing(activities.DistcpFailure{})
	good := b.answer["VerifyMirror"]
	b.answer["VerifyMirror"] = func(n int, in json.RawMessage) (any, error) {
		if n == 2 {
			return activities.MirrorVerifyResult{Verdict: "differ", Differing: 1}, nil
		}
		return good(n, in)
	}
	b.choose(time.Minute, true, workflows.ChoiceRestore)
	b.choose(2*time.Minute, true, "")
	b.choose(3*time.Minute, true, "")
	if res, err := b.mirror(distcpInput()); err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
	}
	if got := attempts(*wanted); got != ">#0 >1#0 >1#1 1>2#0" {
		t.Errorf("commands %s, want the first round's twice, as two attempts", got)
	}
	if !slices.Contains(b.calls, "RestoreMirrorTarget") {
		t.Errorf("calls %v, want the target rolled back", b.calls)
	}
}

// TestAdoptedBytesAreNotOverwrittenAtTheCutover: the comparison of everything is
// told of the adoption, and an attempt that fails says what to do.
func TestAdoptedBytesAreNotOverwrittenAtTheCutover(t *testing.T) {
	b := newMirrorBench(t)
	b.answer["FindMirrorDrift"] = func(n int, _ json.RawMessage) (any, error) {
		return activities.DriftResult{Changed: int64(map[int]int{1: 1}[n])}, nil
	}
	var told []bool
	b.answer["VerifyMirror"] = func(n int, in json.RawMessage) (any, error) {
		var asked activities.MirrorVerifyInput
		err := json.Unmarshal(in, &asked)
		told = append(told, asked.Adopted)
		verdict := "match"
		if asked.From == "" && n == 4 { // of everything, in the first attempt
			verdict = "differ"
		}
		return activities.MirrorVerifyResult{Verdict: verdict, Differences: []string{"f: content"}}, err
	}
	b.choose(time.Minute, true, workflows.ChoiceAdopt)
	b.choose(2*time.Minute, true, "")
	b.env.RegisterDelayedCallback(func() {
		if notes := b.status().Notes; !slices.ContainsFunc(notes, func(n step.Note) bool {
			return strings.Contains(n.Text, "f: content; changes to the target were adopted: put right")
		}) {
			t.Errorf("notes %v, want what differs and what to do", notes)
		}
	}, 150*time.Second)
	b.choose(3*time.Minute, true, "")
	b.choose(4*time.Minute, true, "")
	if res, err := b.mirror(mirrorInput()); err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
	}
	if !slices.Equal(told, []bool{false, true, true, true, true, true, true}) {
		t.Errorf("comparisons knew of the adoption: %v, want all but the baseline's", told)
	}
}

// TestWhatIsWrongAtTheSourceIsNobodysDrift: a snapshot of the source that is not
// what it was opened gate drift with the words that others changed the target,
// and going on adopted what nobody did.
func TestWhatIsWrongAtTheSourceIsNobodysDrift(t *testing.T) {
	b := newMirrorBench(t)
	good := b.answer["CopyMirrorChanges"]
	b.answer["CopyMirrorChanges"] = func(n int, in json.RawMessage) (any, error) {
		if n == 1 {
			return nil, temporal.NewNonRetryableApplicationError("its blocks hold 1 bytes and the listing says 2", "Mismatch", nil)
		}
		return good(n, in)
	}
	var adopted []bool
	b.answer["FindMirrorDrift"] = func(_ int, in json.RawMessage) (any, error) {
		var look activities.MirrorDriftInput
		err := json.Unmarshal(in, &look)
		adopted = append(adopted, look.Adopted)
		return activities.DriftResult{}, err
	}
	b.env.RegisterDelayedCallback(func() {
		s := b.status()
		text := fmt.Sprint(s.Evidence.Facts)
		if s.WaitingAt != workflows.GateDrift || strings.Contains(text, "others changed") || !strings.Contains(text, "/data/a at a is not in snapshots") {
			t.Errorf("at gate %q with %s, want the source blamed", s.WaitingAt, text)
		}
	}, 30*time.Second)
	b.choose(time.Minute, true, workflows.ChoiceAdopt)
	b.choose(2*time.Minute, true, "")
	b.choose(3*time.Minute, true, "")
	if res, err := b.mirror(mirrorInput()); err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
	}
	if !slices.Equal(adopted, []bool{false, false}) {
		t.Errorf("looks for drift knew of an adoption: %v, want none", adopted)
	}
}

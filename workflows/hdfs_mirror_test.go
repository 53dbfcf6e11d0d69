package workflows_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/workflows"
	"drover/workflows/step"
)

// The calls of a mirror, in their order.
var (
	probing = []string{"ProbeTreeSite", "ProbeTreeSite", "PreflightMirror"}
	basing  = []string{
		"AllowTreeSnapshots", "TakeTreeSnapshot", "ListMirrorBaseline", "MakeMirrorDirectories", "CopyMirrorShards", "CopyMirrorShards",
		"FinishMirrorDirectories", "VerifyMirror", "AllowTreeSnapshots", "TakeTreeSnapshot",
	}
	rounding = []string{
		"FindMirrorDrift", "TakeTreeSnapshot", "PlanMirrorRound", "ApplyMirrorOperations", "CopyMirrorChanges",
		"FinishMirrorRound", "VerifyMirror", "TakeTreeSnapshot", "PruneMirrorSnapshots",
	}
	looksOpen   = []string{"SourceOpenFiles"}
	proving     = []string{"VerifyMirror", "ProveTreeQuiet"}
	dropping    = []string{"ProveTreeQuiet", "DropTreeSnapshots", "DropTreeSnapshots"} // the first looks for stray writes
	unmirroring = []string{"DropTreeSnapshots", "RemoveMirrorTarget", "DropTreeSnapshots"}
	toMirror    = slices.Concat(probing, basing, rounding, looksOpen)
)

func mirrorDefaults() map[string]script {
	said := func(s string) script { return always(s) }
	match := always(activities.MirrorVerifyResult{Verdict: "match", Files: 10})
	return map[string]script{
		"ProbeTreeSite": always(activities.ProbeSiteResult{}), "PreflightMirror": always(activities.MirrorPreflightResult{Files: 10}),
		"AllowTreeSnapshots": said(""), "DropTreeSnapshots": said("deleted snapshots"), "TakeTreeSnapshot": always(activities.TreeSnapshotResult{}),
		"ListMirrorBaseline": always(activities.MirrorListing{Files: 10, Shards: 2, Digest: "d"}), "MakeMirrorDirectories": said(""),
		"CopyMirrorShards": always(activities.MirrorCopied{Files: 5, Copied: 5}), "FinishMirrorDirectories": said(""), "VerifyMirror": match,
		"RemoveMirrorTarget": said("deleted the tree"), "RestoreMirrorTarget": said("rolled back"), "FindMirrorDrift": always(activities.DriftResult{}),
		"AdoptMirrorDrift": said(""), "PlanMirrorRound": changes(3), "ApplyMirrorOperations": said(""),
		"CopyMirrorChanges": always(activities.MirrorCopied{Files: 2, Copied: 2, Bytes: 2048}), "FinishMirrorRound": said(""),
		"LookAtTreeRoot": always(activities.FreezeFound{Mode: 0o755, Owner: "etl", Group: "data", Names: -1, Space: -1}),
		"FreezeTree":     said(""), "ThawTree": said("thawed"), "OpenTreeRoot": said(""), "RunHook": always(map[string]any{"tail": "done"}),
		"SourceOpenFiles": always(activities.OpenFilesResult{}),
		"ProveTreeQuiet":  always(activities.QuietResult{}), "PruneMirrorSnapshots": always(activities.RetentionResult{}),
	}
}

func changes(n int64) script {
	return always(activities.MirrorRoundPlan{Renamed: 1, Modified: n - 1, Operations: 1, Copies: n - 1, Digest: "d"})
}

func mirrorInput() workflows.HDFSMirrorInput {
	return workflows.HDFSMirrorInput{Source: "a", Target: "b", SourcePath: "/data/a"}
}

func newMirrorBench(t *testing.T) *bench {
	t.Helper()
	return newBenchOf(t, workflows.HDFSMirror, mirrorDefaults())
}

func (b *bench) mirror(in workflows.HDFSMirrorInput) (workflows.HDFSMirrorResult, error) {
	b.t.Helper()
	return runOf[workflows.HDFSMirrorResult](b, workflows.HDFSMirror, in)
}

// choose decides the open gate after a while.
func (b *bench) choose(at time.Duration, approve bool, choice string) {
	b.env.RegisterDelayedCallback(func() {
		s := b.status()
		b.env.SignalWorkflow(step.ApproveSignal, step.Decision{Gate: s.WaitingAt, Digest: s.Digest, By: "ann", Reason: "read it", Approved: approve, Choice: choice})
	}, at)
}

func TestMirrorOrder(t *testing.T) {
	b := newMirrorBench(t)
	b.choose(time.Minute, true, "")
	b.choose(2*time.Minute, true, "")
	res, err := b.mirror(mirrorInput())
	if err != nil {
		t.Fatal(err)
	}
	b.wantCalls(slices.Concat(toMirror, rounding, proving, dropping)...)
	if res.Outcome != step.Completed || res.Verdict != "match" || res.Rounds != 2 || res.Baseline.Files != 10 || res.Copied.Files != 4 || res.Freeze == nil {
		t.Errorf("result %+v, want completed, match, two rounds and every part filled in", res)
	}
}

func TestRejectedMirrorPutsEverythingBack(t *testing.T) {
	b := newMirrorBench(t)
	b.choose(time.Minute, false, "")
	res, err := b.mirror(mirrorInput())
	if err != nil {
		t.Fatal(err)
	}
	b.wantCalls(slices.Concat(toMirror, unmirroring)...)
	if res.Outcome != step.RejectedOutcome || res.Verdict != "unproven" {
		t.Errorf("outcome %s, verdict %s, want rejected and unproven", res.Outcome, res.Verdict)
	}
}

// TestAKeptMirrorIsRolledBackOnly: the copy is not thrown away when the run
// was told to keep it.
func TestAKeptMirrorIsRolledBackOnly(t *testing.T) {
	b := newMirrorBench(t)
	b.choose(time.Minute, false, "")
	in := mirrorInput()
	in.KeepOnAbort = true
	res, err := b.mirror(in)
	if err != nil || res.Outcome != step.RejectedOutcome {
		t.Fatalf("outcome %s, %v, want rejected", res.Outcome, err)
	}
	b.wantCalls(slices.Concat(toMirror, []string{"RestoreMirrorTarget"})...)
}

// TestAnOldCutoverGateRunsAnotherRound: the evidence of the gate is the last
// round, so its age is the time between rounds.
func TestAnOldCutoverGateRunsAnotherRound(t *testing.T) {
	b := newMirrorBench(t)
	b.choose(150*time.Minute, true, "") // after two intervals of an hour
	b.choose(151*time.Minute, true, "")
	res, err := b.mirror(mirrorInput())
	if err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s, %v, want completed", res.Outcome, err)
	}
	again := slices.Concat(rounding, looksOpen)
	b.wantCalls(slices.Concat(toMirror, again, again, rounding, proving, dropping)...)
	if res.Rounds != 4 {
		t.Errorf("%d rounds, want 4", res.Rounds)
	}
}

// TestASignalBringsARound, also one that comes while a round runs: what it wrote
// may be younger than that round's snapshot.
func TestASignalBringsARound(t *testing.T) {
	b := newMirrorBench(t)
	ask := func() { b.env.SignalWorkflow(step.RoundSignal, map[string]string{"by": "etl", "reason": "job done"}) }
	good := b.answer["CopyMirrorChanges"]
	b.answer["CopyMirrorChanges"] = func(n int, in json.RawMessage) (any, error) {
		if n == 1 {
			ask()
		}
		return good(n, in)
	}
	b.env.RegisterDelayedCallback(ask, time.Minute)
	b.choose(2*time.Minute, false, "")
	res, err := b.mirror(mirrorInput())
	if err != nil || res.Rounds != 3 {
		t.Fatalf("%d rounds, %v, want 3", res.Rounds, err)
	}
	again := slices.Concat(rounding, looksOpen)
	b.wantCalls(slices.Concat(toMirror, again, again, unmirroring)...)
}

func TestRoundsFollowUntilTheyConverge(t *testing.T) {
	b := newMirrorBench(t)
	b.answer["PlanMirrorRound"] = func(n int, in json.RawMessage) (any, error) {
		return changes(map[int]int64{1: 5000, 2: 600}[n]+1)(n, in)
	}
	b.choose(time.Minute, false, "")
	res, err := b.mirror(mirrorInput())
	if err != nil || res.Rounds != 3 {
		t.Errorf("%d rounds, %v, want 3: the third had few changes", res.Rounds, err)
	}
}

func TestDriftAsksAndGoesOn(t *testing.T) {
	mended := map[string]string{workflows.ChoiceRestore: "RestoreMirrorTarget", workflows.ChoiceAdopt: "AdoptMirrorDrift"}
	for choice, mends := range mended {
		t.Run(choice, func(t *testing.T) {
			b := newMirrorBench(t)
			b.answer["FindMirrorDrift"] = func(n int, _ json.RawMessage) (any, error) {
				if n == 1 {
					return activities.DriftResult{Changed: 1, First: []string{"modified x"}}, nil
				}
				return activities.DriftResult{}, nil
			}
			b.choose(time.Minute, true, "") // refused: it chooses nothing
			b.choose(2*time.Minute, true, choice)
			b.choose(3*time.Minute, true, "")
			b.choose(4*time.Minute, true, "")
			res, err := b.mirror(mirrorInput())
			if err != nil || res.Outcome != step.Completed {
				t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
			}
			b.wantCalls(slices.Concat(probing, basing, []string{"FindMirrorDrift", mends}, rounding, looksOpen, rounding, proving, dropping)...)
			if len(res.Report.Refusals) != 1 || !strings.Contains(res.Report.Refusals[0].Reason, "restore, adopt") {
				t.Errorf("refusals %v, want one that names the choices", res.Report.Refusals)
			}
		})
	}
}

func TestRejectedDriftStops(t *testing.T) {
	b := newMirrorBench(t)
	b.answer["FindMirrorDrift"] = always(activities.DriftResult{Changed: 1})
	b.choose(time.Minute, false, "")
	res, err := b.mirror(mirrorInput())
	if err != nil || res.Outcome != step.RejectedOutcome || slices.Contains(b.calls, "PlanMirrorRound") {
		t.Errorf("outcome %s, %v after %v, want rejected before a round", res.Outcome, err, b.calls)
	}
}

// TestAFailedMirrorCutoverAsksAgain: whatever fails between the approval and the
// commit line, the mirror stays, and a second try is a second decision.
func TestAFailedMirrorCutoverAsksAgain(t *testing.T) {
	planted := temporal.NewNonRetryableApplicationError("planted", "Mismatch", nil)
	failures := map[string]script{
		"PlanMirrorRound 2": func(int, json.RawMessage) (any, error) { return nil, planted },
		"VerifyMirror 3":    always(activities.MirrorVerifyResult{Verdict: "differ", Differing: 1}), // of the last round
		"VerifyMirror 4":    always(activities.MirrorVerifyResult{Verdict: "differ", Differing: 1}), // of everything
		"ProveTreeQuiet 1":  always(activities.QuietResult{Changed: 1, First: []string{"modified y"}}),
	}
	for which, fails := range failures {
		t.Run(which, func(t *testing.T) {
			failing, call, _ := strings.Cut(which, " ")
			b := newMirrorBench(t)
			good := b.answer[failing]
			b.answer[failing] = func(n int, in json.RawMessage) (any, error) {
				if fmt.Sprint(n) == call {
					return fails(n, in)
				}
				return good(n, in)
			}
			for i := range 3 {
				b.choose(time.Duration(i+1)*time.Minute, true, "")
			}
			res, err := b.mirror(mirrorInput())
			if err != nil || res.Outcome != step.Completed {
				t.Fatalf("outcome %s (%s), %v, want completed at the second attempt", res.Outcome, res.Reason, err)
			}
			if !slices.ContainsFunc(res.Report.Notes, func(n step.Note) bool { return strings.Contains(n.Text, "attempt 1 failed") }) {
				t.Errorf("notes %v, want one of the failed attempt", res.Report.Notes)
			}
			if slices.Contains(b.calls, "RemoveMirrorTarget") {
				t.Error("the copy was thrown away")
			}
		})
	}
}

// TestTheGateShowsWhatTheLastRoundCopied, not what all of them did.
func TestTheGateShowsWhatTheLastRoundCopied(t *testing.T) {
	b := newMirrorBench(t)
	b.choose(90*time.Minute, true, "") // after a second round
	b.choose(100*time.Minute, true, "")
	var shown string
	b.env.RegisterDelayedCallback(func() {
		for _, f := range b.status().Evidence.Facts {
			if f.Name == "last round" {
				shown = f.Value
			}
		}
	}, 80*time.Minute)
	res, err := b.mirror(mirrorInput())
	if err != nil || res.Copied.Bytes != 3*2048 {
		t.Errorf("%v, %d bytes in all rounds, want those of three", err, res.Copied.Bytes)
	}
	if !strings.Contains(shown, "number 2") || !strings.Contains(shown, "2.0 KiB copied") {
		t.Errorf("shown %q", shown)
	}
}

// TestAMirrorThatContinuesAsNewRepeatsNothing cuts the run at every batch and
// gate, and wants the calls of one that ran in one piece.
func TestAMirrorThatContinuesAsNewRepeatsNothing(t *testing.T) {
	in := mirrorInput()
	in.Freeze, in.Thaw = workflows.FreezePermissions, true
	in.Hooks = workflows.MirrorHooks{BeforeSwitch: []string{"stop"}, AfterSwitch: []string{"repoint"}}
	calls, runs := inPieces(t, newMirrorBench, in, "CopyMirrorShards", "ApplyMirrorOperations", "CopyMirrorChanges", "SourceOpenFiles", "ThawTree")
	switching := []string{"VerifyMirror", "RunHook", "ProveTreeQuiet", "OpenTreeRoot", "RunHook", "ThawTree"}
	want := slices.Concat(toMirror, freezing, rounding, switching, dropping)
	if got := fmt.Sprint(calls); got != fmt.Sprint(want) || runs < 3 {
		t.Errorf("%d continuations, calls\n got %v\nwant %v", runs, calls, want)
	}
}

// inPieces runs a mirror that continues as new after each of the activities
// named, and returns all calls and the number of continuations.
func inPieces(t *testing.T, fresh func(*testing.T) *bench, in workflows.HDFSMirrorInput, cuts ...string) (calls []string, runs int) {
	t.Helper()
	for ; ; runs++ {
		if runs > 40 {
			t.Fatalf("40 continuations and no end: %v", calls)
		}
		b := fresh(t)
		// The listener runs where the environment's own callbacks run; an
		// activity runs beside its siblings.
		b.env.SetOnActivityCompletedListener(func(done *activity.Info, _ converter.EncodedValue, _ error) {
			if slices.Contains(cuts, done.ActivityType.Name) {
				b.env.SetContinueAsNewSuggested(true)
			}
		})
		approve := func(at time.Duration) {
			b.env.RegisterDelayedCallback(func() {
				if s := b.status(); s.WaitingAt != "" {
					b.env.SignalWorkflow(step.ApproveSignal, step.Decision{Gate: s.WaitingAt, Digest: s.Digest, By: "ann", Reason: "read it", Approved: true})
				}
			}, at)
		}
		approve(time.Minute)
		approve(2 * time.Minute)
		_, err := b.mirror(in)
		calls = append(calls, b.calls...)
		var again *workflow.ContinueAsNewError
		if err == nil {
			return calls, runs
		}
		if !errors.As(err, &again) {
			t.Fatal(err)
		}
		in = workflows.HDFSMirrorInput{}
		if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &in); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheCutoverGateSaysHowFarBehindTheTargetIs(t *testing.T) {
	b := newMirrorBench(t)
	began := b.env.Now()
	b.answer["TakeTreeSnapshot"] = always(activities.TreeSnapshotResult{Taken: began, RootID: 1, ID: 1})
	b.answer["SourceOpenFiles"] = func(_ int, in json.RawMessage) (any, error) {
		var asked activities.QuietInput
		if err := json.Unmarshal(in, &asked); err != nil || asked.Snapshot == "" {
			t.Errorf("asked %s (%v), want the changes since a snapshot", in, err)
		}
		return activities.OpenFilesResult{Count: 2, First: []string{"/data/a/log"}, Changes: 1234}, nil
	}
	b.env.RegisterDelayedCallback(func() {
		facts := map[string]string{}
		for _, f := range b.status().Evidence.Facts {
			facts[f.Name] = f.Value
		}
		if lag := facts["lag"]; !strings.Contains(lag, "1,234 changes at the source since then") || strings.Contains(lag, "unknown") {
			t.Errorf("lag %q, want its time and the changes", lag)
		}
		if open := facts["open files at the source"]; !strings.Contains(open, "2 /data/a/log") {
			t.Errorf("open files %q, want their number and the first", open)
		}
	}, time.Minute)
	b.choose(2*time.Minute, false, "")
	if _, err := b.mirror(mirrorInput()); err != nil {
		t.Fatal(err)
	}
}

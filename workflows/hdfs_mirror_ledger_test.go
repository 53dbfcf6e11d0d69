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

// The calls of a mirror to a target without snapshots, in their order.
var (
	ledgerBasing   = []string{"AllowTreeSnapshots", "TakeTreeSnapshot", "CopyLedgerBaseline", "VerifyLedgerMirror"}
	ledgerRounding = []string{"FindLedgerDrift", "TakeTreeSnapshot", "ApplyLedgerRound", "PruneSourceSnapshots"}
	ledgerProving  = []string{"VerifyLedgerMirror", "ProveTreeQuiet"}
	toLedger       = slices.Concat(probing, ledgerBasing, ledgerRounding, looksOpen)
)

func newLedgerBench(t *testing.T) *bench {
	t.Helper()
	answers := mirrorDefaults()
	answers["PreflightMirror"] = always(activities.MirrorPreflightResult{Files: 10, Ledger: true})
	answers["CopyLedgerBaseline"] = always(activities.MirrorCopied{Files: 10, Copied: 10})
	answers["VerifyLedgerMirror"] = always(activities.MirrorVerifyResult{Verdict: "match", Files: 10})
	answers["FindLedgerDrift"] = always(activities.DriftResult{})
	answers["ApplyLedgerRound"] = always(activities.LedgerRoundResult{
		Plan: activities.MirrorRoundPlan{Renamed: 1, Modified: 2}, Copied: activities.MirrorCopied{Files: 3, Copied: 2, Adopted: 1},
	})
	answers["RestoreLedgerTarget"] = always("brought back")
	answers["RemoveLedgerMirror"] = always("deleted the tree")
	answers["PruneSourceSnapshots"] = always(activities.RetentionResult{})
	return newBenchOf(t, workflows.HDFSMirror, answers)
}

func TestMirrorToATargetWithoutSnapshots(t *testing.T) {
	b := newLedgerBench(t)
	b.choose(time.Minute, true, "")
	b.choose(2*time.Minute, true, "")
	res, err := b.mirror(mirrorInput())
	if err != nil {
		t.Fatal(err)
	}
	b.wantCalls(slices.Concat(toLedger, ledgerRounding, ledgerProving, []string{"DropTreeSnapshots"})...)
	if res.Outcome != step.Completed || res.Verdict != "match" || res.Rounds != 2 || res.Baseline.Files != 10 || res.Copied.Files != 6 || res.Reverse != nil {
		t.Errorf("result %+v, want completed, match, two rounds and no way back", res)
	}
}

func TestAnAbortedLedgerMirrorIsTakenBackOrKept(t *testing.T) {
	for name, c := range map[string]struct {
		keep bool
		from string
		ends []string
	}{
		"taken back":   {ends: []string{"RemoveLedgerMirror", "DropTreeSnapshots"}},
		"kept":         {keep: true, ends: []string{"RestoreLedgerTarget"}},
		"gone on with": {from: "s7", ends: []string{"RestoreLedgerTarget"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLedgerBench(t)
			b.choose(time.Minute, false, "")
			in := mirrorInput()
			in.KeepOnAbort, in.From = c.keep, c.from
			res, err := b.mirror(in)
			if err != nil || res.Outcome != step.RejectedOutcome {
				t.Fatalf("outcome %s, %v, want rejected", res.Outcome, err)
			}
			before := toLedger
			if c.from != "" {
				before = slices.Concat(probing, ledgerRounding, looksOpen)
			}
			b.wantCalls(slices.Concat(before, c.ends)...)
		})
	}
}

// TestARoundAskedForIsOneRoundToALedger, not one after the other for ever.
func TestARoundAskedForIsOneRoundToALedger(t *testing.T) {
	b := newLedgerBench(t)
	b.env.RegisterDelayedCallback(func() {
		b.env.SignalWorkflow(step.RoundSignal, map[string]string{"by": "etl", "reason": "job done"})
	}, time.Minute)
	b.choose(2*time.Minute, false, "")
	res, err := b.mirror(mirrorInput())
	if err != nil || res.Rounds != 2 {
		t.Fatalf("%d rounds, %v, want 2", res.Rounds, err)
	}
}

func TestDriftOfALedgerMirrorAsksAndGoesOn(t *testing.T) {
	b := newLedgerBench(t)
	b.answer["FindLedgerDrift"] = func(n int, _ json.RawMessage) (any, error) {
		if n == 1 {
			return activities.DriftResult{Changed: 1, First: []string{"missing x"}}, nil
		}
		return activities.DriftResult{}, nil
	}
	b.choose(time.Minute, true, workflows.ChoiceAdopt) // refused: there is nothing to adopt
	b.choose(2*time.Minute, true, workflows.ChoiceRestore)
	b.choose(3*time.Minute, true, "")
	b.choose(4*time.Minute, true, "")
	res, err := b.mirror(mirrorInput())
	if err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
	}
	drifted := slices.Concat(probing, ledgerBasing, []string{"FindLedgerDrift", "RestoreLedgerTarget"}, ledgerRounding, looksOpen)
	b.wantCalls(slices.Concat(drifted, ledgerRounding, ledgerProving, []string{"DropTreeSnapshots"})...)
	if len(res.Report.Refusals) != 1 || !strings.Contains(res.Report.Refusals[0].Reason, "restore") {
		t.Errorf("refusals %v, want one that names the choice", res.Report.Refusals)
	}
}

func TestALedgerMirrorThatIsNotProvedDoesNotTakeOver(t *testing.T) {
	for name, script := range map[string]script{
		"it differs": always(activities.MirrorVerifyResult{Verdict: "differ", Differing: 1}),
		"it fails": func(int, json.RawMessage) (any, error) {
			return nil, temporal.NewNonRetryableApplicationError("planted", "Mismatch", nil)
		},
		"it is unproven": always(activities.MirrorVerifyResult{Verdict: "unproven"}),
	} {
		t.Run(name, func(t *testing.T) {
			b := newLedgerBench(t)
			b.answer["VerifyLedgerMirror"] = func(n int, in json.RawMessage) (any, error) {
				if n == 1 {
					return activities.MirrorVerifyResult{Verdict: "match"}, nil
				}
				return script(n, in)
			}
			b.choose(time.Minute, true, "")
			b.choose(2*time.Minute, false, "")
			res, err := b.mirror(mirrorInput())
			if err != nil || res.Outcome != step.RejectedOutcome || res.Verdict != "unproven" {
				t.Errorf("outcome %s, verdict %s, %v, want it asked again and rejected", res.Outcome, res.Verdict, err)
			}
		})
	}
}

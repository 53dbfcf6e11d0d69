package workflows_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"drover/activities"
	"drover/internal/preflight"
	"drover/workflows"
	"drover/workflows/step"
)

// The calls of a migration, in their order.
var (
	looking   = []string{"ProbeSite", "ProbeSite", "PreflightHBase"}
	recording = []string{"AddReplicationPeer", "SetReplicationScopes"}
	copying   = []string{"TakeSnapshot", "PublishSnapshot", "CopySnapshotFiles", "CopySnapshotFiles", "CopySnapshotFiles", "VerifySnapshotCopy", "RestoreSnapshot"}
	replaying = []string{"EnableReplicationPeer", "AwaitCatchUp"}
	measuring = []string{"AwaitCatchUp", "VerifyTable"}
	cutting   = []string{"PauseSplitMerge", "FenceTables", "ProveDrain", "ProveDelta"}
	opening   = []string{"OpenTarget", "RemoveReplicationPeer", "DropDelta", "RestoreSplitMerge"}
	cleaning  = []string{"ListLeftovers", "Cleanup"}
	toTheGate = slices.Concat(looking, recording, copying, replaying, measuring)
	unwinding = []string{"DropBaseSnapshots", "DropRestoredTable", "DeleteSnapshot", "DeleteSnapshot", "RestoreReplicationScopes", "RemoveReplicationPeer"}
	lifting   = []string{"LiftFence", "RestoreSplitMerge", "DropDelta"}
)

func TestMigrationOrder(t *testing.T) {
	b := newBench(t)
	b.decideAt(true, true)
	res, err := b.run(input("t"))
	if err != nil {
		t.Fatal(err)
	}
	b.wantCalls(slices.Concat(toTheGate, cutting, opening, cleaning)...)
	if res.Outcome != step.Completed || res.Verdict != "match" || res.Exported.Files != 3 || len(res.Verified) != 1 || len(res.Delta) != 1 || res.Freeze == nil {
		t.Errorf("result %+v, want completed, match, and every part filled in", res)
	}
}

func TestRejectedCutoverPutsEverythingBack(t *testing.T) {
	b := newBench(t)
	b.decideAt(false)
	res, err := b.run(input("t"))
	if err != nil {
		t.Fatal(err)
	}
	b.wantCalls(slices.Concat(toTheGate, unwinding)...)
	if res.Outcome != step.RejectedOutcome || res.Verdict != "unproven" || len(res.Report.Undone) != len(unwinding) {
		t.Errorf("outcome %s, verdict %s, %d undone, want rejected, unproven, %d", res.Outcome, res.Verdict, len(res.Report.Undone), len(unwinding))
	}
}

// TestAnyFailureAboveTheCommitLinePutsBack fails each forward step for good
// and wants nothing left.
func TestAnyFailureAboveTheCommitLinePutsBack(t *testing.T) {
	for _, failing := range []string{"AddReplicationPeer", "SetReplicationScopes", "TakeSnapshot", "PublishSnapshot", "CopySnapshotFiles", "VerifySnapshotCopy", "RestoreSnapshot", "EnableReplicationPeer", "AwaitCatchUp", "VerifyTable"} {
		t.Run(failing, func(t *testing.T) {
			b := newBench(t)
			b.answer[failing] = func(int, json.RawMessage) (any, error) {
				return nil, temporal.NewNonRetryableApplicationError("planted", "Conflict", nil)
			}
			_, err := b.run(input("t"))
			if err == nil || !strings.Contains(err.Error(), "planted") {
				t.Errorf("error %v, want the planted one", err)
			}
			tail := unwinding[len(unwinding)-len(undoneBy(failing)):]
			// The environment, unlike a server, does not wait for the end of an
			// activity that it cancels: another batch may be called late.
			calls := slices.DeleteFunc(b.called(), func(name string) bool { return name == failing })
			if got := calls[max(0, len(calls)-len(tail)):]; !slices.Equal(got, tail) {
				t.Errorf("ended with %v, want %v", got, tail)
			}
			if slices.Contains(calls, "FenceTables") {
				t.Error("writes were refused after a failed step")
			}
		})
	}
}

// undoneBy gives how much of the unwinding belongs to what came up to a step,
// that step included.
func undoneBy(failing string) []string {
	n := map[string]int{"AddReplicationPeer": 1, "SetReplicationScopes": 2, "TakeSnapshot": 3, "PublishSnapshot": 4, "CopySnapshotFiles": 4, "VerifySnapshotCopy": 4, "RestoreSnapshot": 5, "EnableReplicationPeer": 5, "AwaitCatchUp": 5, "VerifyTable": 6}
	return unwinding[len(unwinding)-n[failing]:]
}

// TestFailedAttemptLiftsTheFenceAndAsksAgain: writes must not stay refused
// because a proof failed, and a second try is a second decision.
func TestFailedAttemptLiftsTheFenceAndAsksAgain(t *testing.T) {
	for _, failing := range []string{"FenceTables", "ProveDrain", "ProveDelta"} {
		t.Run(failing, func(t *testing.T) {
			b := newBench(t)
			good := b.answer[failing]
			b.answer[failing] = func(n int, in json.RawMessage) (any, error) {
				if n > 1 {
					return good(n, in)
				}
				if failing == "ProveDelta" {
					return delta("differ")(n, in)
				}
				return nil, temporal.NewNonRetryableApplicationError("planted", "Mismatch", nil)
			}
			b.decideAt(true, true, true)
			res, err := b.run(input("t"))
			if err != nil {
				t.Fatal(err)
			}
			first := cutting[:slices.Index(cutting, failing)+1]
			b.wantCalls(slices.Concat(toTheGate, first, lifting, measuring, cutting, opening, cleaning)...)
			if res.Outcome != step.Completed || !slices.ContainsFunc(res.Report.Notes, func(n step.Note) bool { return strings.Contains(n.Text, "attempt 1 failed") }) {
				t.Errorf("outcome %s, notes %v, want completed and a note of the failed attempt", res.Outcome, res.Report.Notes)
			}
		})
	}
}

func TestATableThatDiffersCannotBeApproved(t *testing.T) {
	b := newBench(t)
	b.answer["VerifyTable"] = verified("differ")
	b.decideAt(true, false)
	res, err := b.run(input("t"))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(b.calls, "FenceTables") || res.Outcome != step.RejectedOutcome {
		t.Errorf("outcome %s after %v, want rejected without a fence", res.Outcome, b.calls)
	}
	if len(res.Report.Refusals) != 1 || !strings.Contains(res.Report.Refusals[0].Reason, "t is differ") {
		t.Errorf("refusals %v, want one that names the table", res.Report.Refusals)
	}
}

func TestBlockingFindingEndsTheRunUnlessAccepted(t *testing.T) {
	for name, accept := range map[string][]string{"blocked": nil, "accepted": {"wal-compression"}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.answer["PreflightHBase"] = found("wal-compression", preflight.Block)
			b.decideAt(true, true)
			in := input("t")
			in.Accept = accept
			res, err := b.run(in)
			if err != nil {
				t.Fatal(err)
			}
			if accept == nil && (res.Outcome != workflows.OutcomeBlocked || !slices.Equal(b.calls, looking)) {
				t.Errorf("outcome %s after %v, want blocked after looking only", res.Outcome, b.calls)
			}
			if accept != nil && res.Outcome != step.Completed {
				t.Errorf("outcome %s (%s), want completed", res.Outcome, res.Reason)
			}
		})
	}
}

// TestAnIncompletePreflightBlocksInWords: a finding was accepted over which the
// state of the tables could not be read, and the workflow panicked.
func TestAnIncompletePreflightBlocksInWords(t *testing.T) {
	b := newBench(t)
	b.answer["PreflightHBase"] = always(activities.PreflightResult{Findings: []preflight.Finding{{ID: "port-closed", Severity: preflight.Block, Subject: "a"}}})
	in := input("t", "u")
	in.Accept = []string{"port-closed"}
	res, err := b.run(in)
	if err != nil {
		t.Fatal(err)
	}
	b.wantCalls(looking...)
	if res.Outcome != workflows.OutcomeBlocked || !strings.Contains(res.Reason, "the state of 0 of 2 tables was read") {
		t.Errorf("outcome %s (%s), want blocked, and why", res.Outcome, res.Reason)
	}
}

// TestBelowTheCommitLineAHumanDecidesOnRetries: nothing is undone there.
func TestBelowTheCommitLineAHumanDecidesOnRetries(t *testing.T) {
	for name, again := range map[string]bool{"tried again": true, "left": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.answer["RemoveReplicationPeer"] = func(n int, _ json.RawMessage) (any, error) {
				if n == 1 {
					return nil, temporal.NewNonRetryableApplicationError("planted", "Denied", nil)
				}
				return "", nil
			}
			b.decideAt(true, again, true)
			res, err := b.run(input("t"))
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(b.calls, "LiftFence") || slices.Contains(b.calls, "DropRestoredTable") {
				t.Errorf("undone below the commit line: %v", b.calls)
			}
			if res.Outcome != step.Completed || (len(res.Left) == 0) != again {
				t.Errorf("outcome %s, left %v", res.Outcome, res.Left)
			}
		})
	}
}

func TestKeepingTheSnapshotsIsNotAFailure(t *testing.T) {
	b := newBench(t)
	b.decideAt(true, false)
	res, err := b.run(input("t"))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(b.calls, "Cleanup") || res.Outcome != step.Completed || len(res.Left) != 2 || !strings.HasPrefix(res.Left[0], "snapshots of run") {
		t.Errorf("outcome %s, left %v after %v, want completed with the snapshots left", res.Outcome, res.Left, b.calls)
	}
}

// TestARejectedCleanupNamesTheScopesItLeaves: the report was silent on them, and
// the gate on what an approval does to the source's regions.
func TestARejectedCleanupNamesTheScopesItLeaves(t *testing.T) {
	b := newBench(t)
	good := b.answer["PreflightHBase"]
	b.answer["PreflightHBase"] = func(n int, in json.RawMessage) (any, error) {
		res, err := good(n, in)
		seen := res.(activities.PreflightResult)
		seen.Baseline.Tables[0].Scopes = map[string]int{"f": 0, "replicated": 1, "a": 0}
		return seen, err
	}
	var facts []step.Fact
	b.decideAfter(time.Hour, true)
	b.env.RegisterDelayedCallback(func() { facts = b.status().Evidence.Facts }, 90*time.Minute)
	b.decideAfter(2*time.Hour, false)
	res, err := b.run(input("t"))
	if err != nil {
		t.Fatal(err)
	}
	want := "replication scope 1 of table t at a: families a (was 0), f (was 0); alter REPLICATION_SCOPE to put it back"
	if !slices.Contains(res.Left, want) {
		t.Errorf("left %q, want %q among it", res.Left, want)
	}
	for name, says := range map[string]string{"approve": "which reopens the regions", "reject": "replication scope 1"} {
		if !slices.ContainsFunc(facts, func(f step.Fact) bool { return f.Name == name && strings.Contains(f.Value, says) }) {
			t.Errorf("evidence %v, want one of %s that says %q", facts, name, says)
		}
	}
}

func TestOldEvidenceIsMeasuredAgain(t *testing.T) {
	b := newBench(t)
	var first string
	b.env.RegisterDelayedCallback(func() { first = b.status().Digest }, time.Hour)
	b.decideAfter(25*time.Hour, true)
	b.decideAfter(26*time.Hour, true)
	if _, err := b.run(input("t")); err != nil {
		t.Fatal(err)
	}
	if n := b.counts["VerifyTable"]; n != 2 {
		t.Errorf("verified %d times, want 2: evidence is a day old at most", n)
	}
	if first == "" {
		t.Error("the gate was not open after an hour")
	}
}

func TestBadInputFailsAtOnce(t *testing.T) {
	b := newBench(t)
	_, err := b.run(workflows.HBaseMigrationInput{Source: "a", Target: "a", Tables: []string{"t"}})
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || !app.NonRetryable() || !strings.Contains(err.Error(), "two sites") {
		t.Errorf("error %v, want a permanent one that says what is wrong", err)
	}
	b.wantCalls()
}

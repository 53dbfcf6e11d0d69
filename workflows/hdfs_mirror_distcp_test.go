package workflows_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drover/activities"
	"drover/internal/fault"
	"drover/internal/preflight"
	"drover/workflows"
	"drover/workflows/step"
)

// The calls of a mirror by distcp, in their order.
var (
	distcpProbing = append(slices.Clone(probing), "PreflightMirrorDistcp")
	distcpBasing  = []string{
		"AllowTreeSnapshots", "TakeTreeSnapshot", "ListMirrorBaseline", "RunMirrorDistcp", "FinishMirrorDirectories", "VerifyMirror",
		"AllowTreeSnapshots", "TakeTreeSnapshot",
	}
	distcpRounding = []string{
		"FindMirrorDrift", "TakeTreeSnapshot", "PlanMirrorRound", "RunMirrorDistcp", "CopyMirrorChanges",
		"FinishMirrorRound", "VerifyMirror", "TakeTreeSnapshot", "PruneMirrorSnapshots",
	}
	toDistcpMirror = slices.Concat(distcpProbing, distcpBasing, distcpRounding, looksOpen)
)

func newDistcpBench(t *testing.T) *bench {
	t.Helper()
	answers := mirrorDefaults()
	answers["PreflightMirrorDistcp"] = always(activities.DistcpPreflightResult{})
	answers["RunMirrorDistcp"] = always(ran())
	answers["EndMirrorDistcp"] = always("no distcp runs")
	return newBenchOf(t, workflows.HDFSMirror, answers)
}

func ran() activities.MirrorDistcpResult {
	return activities.MirrorDistcpResult{Host: "edge", Command: "hadoop distcp …", JobID: "job_1_0001", Copied: activities.MirrorCopied{Copied: 7, Bytes: 70}}
}

func distcpInput() workflows.HDFSMirrorInput {
	in := mirrorInput()
	in.Engine = activities.MirrorEngine{Kind: workflows.EngineDistcp, Queue: "night", Maps: 4, BandwidthMB: 2.5}
	return in
}

// failing answers the calls numbered with a failure and keeps every command
// that was wanted.
func (b *bench) failing(why activities.DistcpFailure, calls ...int) *[]activities.MirrorDistcpInput {
	wanted := &[]activities.MirrorDistcpInput{}
	b.answer["RunMirrorDistcp"] = func(n int, in json.RawMessage) (any, error) {
		var one activities.MirrorDistcpInput
		err := json.Unmarshal(in, &one)
		*wanted = append(*wanted, one)
		r := ran()
		if slices.Contains(calls, n) {
			r.Failure = &why
		}
		return r, err
	}
	return wanted
}

func attempts(wanted []activities.MirrorDistcpInput) string {
	var all []string
	for _, w := range wanted {
		all = append(all, fmt.Sprintf("%s>%s#%d", last(w.From), last(w.Snapshot), w.Attempt))
	}
	return strings.Join(all, " ")
}

// last cuts a snapshot's name down to its number.
func last(name string) string { return strings.TrimLeft(name[strings.LastIndex(name, "-")+1:], "0") }

func TestMirrorByDistcp(t *testing.T) {
	b := newDistcpBench(t)
	wanted := b.failing(activities.DistcpFailure{})
	b.choose(time.Minute, true, "")
	b.choose(2*time.Minute, false, "")
	res, err := b.mirror(distcpInput())
	if err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
	}
	b.wantCalls(slices.Concat(toDistcpMirror, distcpRounding, proving, dropping[:1])...)
	if got := attempts(*wanted); got != ">#0 >1#0 1>2#0" {
		t.Errorf("commands %s, want a baseline and two rounds", got)
	}
	if e := (*wanted)[1].Engine; e != distcpInput().Engine || res.Reverse.Engine.At != "source" {
		t.Errorf("engine %+v, of the way back %+v, want the input's, and the same machine", e, res.Reverse.Engine)
	}
	if !slices.ContainsFunc(res.Report.Notes, func(n step.Note) bool { return strings.Contains(n.Text, "job_1_0001") }) {
		t.Errorf("notes %v, want the job's id", res.Report.Notes)
	}
}

// TestTheCommandsOfDistcpAreShownBeforeTheyRun: the baseline's and the first
// round's when the run begins, that of the next round at the gate.
func TestTheCommandsOfDistcpAreShownBeforeTheyRun(t *testing.T) {
	b := newDistcpBench(t)
	b.answer["PreflightMirrorDistcp"] = func(_ int, in json.RawMessage) (any, error) {
		var at activities.MirrorDistcpInput
		err := json.Unmarshal(in, &at)
		return activities.DistcpPreflightResult{Commands: activities.DistcpCommands{
			Host: "edge", Baseline: []string{"hadoop", "distcp", at.Snapshot}, Round: []string{"hadoop", "distcp", "-diff", at.Snapshot, at.Snapshot, "-update", "/a b"},
		}}, err
	}
	var begun, shown string
	b.answer["RunMirrorDistcp"] = func(n int, _ json.RawMessage) (any, error) {
		if n == 1 {
			begun = fmt.Sprint(b.status().Notes)
		}
		return ran(), nil
	}
	b.env.RegisterDelayedCallback(func() { shown = fmt.Sprintf("%+v", b.status().Evidence) }, time.Minute)
	b.choose(2*time.Minute, false, "")
	res, err := b.mirror(distcpInput())
	if err != nil || res.Outcome != step.RejectedOutcome {
		t.Fatalf("outcome %s (%s), %v, want rejected", res.Outcome, res.Reason, err)
	}
	name := func(n int) string { return fmt.Sprintf("%s%05d", strings.TrimRight(res.LastCommon, "0123456789"), n) }
	for _, want := range []string{
		"the baseline will be, on edge: hadoop distcp " + name(0),
		"on edge: hadoop distcp -diff " + name(0) + " " + name(1) + " -update '/a b'",
	} {
		if !strings.Contains(begun, want) {
			t.Errorf("before the baseline's command ran the notes were %s, want %q", begun, want)
		}
	}
	if want := "hadoop distcp -diff " + name(1) + " " + name(2) + " -update '/a b'"; !strings.Contains(shown, want) {
		t.Errorf("evidence %s, want %q", shown, want)
	}
}

func TestARoundWithoutChangesStartsNoDistcp(t *testing.T) {
	b := newDistcpBench(t)
	b.answer["PlanMirrorRound"] = always(activities.MirrorRoundPlan{Digest: "d"})
	b.choose(time.Minute, false, "")
	if _, err := b.mirror(distcpInput()); err != nil || b.counts["RunMirrorDistcp"] != 1 {
		t.Errorf("%d commands, %v, want the baseline's alone", b.counts["RunMirrorDistcp"], err)
	}
}

func TestAFindingOfDistcpBlocks(t *testing.T) {
	b := newDistcpBench(t)
	b.answer["PreflightMirrorDistcp"] = always(activities.DistcpPreflightResult{Findings: []preflight.Finding{{ID: "distcp-unreachable", Severity: preflight.Block, Subject: "hdfs://a"}}})
	res, err := b.mirror(distcpInput())
	if err != nil || res.Outcome != workflows.OutcomeBlocked || len(res.Findings) != 1 {
		t.Errorf("outcome %s, findings %v, %v, want blocked by it", res.Outcome, res.Findings, err)
	}
	b.wantCalls(distcpProbing...)
}

// TestAFailedDistcpTellsTheCauseAndTheNextStep, at a gate, and goes on after it
// from a target that was rolled back.
func TestAFailedDistcpTellsTheCauseAndTheNextStep(t *testing.T) {
	b := newDistcpBench(t)
	wanted := b.failing(activities.DistcpFailure{ID: "space-quota", Kind: fault.Denied, Happened: "the quota is used up", Do: "raise it", Touched: true}, 2)
	var shown string
	b.env.RegisterDelayedCallback(func() { shown = fmt.Sprintf("%+v", b.status().Evidence) }, time.Minute)
	b.choose(2*time.Minute, true, "") // the repair
	b.choose(3*time.Minute, false, "")
	res, err := b.mirror(distcpInput())
	if err != nil || res.Outcome != step.RejectedOutcome {
		t.Fatalf("outcome %s (%s), %v, want rejected at the cutover", res.Outcome, res.Reason, err)
	}
	for _, want := range []string{"space-quota", "the quota is used up", "raise it", "rolls the target back", "hadoop distcp"} {
		if !strings.Contains(shown, want) {
			t.Errorf("evidence %s, want %q in it", shown, want)
		}
	}
	if got := attempts(*wanted); got != ">#0 >1#0 >1#1" {
		t.Errorf("commands %s, want the round's twice, under two names", got)
	}
	at := slices.Index(b.calls, "RestoreMirrorTarget")
	if at < 1 || b.calls[at-1] != "RunMirrorDistcp" || b.calls[at+1] != "RunMirrorDistcp" {
		t.Errorf("calls %v, want the target restored between the attempts", b.calls)
	}
}

func TestWhatMayPassIsTriedAgainUnasked(t *testing.T) {
	b := newDistcpBench(t)
	wanted := b.failing(activities.DistcpFailure{ID: "safe-mode", Kind: fault.Unavailable, Happened: "x", Do: "wait", Touched: true}, 1, 2)
	b.choose(10*time.Minute, false, "")
	res, err := b.mirror(distcpInput())
	if err != nil || res.Report.Decisions[0].Gate != workflows.GateCutover {
		t.Fatalf("decisions %v, %v, want none but the cutover's", res.Report.Decisions, err)
	}
	if got := attempts(*wanted); got != ">#0 >#1 >#2 >1#0" {
		t.Errorf("commands %s, want the baseline's three times", got)
	}
	if slices.Contains(b.calls, "RestoreMirrorTarget") {
		t.Error("a baseline was rolled back: it goes on where it broke off")
	}
}

// TestARejectedDistcpIsEndedFirst: nothing is undone under a command that might
// still run.
func TestARejectedDistcpIsEndedFirst(t *testing.T) {
	b := newDistcpBench(t)
	b.failing(activities.DistcpFailure{ID: "permission", Kind: fault.Denied}, 1, 2)
	b.choose(time.Minute, true, "")
	b.choose(2*time.Minute, true, "")
	b.choose(3*time.Minute, false, "")
	res, err := b.mirror(distcpInput())
	if err != nil || res.Outcome != step.RejectedOutcome {
		t.Fatalf("outcome %s, %v, want rejected", res.Outcome, err)
	}
	undone := slices.Concat([]string{"EndMirrorDistcp"}, []string{"DropTreeSnapshots", "EndMirrorDistcp"}, unmirroring[1:])
	if got := b.calls[len(b.calls)-len(undone):]; !slices.Equal(got, undone) {
		t.Errorf("undone %v, want %v", got, undone)
	}
}

// TestAFailedDistcpKeepsNoWritersWaiting: between approval and commit line nobody
// is asked; the attempt fails, and the next one takes the round back first.
func TestAFailedDistcpKeepsNoWritersWaiting(t *testing.T) {
	b := newDistcpBench(t)
	wanted := b.failing(activities.DistcpFailure{ID: "unreachable", Kind: fault.Unavailable, Happened: "no route", Do: "check", Touched: true}, 3)
	for i := range 3 {
		b.choose(time.Duration(i+1)*time.Minute, true, "")
	}
	res, err := b.mirror(distcpInput())
	if err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed at the second attempt", res.Outcome, res.Reason, err)
	}
	if !strings.Contains(fmt.Sprint(res.Report.Notes), "attempt 1 failed") || !strings.Contains(fmt.Sprint(res.Report.Notes), "no route; check") {
		t.Errorf("notes %v, want the attempt and its cause", res.Report.Notes)
	}
	if got := attempts(*wanted); !strings.HasPrefix(got, ">#0 >1#0 1>2#0 1>2#1") || b.counts["RestoreMirrorTarget"] != 1 {
		t.Errorf("commands %s, %d restored, want the failed round again from a restored target", got, b.counts["RestoreMirrorTarget"])
	}
}

func TestADistcpMirrorThatContinuesAsNewRepeatsNothing(t *testing.T) {
	calls, runs := inPieces(t, newDistcpBench, distcpInput(), "RunMirrorDistcp", "CopyMirrorChanges", "SourceOpenFiles")
	want := slices.Concat(toDistcpMirror, distcpRounding, proving, dropping)
	if got := fmt.Sprint(calls); got != fmt.Sprint(want) || runs < 2 {
		t.Errorf("%d continuations, calls\n got %v\nwant %v", runs, calls, want)
	}
}

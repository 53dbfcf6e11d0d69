package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/activities"
	"drover/workflows"
	"drover/workflows/step"
)

func at(gate, digest string) step.Status { return step.Status{WaitingAt: gate, Digest: digest} }

// TestTreeDemoActsOnceAtEachGate: the first cutover gate is where the drift is
// planted; nobody else's decision is taken from them, but with --yes.
func TestTreeDemoActsOnceAtEachGate(t *testing.T) {
	story := []step.Status{
		{},
		at(workflows.GateCutover, ""), at(workflows.GateCutover, "d1"), at(workflows.GateCutover, "d1"),
		at(workflows.GateDrift, "d2"), at(workflows.GateDrift, "d2"), at(workflows.GateCutover, "d3"),
		at(workflows.GateCutover, "d4"), at(workflows.GateRepair, "d5"), at(workflows.GateCleanup, "d6"),
	}
	for _, tc := range []struct {
		name string
		yes  bool
		want []turn
	}{
		{"a person decides", false, []turn{turnNone, turnNone, turnPlant, turnNone, turnWait, turnNone, turnWait, turnWait, turnWait, turnApprove}},
		{"--yes decides", true, []turn{turnNone, turnNone, turnPlant, turnNone, turnRestore, turnNone, turnCutover, turnCutover, turnApprove, turnApprove}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := treeGates{yes: tc.yes}
			var got []turn
			for _, s := range story {
				got = append(got, g.turn(s))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("turns (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTreeDemoSaysTheExactCommand(t *testing.T) {
	v := view{WorkflowID: "hdfs-mirror.a.b.x", Status: at(workflows.GateDrift, "abc")}
	want := `drover approve hdfs-mirror.a.b.x --gate drift --digest abc --choice restore --by NAME --reason "WHY"`
	if got := waitWords(v, "drover"); !strings.HasSuffix(got, want) || strings.Contains(got, "here") {
		t.Errorf("says %q, want at its end %q", got, want)
	}
}

func TestTreeDemoSaysWhyTheCutoverFailed(t *testing.T) {
	s := step.Status{Notes: []step.Note{{Text: "cutover attempt 1 failed: a"}, {Text: "cutover attempt 2 failed: b"}, {Text: "remeasure by ann"}}}
	if got := lastFailure(s); got != "cutover attempt 2 failed: b" {
		t.Errorf("says %q", got)
	}
}

func decidedDrift(listed string) []step.Decided {
	d := step.Decided{Decision: step.Decision{Gate: workflows.GateDrift, By: "ann", Choice: workflows.ChoiceRestore}}
	d.Evidence.Facts = []step.Fact{{Name: "changes", Value: "3"}, {Name: "the first", Value: listed}}
	return []step.Decided{{Decision: step.Decision{Gate: workflows.GateCutover}}, d}
}

// TestADriftThatWasNotListedFailsTheDemo, as does everything else the demo
// promises.
func TestADriftThatWasNotListedFailsTheDemo(t *testing.T) {
	planted := []string{"wide/w00000", "wide/not from the source"}
	all := "modified wide; modified wide/w00000; created wide/not from the source"
	for _, tc := range []struct {
		name    string
		verdict string
		lost    int64
		decided []step.Decided
		want    string
	}{
		{"all is well", "match", 0, decidedDrift(all), ""},
		{"half of the drift is listed", "match", 0, decidedDrift("modified wide; modified wide/w00000"), "did not list"},
		{"the drift gate never opened", "match", 0, nil, "did not list"},
		{"a file is lost", "match", 1, decidedDrift(all), "1 acknowledged files"},
		{"not compared", "unproven", 0, decidedDrift(all), `verdict "unproven"`},
	} {
		r := treeDemoReport{Lost: tc.lost, Drift: treeDrift{Planted: planted}}
		r.read(workflows.HDFSMirrorResult{Verdict: tc.verdict, Report: step.Status{Decisions: tc.decided}})
		err := r.problem()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || exitCode(err) != codeFailed) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestTreeDemoReportKeepsItsKeys(t *testing.T) {
	r := treeDemoReport{Drift: treeDrift{Planted: []string{"x"}}, Acked: 1234, ReadBack: 600, WriterFreezeMillis: 2500}
	r.read(workflows.HDFSMirrorResult{
		Verdict: "match", Rounds: 3, Verified: activities.MirrorVerifyResult{Files: 1500, Directories: 20, Bytes: 3 << 20},
		Baseline: activities.MirrorCopied{Copied: 1000, Bytes: 2 << 20}, Copied: activities.MirrorCopied{Copied: 90, Appended: 10, Bytes: 1 << 20},
		Freeze: &workflows.MirrorFreeze{TotalMillis: 2000, RoundMillis: 1500, VerifyMillis: 500},
		Report: step.Status{Decisions: decidedDrift("created x")},
	})
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"verdict", "acked", "lost", "freezeMillis", "writerFreezeMillis", "steps", "rounds", "drift", "historyEvents", "orchestrationMillis"} {
		if _, ok := keys[key]; !ok {
			t.Errorf("the answer lacks %q: %s", key, text)
		}
	}
	var out strings.Builder
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{
		"verdict match: 1,500 files in 20 directories, 3.0 MiB", "3 rounds brought 100 files, 1.0 MiB (10 of the files by their tail)",
		"settled by ann: restore", "1,234 changes acknowledged", "600 files read back from the target, 0 lost", "for 2.00 s: freeze and last round 1.50 s", "the writer felt 2.50 s",
	} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("the report lacks %q:\n%s", words, out.String())
		}
	}
}

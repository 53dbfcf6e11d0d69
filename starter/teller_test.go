package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"drover/workflows/step"
)

func TestTellerSaysEachThingOnce(t *testing.T) {
	var out, talk strings.Builder
	teller := newApp(strings.NewReader(""), &out, &talk).newTeller(t.Context())
	begun := time.Date(2026, 11, 21, 8, 0, 0, 0, time.Local)
	earlier := time.Now().Add(-6 * time.Hour)
	at := func(change func(*view)) string {
		t.Helper()
		out.Reset()
		v := view{State: stateRunning, Status: step.Status{Phase: "export", Since: begun, Detail: "copying"}}
		change(&v)
		if err := teller.tell(v); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	note := step.Note{At: begun, Text: "first"}
	refusal := step.Refusal{At: begun, Door: "signal approve", Reason: "no digest"}
	evidence := &step.Evidence{Digest: "abc", MeasuredAt: begun, Facts: []step.Fact{{Name: "rows", Value: "7"}}}
	for _, tc := range []struct {
		name, want, never string
		change            func(*view)
	}{
		{"a phase", "08:00:00 phase export: copying\n", "", func(*view) {}},
		{"nothing new", "", "phase", func(*view) {}},
		{"the same phase at something else", "phase export: checking\n", earlier.Format(time.TimeOnly), func(v *view) { v.Status.Since, v.Status.Detail = earlier, "checking" }},
		{"and at the first again", "phase export: copying\n", "", func(*view) {}},
		{"progress", "files: 1 of 4 files (25 %)", "", func(v *view) { v.Running = []step.Progress{{Name: "files", Done: 1, Total: 4, Unit: "files"}} }},
		{"progress again, too soon", "", "files", func(v *view) { v.Running = []step.Progress{{Name: "files", Done: 2, Total: 4, Unit: "files"}} }},
		{"work that is done", "files: 4 of 4 files (100 %)", "", func(v *view) { v.Running = []step.Progress{{Name: "files", Done: 4, Total: 4, Unit: "files"}} }},
		{"work that was done before", "", "files", func(v *view) { v.Status.Progress = []step.Progress{{Name: "files", Done: 4, Total: 4, Unit: "files"}} }},
		{"a note", "note: first", "", func(v *view) { v.Status.Notes = []step.Note{note} }},
		{"the same note and a refusal", "refused signal approve: no digest", "first", func(v *view) {
			v.Status.Notes, v.Status.Refusals = []step.Note{note}, []step.Refusal{refusal}
		}},
		{"a failing activity", "Copy failed once, and is tried again: no room", "", func(v *view) { v.Retrying = []retry{{"Copy", 1, "no room"}} }},
		{"the same failure", "", "no room", func(v *view) { v.Retrying = []retry{{"Copy", 2, "no room"}} }},
		{"another failure", "Copy failed 3 times, and is tried again: no quota", "", func(v *view) { v.Retrying = []retry{{"Copy", 3, "no quota"}} }},
		{"an open gate", "rows", "", func(v *view) {
			v.Status.Notes, v.Status.Refusals = []step.Note{note}, []step.Refusal{refusal}
			v.Status.WaitingAt, v.Status.Digest, v.Status.Evidence = "cutover", "abc", evidence
		}},
		{"no worker", "no worker answers", "", func(v *view) { v.silent, v.Problem = true, "no worker answers" }},
		{"still no worker", "", "worker", func(v *view) { v.silent, v.Problem = true, "no worker answers" }},
	} {
		got := at(tc.change)
		if !strings.Contains(got, tc.want) || (tc.never != "" && strings.Contains(got, tc.never)) {
			t.Errorf("%s: said %q, want %q in it and never %q", tc.name, got, tc.want, tc.never)
		}
	}
	teller.close()
}

func TestRetriesAreReadFromPendingActivities(t *testing.T) {
	activity := func(name string, attempt int32, failure *failurepb.Failure) *workflowpb.PendingActivityInfo {
		return &workflowpb.PendingActivityInfo{ActivityType: &commonpb.ActivityType{Name: name}, Attempt: attempt, LastFailure: failure}
	}
	described := &workflowservice.DescribeWorkflowExecutionResponse{PendingActivities: []*workflowpb.PendingActivityInfo{
		activity("List", 1, nil), activity("Copy", 4, &failurepb.Failure{Message: "copy /x: quota exceeded; raise it"}),
	}}
	want := []retry{{Activity: "Copy", Failed: 3, Last: "copy /x: quota exceeded; raise it"}}
	if diff := cmp.Diff(want, retries(described)); diff != "" {
		t.Errorf("retries (-want +got):\n%s", diff)
	}
	var out strings.Builder
	if err := showView(&out, view{State: stateRunning, Retrying: want}); err != nil || !strings.Contains(out.String(), "retrying") || !strings.Contains(out.String(), "failed 3 times") {
		t.Errorf("status: %v, %q, want the failure in it", err, out.String())
	}
}

func TestTellerFollowsAListThatForgets(t *testing.T) {
	begin := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	var told time.Time
	var got [][]int
	for _, list := range [][]int{{1}, {1, 2, 3}, {1, 2, 3}, {2, 3, 4}} {
		added := since(list, func(n int) time.Time { return begin.Add(time.Duration(n)) }, &told)
		got = append(got, append([]int{}, added...))
	}
	if diff := cmp.Diff([][]int{{1}, {2, 3}, {}, {4}}, got); diff != "" {
		t.Errorf("new entries (-want +got):\n%s", diff)
	}
}

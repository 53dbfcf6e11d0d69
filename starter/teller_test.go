package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/workflows/step"
)

func TestTellerSaysEachThingOnce(t *testing.T) {
	var out, talk strings.Builder
	teller := newApp(strings.NewReader(""), &out, &talk).newTeller(t.Context())
	begun := time.Date(2026, 11, 21, 8, 0, 0, 0, time.Local)
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
		{"progress", "files: 1 of 4 files (25 %)", "", func(v *view) { v.Running = []step.Progress{{Name: "files", Done: 1, Total: 4, Unit: "files"}} }},
		{"progress again, too soon", "", "files", func(v *view) { v.Running = []step.Progress{{Name: "files", Done: 2, Total: 4, Unit: "files"}} }},
		{"a note", "note: first", "", func(v *view) { v.Status.Notes = []step.Note{note} }},
		{"the same note and a refusal", "refused signal approve: no digest", "first", func(v *view) {
			v.Status.Notes, v.Status.Refusals = []step.Note{note}, []step.Refusal{refusal}
		}},
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

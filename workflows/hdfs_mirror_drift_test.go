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

// TestDriftIsLookedForByNumbersNotByName: every round is told which directory and
// snapshot it is to find, unless that was taken anew since.
func TestDriftIsLookedForByNumbersNotByName(t *testing.T) {
	b := newMirrorBench(t)
	b.answer["TakeTreeSnapshot"] = func(n int, _ json.RawMessage) (any, error) {
		return activities.TreeSnapshotResult{RootID: 7, ID: uint32(n)}, nil
	}
	var looks []activities.MirrorDriftInput
	b.answer["FindMirrorDrift"] = func(n int, in json.RawMessage) (any, error) {
		var asked activities.MirrorDriftInput
		err := json.Unmarshal(in, &asked)
		looks = append(looks, asked)
		if n == 2 {
			return activities.DriftResult{Changed: 1}, err
		}
		return activities.DriftResult{Sampled: 40, Seed: 11, Behind: []string{"f: time"}}, err
	}
	b.env.RegisterDelayedCallback(func() {
		text := b.status().Evidence.Facts
		for _, want := range []string{"40 files by id, time and checksum (seed 11)", "f: time"} {
			if !slices.ContainsFunc(text, func(f step.Fact) bool { return strings.Contains(f.Value, want) }) {
				t.Errorf("evidence %v lacks %q", text, want)
			}
		}
	}, 30*time.Second)
	b.choose(time.Minute, true, "")
	b.choose(2*time.Minute, true, workflows.ChoiceAdopt)
	b.choose(3*time.Minute, true, "")
	if res, err := b.mirror(mirrorInput()); err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
	}
	// The target's snapshots are every second one: 2, 4.
	want := []activities.MirrorDriftInput{{RootID: 7, SnapshotID: 2}, {RootID: 7, SnapshotID: 4}, {Adopted: true}}
	for i := range looks {
		got := activities.MirrorDriftInput{RootID: looks[i].RootID, SnapshotID: looks[i].SnapshotID, Adopted: looks[i].Adopted}
		if i >= len(want) || got.RootID != want[i].RootID || got.SnapshotID != want[i].SnapshotID || got.Adopted != want[i].Adopted || looks[i].Samples != 100 {
			t.Errorf("look %d: %+v, want %+v with 100 samples", i, looks[i], want)
		}
	}
	if len(looks) != len(want) {
		t.Errorf("%d looks, want %d", len(looks), len(want))
	}
}

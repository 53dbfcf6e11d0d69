package activities

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/mirror/plan"
	"drover/internal/mirror/verify"
)

func TestDriftIsWhatOthersDid(t *testing.T) {
	for name, c := range map[string]struct {
		found verify.Drift
		want  DriftResult
	}{
		"an untouched target": {verify.Drift{Samples: 9}, DriftResult{Sampled: 9}},
		"another directory of the name": {
			verify.Drift{Replaced: "/x has file id 2, it had 1", Changes: 5},
			DriftResult{Changed: 1, First: []string{"/x has file id 2, it had 1"}},
		},
		"a change that is sampled, too": {
			verify.Drift{Changes: 1, Named: []plan.Change{{Kind: plan.Modified, Path: "f"}}, Sampled: []verify.Difference{{Path: "f", Kind: verify.ModTime}}},
			DriftResult{Changed: 1, First: []string{"modified f"}},
		},
		"a change that only a sample shows": {
			verify.Drift{Samples: 1, Sampled: []verify.Difference{{Path: "f", Kind: verify.FileID, Source: "7", Target: "8"}}},
			DriftResult{Changed: 1, Sampled: 1, First: []string{"f: " + string(verify.FileID) + ": its snapshot 7, now 8"}},
		},
		"another file in the place": {
			verify.Drift{Sampled: []verify.Difference{{Path: "f", Kind: verify.ModTime, Source: "1", Target: "2"}, {Path: "f", Kind: verify.FileID}}},
			DriftResult{Changed: 1, First: []string{"f: " + string(verify.ModTime) + ": its snapshot 1, now 2"}},
		},
		"a source ahead in silence": {
			verify.Drift{Strayed: []verify.Difference{{Path: "f", Kind: verify.ModTime, Source: "1", Target: "2"}}, Unproven: []verify.Gap{{Path: "g"}}},
			DriftResult{Behind: []string{"f: " + string(verify.ModTime) + ": source 1, target 2"}, Unproven: 1},
		},
		"a snapshot that is not the source's": {
			verify.Drift{Strayed: []verify.Difference{{Path: "f", Kind: verify.Size, Source: "1", Target: "2"}}},
			DriftResult{Changed: 1, First: []string{"f: " + string(verify.Size) + ": source 1, the target's snapshot 2"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, driftOf(c.found)); diff != "" {
				t.Errorf("drift (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryRoundDrawsOtherSamples(t *testing.T) {
	seed := func(run, snapshot string) uint32 {
		return MirrorDriftInput{MirrorSnapshotInput: MirrorSnapshotInput{MirrorAt: MirrorAt{RunKey: run}, Snapshot: snapshot}}.seed()
	}
	one, again := seed("r", "s1"), seed("r", "s1")
	if one != again {
		t.Error("one round has two seeds")
	}
	if one == seed("r", "s2") || one == seed("q", "s1") {
		t.Error("rounds or runs share a seed")
	}
}

package activities

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"drover/internal/mirror/advice"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/verify"
)

// MirrorDriftInput asks what others changed at the target since a snapshot.
type MirrorDriftInput struct {
	MirrorSnapshotInput
	// RootID and SnapshotID are what TakeTreeSnapshot said of the target, 0
	// where that is not known.
	RootID     uint64 `json:"rootId,omitempty"`
	SnapshotID uint32 `json:"snapshotId,omitempty"`
	// Samples is how many files are looked at more closely.
	Samples int `json:"samples"`
	// Adopted says that the target's snapshot is known not to be the source's,
	// so that it is not held against that.
	Adopted bool     `json:"adopted,omitempty"`
	Without []string `json:"without,omitempty"`
}

// seed makes every round draw other files, and the same round the same ones.
func (in MirrorDriftInput) seed() uint32 {
	sum := sha256.Sum256([]byte(in.RunKey + "/" + in.Snapshot))
	return binary.BigEndian.Uint32(sum[:])
}

// DriftResult is what changed at the target behind the mirror's back.
type DriftResult struct {
	// Changed counts what the NameNode reports and what only the samples show.
	Changed int64    `json:"changed"`
	First   []string `json:"first,omitempty"` // the first few, in words
	// Sampled is how many files were held, by file id, time and checksum,
	// against the target's snapshot and that against the source's. Seed chose
	// them, Unproven of them could not be compared.
	Sampled  int64  `json:"sampled"`
	Seed     uint32 `json:"seed,omitempty"`
	Unproven int64  `json:"unproven,omitempty"`
	// Behind names samples that differ from the source's in what no snapshot
	// diff reports. Nobody wrote to the target; no round can bring them.
	Behind []string `json:"behind,omitempty"`
}

// FindMirrorDrift looks for what others changed at the target since the common
// snapshot: first whether that snapshot and the directory are the ones this
// mirror made, then what the NameNode reports, then samples.
func (a *Mirror) FindMirrorDrift(ctx context.Context, in MirrorDriftInput) (DriftResult, error) {
	defer beat(ctx).end()
	source, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return DriftResult{}, err
	}
	o := verify.DriftOptions{RootID: in.RootID, SnapshotID: in.SnapshotID, Samples: in.Samples, Seed: uint64(in.seed()), Ignore: ignored(in.Without), Max: mendable}
	if !in.Adopted {
		source = source.At(in.Snapshot)
		o.Source = &source
	}
	found, err := verify.FindDrift(ctx, target, in.Snapshot, o)
	if err != nil {
		return DriftResult{}, advice.On(err)
	}
	out := driftOf(found)
	out.Seed = in.seed()
	return out, nil
}

// driftOf sorts what was found into what others did and what is only behind.
func driftOf(found verify.Drift) DriftResult {
	out := DriftResult{Changed: int64(found.Changes), Sampled: int64(found.Samples), Unproven: int64(len(found.Unproven))}
	say := func(line string) {
		if len(out.First) < toldDifferences {
			out.First = append(out.First, line)
		}
	}
	if found.Replaced != "" {
		out.Changed = 1
		say(found.Replaced)
		return out
	}
	reported := map[string]bool{}
	for _, c := range found.Named {
		reported[c.Path] = true
		say(changeText(c))
	}
	for _, d := range found.Sampled {
		if !reported[d.Path] {
			reported[d.Path] = true
			out.Changed++
			say(differenceText(d, "its snapshot", "now"))
		}
	}
	for _, d := range found.Strayed {
		if silent(d.Kind) {
			out.Behind = append(out.Behind, differenceText(d, "source", "target"))
			continue
		}
		out.Changed++
		say(differenceText(d, "source", "the target's snapshot"))
	}
	out.Behind = out.Behind[:min(len(out.Behind), toldDifferences)]
	return out
}

func differenceText(d verify.Difference, source, target string) string {
	return fmt.Sprintf("%s: %s: %s %s, %s %s", d.Path, d.Kind, source, d.Source, target, d.Target)
}

func changeText(c plan.Change) string {
	line := map[plan.Kind]string{plan.Modified: "modified ", plan.Created: "created ", plan.Deleted: "deleted ", plan.Renamed: "renamed "}[c.Kind] + c.Path
	if c.Target != "" {
		line += " to " + c.Target
	}
	return line
}

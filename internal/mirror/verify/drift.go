package verify

import (
	"context"
	"fmt"
	"slices"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/tree"
	"drover/internal/report"
)

// DriftOptions say what a tree is held against. The zero value looks at the
// changes the NameNode reports, and at ten files.
type DriftOptions struct {
	// Source is the tree that was mirrored, at the same snapshot; nil leaves
	// the samples' bytes to be compared within the target only.
	Source *tree.Tree
	// RootID is the file id of the target's root, as recorded when the snapshot
	// was made; 0 when it was not. A tree that was replaced has another.
	RootID uint64
	// SnapshotID is the snapshot's number, as recorded when it was made; 0 when
	// it was not. A snapshot that was deleted and made again has another.
	SnapshotID uint32
	// Samples is how many files are looked at: 0 means 10, a negative number
	// none.
	Samples int
	// Seed chooses the samples: the same seed and tree, the same files.
	Seed uint64
	// Ignore lists what the samples are not compared in.
	Ignore []Kind
	// Max bounds how many changes and differences are named; 0 means 100.
	Max int
}

// Drift is what happened to a target tree since a snapshot. Match means that
// nothing did, as far as Changes and the samples can tell.
type Drift struct {
	Verdict report.Verdict `json:"verdict"`
	// Replaced says, in words, that the root or the snapshot is not the one
	// recorded; nothing else is looked at then.
	Replaced string `json:"replaced,omitempty"`
	// Changes counts what the NameNode reports, the first of them in Named. The
	// root's own attributes do not count: taking a snapshot changes its time.
	Changes int           `json:"changes"`
	Named   []plan.Change `json:"named,omitempty"`
	// Samples counts the files that were looked at, Sampled what was found
	// between the snapshot and now.
	Samples int          `json:"samples"`
	Sampled []Difference `json:"sampled,omitempty"`
	// Strayed is what the samples in the snapshot itself differ in from the
	// source's.
	Strayed  []Difference `json:"strayed,omitempty"`
	Unproven []Gap        `json:"unproven,omitempty"`
}

// FindDrift tells whether a tree is as its snapshot keeps it.
//
// The difference that the NameNode reports is complete but for two things that
// it does not report: a change of times alone, and a file that was truncated
// and grew to its old length. The samples look for these, by file id, time and
// checksum; they also hold the snapshot itself against the source's, for a
// snapshot of the right name need not be the one that was made.
func FindDrift(ctx context.Context, target tree.Tree, snapshot string, opt DriftOptions) (Drift, error) {
	if opt.Max <= 0 {
		opt.Max = 100
	}
	if opt.Samples == 0 {
		opt.Samples = 10
	}
	replaced, err := identity(ctx, target, snapshot, opt)
	if err != nil || replaced != "" {
		return Drift{Verdict: report.Differ, Replaced: replaced}, err
	}
	found, err := diff.Between(ctx, target.NN, target.Root, snapshot, "")
	if err != nil {
		return Drift{}, err
	}
	changes := slices.DeleteFunc(found.Changes, func(c plan.Change) bool { return c.Path == "" && c.Kind == plan.Modified })
	d := Drift{Verdict: report.Match, Changes: len(changes), Named: changes[:min(len(changes), opt.Max)]}
	if opt.Samples > 0 {
		if err := d.sample(ctx, target, snapshot, opt); err != nil {
			return Drift{}, err
		}
	}
	switch {
	case d.Changes > 0, len(d.Sampled) > 0, len(d.Strayed) > 0:
		d.Verdict = report.Differ
	case len(d.Unproven) > 0:
		d.Verdict = report.Unproven
	}
	return d, nil
}

// identity says what is not the one recorded, "" when all is.
func identity(ctx context.Context, target tree.Tree, snapshot string, opt DriftOptions) (string, error) {
	root, err := target.NN.Stat(ctx, target.Root)
	if err != nil {
		return "", err
	}
	if opt.RootID != 0 && root.FileID != opt.RootID {
		return fmt.Sprintf("%s has file id %d, it had %d: the directory was replaced", target.Root, root.FileID, opt.RootID), nil
	}
	all, err := target.NN.Snapshots(ctx, target.Root)
	if err != nil {
		return "", err
	}
	for _, s := range all {
		if s.Name != snapshot {
			continue
		}
		if opt.SnapshotID != 0 && s.ID != 0 && s.ID != opt.SnapshotID {
			return fmt.Sprintf("snapshot %s of %s has number %d, it had %d: it was deleted and made again", snapshot, target.Root, s.ID, opt.SnapshotID), nil
		}
		return "", nil
	}
	return "", fault.As(fault.NotFound, fmt.Errorf("drift of %s: it has no snapshot %q: name the last common one", target.Root, snapshot))
}

// sample compares files of the snapshot with what is there now, and with the
// source's.
func (d *Drift) sample(ctx context.Context, target tree.Tree, snapshot string, opt DriftOptions) error {
	kept := target.At(snapshot)
	paths, err := samples(ctx, kept, opt.Samples, opt.Seed)
	if err != nil {
		return err
	}
	d.Samples = len(paths)
	if len(paths) == 0 {
		return nil
	}
	options := Options{Paths: paths, Times: true, Ignore: opt.Ignore, Max: opt.Max}
	sameTree := options
	sameTree.fileIDs = true
	now, err := Trees(ctx, kept, target, sameTree)
	if err != nil {
		return err
	}
	d.Sampled = now.Differences
	d.gaps(now, opt.Max)
	if opt.Source == nil {
		return nil
	}
	origin, err := Trees(ctx, *opt.Source, kept, options)
	if err != nil {
		return err
	}
	d.Strayed = origin.Differences
	d.gaps(origin, opt.Max)
	return nil
}

func (d *Drift) gaps(r Result, limit int) {
	d.Unproven = append(d.Unproven, r.Gaps...)
	d.Unproven = d.Unproven[:min(len(d.Unproven), limit)]
}

// lister is the part of namenode.Client that samples are drawn with.
type lister interface {
	ListPage(ctx context.Context, dir string, startAfter []byte, locations bool) ([]namenode.Status, int, error)
}

package activities

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/advice"
	"drover/internal/mirror/apply"
	"drover/internal/mirror/copy"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/tree"
	"drover/internal/mirror/verify"
	"drover/internal/report"
)

// mendable bounds how many entries VerifyMirror puts right by itself.
const mendable = 10_000

// mendPasses bounds how often it does so: what is inherited shows only when the
// directory above has been put right.
const mendPasses = 20

// VerifyMirror compares the target with a snapshot of the source: all of it, or
// what a round brought. When all is compared, entries that differ in what no
// snapshot diff reports (a changed time; a file rewritten to its old length; a
// storage policy inherited from another place) are brought, and everything is
// compared once more; where drift was adopted, other bytes are only named.
func (a *Mirror) VerifyMirror(ctx context.Context, in MirrorVerifyInput) (MirrorVerifyResult, error) {
	p := beat(ctx)
	defer p.end()
	source, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return MirrorVerifyResult{}, err
	}
	o := verify.Options{Metadata: true, Ignore: ignored(in.Without), Parallel: in.Parallel, Max: toldDifferences}
	o.Progress = func(v verify.Progress) {
		p.show(Progress{Name: "compare", Done: v.Files + v.Dirs, Unit: "entries"})
	}
	source = source.At(in.Snapshot)
	if in.From != "" {
		// What HDFS says of a policy in a snapshot is the present, which may
		// have changed since: the comparison of everything, when all is quiet,
		// is what settles these.
		o.Ignore = append(o.Ignore, verify.Policy)
		return a.verifyRound(ctx, source, target, in, o)
	}
	var differ []verify.Difference
	o.Found = func(d verify.Difference) {
		if len(differ) <= mendable {
			differ = append(differ, d)
		}
	}
	for pass := 1; ; pass++ {
		res, err := compared(verify.Trees(ctx, source, target, o))
		if err != nil || res.Verdict != report.Differ || pass == mendPasses || !unreported(differ) || in.Adopted && rewritten(differ) {
			return verified(res), err
		}
		if err := mend(ctx, source, target, in.Snapshot, differ, copy.Options{Preserve: preserve(in.Without)}); err != nil {
			return MirrorVerifyResult{}, err
		}
		differ = nil
	}
}

// compared makes what could not be compared an error that is tried again: a
// DataNode that is lost, or a NameNode that has just restarted, is no verdict on
// a tree. What can never be compared was refused when it was listed.
func compared(res verify.Result, err error) (verify.Result, error) {
	if err != nil || res.Verdict != report.Unproven {
		return res, advice.On(err)
	}
	first := verify.Gap{}
	if len(res.Gaps) > 0 {
		first = res.Gaps[0]
	}
	return res, fault.As(fault.Unavailable, fmt.Errorf("%d entries could not be compared, %s the first: %s; see that both sides are up, the comparison is then made again", res.Unproven, first.Path, first.Reason))
}

// verifyRound compares what the round's copies name, some thousands at a time.
func (a *Mirror) verifyRound(ctx context.Context, source, target tree.Tree, in MirrorVerifyInput, o verify.Options) (MirrorVerifyResult, error) {
	out := MirrorVerifyResult{Verdict: string(report.Match)}
	var single, whole []string
	compare := func() error {
		for _, part := range []struct {
			paths   *[]string
			shallow bool
		}{{&single, true}, {&whole, false}} {
			if len(*part.paths) == 0 {
				continue
			}
			o.Paths, o.Shallow = *part.paths, part.shallow
			res, err := compared(verify.Trees(ctx, source, target, o))
			if err != nil {
				return err
			}
			out.add(verified(res))
			*part.paths = nil
		}
		return nil
	}
	r := MirrorRoundInput{MirrorAt: in.MirrorAt, From: in.From, To: in.Snapshot}
	err := roundEach(ctx, a, r, in.Digest, copiesFile, 0, toTheEnd, func(c plan.Copy) error {
		switch {
		case c.Path == "":
		case c.Walk:
			whole = append(whole, c.Path)
		default:
			single = append(single, c.Path)
		}
		if len(single)+len(whole) < heldAtOnce {
			return nil
		}
		return compare()
	})
	if err == nil {
		err = compare()
	}
	return out, err
}

// add joins two comparisons: the worse verdict is that of both.
func (r *MirrorVerifyResult) add(o MirrorVerifyResult) {
	if o.Verdict == string(report.Differ) || r.Verdict == string(report.Match) {
		r.Verdict = o.Verdict
	}
	r.Directories += o.Directories
	r.Files += o.Files
	r.Bytes += o.Bytes
	r.Differing += o.Differing
	told := append(r.Differences, o.Differences...)
	r.Differences = told[:min(len(told), toldDifferences)]
}

func verified(res verify.Result) MirrorVerifyResult {
	out := MirrorVerifyResult{Verdict: string(res.Verdict), Directories: res.Dirs, Files: res.Files, Bytes: res.Bytes, Differing: res.Differing}
	for _, d := range res.Differences {
		out.Differences = append(out.Differences, differenceText(d, "source", "target"))
	}
	for _, g := range res.Gaps {
		out.Differences = append(out.Differences, fmt.Sprintf("%s: not compared: %s", g.Path, g.Reason))
	}
	return out
}

func ignored(without []string) []verify.Kind {
	var kinds []verify.Kind
	for _, w := range without {
		switch w {
		case "owner":
			kinds = append(kinds, verify.Owner, verify.Group)
		case "acl":
			kinds = append(kinds, verify.ACL)
		case "xattr":
			kinds = append(kinds, verify.XAttr)
		case "times":
			kinds = append(kinds, verify.ModTime)
		}
	}
	return kinds
}

// unreported says whether all differences are of the kinds that a snapshot diff
// can miss: then nobody else wrote to the target.
func unreported(differ []verify.Difference) bool {
	return len(differ) <= mendable && !slices.ContainsFunc(differ, func(d verify.Difference) bool {
		return !silent(d.Kind)
	})
}

// rewritten reports whether bytes are among what differs.
func rewritten(differ []verify.Difference) bool {
	return slices.ContainsFunc(differ, func(d verify.Difference) bool { return d.Kind == verify.Content })
}

// silent reports whether a snapshot diff can miss a difference of this kind.
func silent(k verify.Kind) bool {
	return k == verify.ModTime || k == verify.Content || k == verify.Policy
}

// mend brings what differs, and takes the common snapshot of the target anew: it
// is to hold what the source's holds, and what was mended is no drift.
func mend(ctx context.Context, source, target tree.Tree, snapshot string, differ []verify.Difference, o copy.Options) error {
	if err := bringDiffering(ctx, source, target, differ, o); err != nil {
		return err
	}
	if st, err := target.NN.Stat(ctx, target.Root); err != nil || !st.Snapshottable {
		return err // a baseline: its snapshot is yet to come
	}
	return apply.Retake(ctx, target.NN, target.Root, snapshot, snapshot+".before-mending-"+time.Now().UTC().Format("20060102T150405.000"))
}

// bringDiffering makes the entries that differ those of the source.
func bringDiffering(ctx context.Context, source, target tree.Tree, differ []verify.Difference, o copy.Options) error {
	var changes []plan.Copy
	for _, d := range differ {
		changes = append(changes, plan.Copy{Path: d.Path, Prior: d.Path})
	}
	slices.SortFunc(changes, func(a, b plan.Copy) int { return strings.Compare(a.Path, b.Path) })
	changes = slices.CompactFunc(changes, func(a, b plan.Copy) bool { return a.Path == b.Path })
	if _, err := copy.Changes(ctx, source, target, changes, o); err != nil {
		return err
	}
	return copy.FinishChanges(ctx, source, target, changes, o)
}

// RestoreMirrorTarget rolls the target back to one of its own snapshots; without
// a name to the newest that the source has as well. Data come from the snapshot,
// and only what drifted is copied.
func (a *Mirror) RestoreMirrorTarget(ctx context.Context, in MirrorSnapshotInput) (string, error) {
	defer beat(ctx).end()
	source, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return "", err
	}
	if in.Snapshot == "" {
		if in.Snapshot, err = newestCommon(ctx, source, target); err != nil || in.Snapshot == "" {
			return "", err
		}
	}
	o := copy.Options{Preserve: tree.Everything()}
	done, err := apply.Restore(ctx, target.NN, target.Root, in.Snapshot, func(ctx context.Context, changes []plan.Copy) error {
		if _, err := copy.Changes(ctx, target.At(in.Snapshot), target, changes, o); err != nil {
			return err
		}
		return copy.FinishChanges(ctx, target.At(in.Snapshot), target, changes, o)
	})
	if err != nil {
		return "", advice.On(err)
	}
	if err := retake(ctx, target, in.Snapshot); err != nil {
		return "", err
	}
	return fmt.Sprintf("rolled %s at %s back to its snapshot %s: %d operations, %d entries brought back", target.Root, in.Target, in.Snapshot, len(done.Ops), len(done.Copies)), nil
}

// retake proves that the restored tree is what its snapshot holds and takes the
// snapshot anew: what was copied back has other inodes, which the next diff
// would take for a change. The old snapshot is deleted when the new one is
// there, so a crash in between leaves both. What no diff shows, a changed time
// for example, was not restored by it and is brought back now.
func retake(ctx context.Context, target tree.Tree, snapshot string) error {
	kept := target.At(snapshot)
	for pass := 1; ; pass++ {
		var differ []verify.Difference
		res, err := compared(verify.Trees(ctx, kept, target, verify.Options{Metadata: true, Max: toldDifferences, Found: func(d verify.Difference) {
			if len(differ) <= mendable {
				differ = append(differ, d)
			}
		}}))
		if err != nil {
			return err
		}
		if res.Verdict == report.Match {
			return apply.Retake(ctx, target.NN, target.Root, snapshot, snapshot+".before-restore-"+time.Now().UTC().Format("20060102T150405"))
		}
		if res.Verdict != report.Differ || pass == mendPasses || !unreported(differ) {
			return fault.As(fault.Mismatch, fmt.Errorf("restored %s is not its snapshot %s: verdict %s, %v", target.Root, snapshot, res.Verdict, verified(res).Differences))
		}
		if err := bringDiffering(ctx, kept, target, differ, copy.Options{Preserve: tree.Everything()}); err != nil {
			return advice.On(err)
		}
	}
}

func newestCommon(ctx context.Context, source, target tree.Tree) (string, error) {
	theirs, err := target.NN.Snapshots(ctx, target.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	ours, err := source.NN.Snapshots(ctx, source.Root)
	if err != nil {
		return "", err
	}
	slices.SortFunc(theirs, func(a, b namenode.Snapshot) int { return b.Compare(a) })
	for _, t := range theirs {
		if !t.Deleted && slices.ContainsFunc(ours, func(o namenode.Snapshot) bool { return o.Name == t.Name && !o.Deleted }) {
			return t.Name, nil
		}
	}
	return "", nil
}

// SourceOpenFiles lists files below a directory that somebody writes, and counts
// what changed there since a snapshot.
func (a *Mirror) SourceOpenFiles(ctx context.Context, in QuietInput) (OpenFilesResult, error) {
	defer beat(ctx).end()
	t, err := a.tree(in.TreeAt)
	if err != nil {
		return OpenFilesResult{}, err
	}
	open, err := t.NN.OpenFiles(ctx, t.Root)
	if err != nil {
		return OpenFilesResult{}, err
	}
	out := OpenFilesResult{Count: int64(len(open))}
	for _, o := range open[:min(len(open), toldDifferences)] {
		out.First = append(out.First, o.Path)
	}
	if in.Snapshot != "" {
		out.Changes, out.Changed, err = a.changesSince(ctx, in.Site, t, in.Snapshot)
	}
	return out, err
}

// ProveTreeQuiet proves that a tree is as its snapshot, and that no file in it
// is being written.
func (a *Mirror) ProveTreeQuiet(ctx context.Context, in QuietInput) (QuietResult, error) {
	seen, err := a.SourceOpenFiles(ctx, in)
	return QuietResult{Changed: seen.Changes, First: seen.Changed, Open: seen.Count}, err
}

// parentOf is the directory a tree lies in.
func parentOf(t tree.Tree) string { return path.Dir(t.Root) }

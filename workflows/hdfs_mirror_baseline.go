package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/workflows/step"
)

// baseline makes the two trees share a snapshot: of everything, copied from a
// snapshot of the source; or the one they have from an earlier mirror.
func (m *hdfsMirror) baseline(ctx workflow.Context) error {
	m.run.Phase(ctx, PhaseBaseline, "copying everything from a snapshot")
	if m.found.Ledger {
		return m.ledgerBaseline(ctx)
	}
	if err := m.allow(ctx, m.sourceTree(), m.found.SourceSnapshottable); err != nil {
		return err
	}
	if m.in.From != "" {
		return m.adopt(ctx)
	}
	// A continued run walks through all of this again, because undos are
	// declared in their place; what is remembered is not done again.
	first := m.snapshotName(0)
	taken, err := m.firstSnapshot(ctx, m.sourceTree(), first)
	if err != nil {
		return err
	}
	if err := m.copyAll(ctx, first); err != nil {
		return err
	}
	if err := m.allow(ctx, m.targetTree(), m.found.TargetSnapshottable); err != nil {
		return err
	}
	// The target's snapshot of the same name is the commit point of a round:
	// from here on the two trees have a state in common.
	kept, err := m.firstSnapshot(ctx, m.targetTree(), first)
	if err != nil {
		return err
	}
	if m.state.Common == "" {
		m.state = mirrored{Common: first, TakenAt: stampOf(taken), RootID: kept.RootID, SnapshotID: kept.ID}
		m.state.Checked, _ = step.Recall[activities.MirrorVerifyResult](m.run, "baseline/verified")
	}
	return errors.Join(m.rollBackOnAbort(ctx), m.remember())
}

// rollBackOnAbort declares what an abort leaves when the mirror is kept: the
// target as of the last snapshot the trees have in common, whichever that is
// then.
func (m *hdfsMirror) rollBackOnAbort(ctx workflow.Context) error {
	if !m.in.KeepOnAbort {
		return nil
	}
	what := fmt.Sprintf("roll %s at %s back to the last common snapshot", m.in.TargetPath, m.in.Target)
	return undoTree(bulk(ctx, m.in.Target), m, what, hm.RestoreMirrorTarget, activities.MirrorSnapshotInput{MirrorAt: m.at})
}

// allow makes a tree snapshottable and declares that this run's snapshots go,
// and the permission with them, if it was not there before.
func (m *hdfsMirror) allow(ctx workflow.Context, tree activities.TreeAt, was bool) error {
	all := activities.TreeSnapshotsInput{TreeAt: tree, Prefix: m.prefix(), Disallow: !was}
	if !m.in.KeepOnAbort {
		what := fmt.Sprintf("delete this run's snapshots of %s at %s", tree.Path, tree.Site)
		if err := undoTree(control(ctx, tree.Site), m, what, hm.DropTreeSnapshots, all); err != nil {
			return err
		}
	}
	_, err := step.Once(control(ctx, tree.Site), m.run, "allow/"+tree.Site+tree.Path, hm.AllowTreeSnapshots, tree)
	return err
}

func (m *hdfsMirror) firstSnapshot(ctx workflow.Context, tree activities.TreeAt, name string) (activities.TreeSnapshotResult, error) {
	return step.Once(control(ctx, tree.Site), m.run, "baseline/snapshot/"+tree.Site+tree.Path, hm.TakeTreeSnapshot, activities.TreeSnapshotInput{TreeAt: tree, Name: name})
}

func (m *hdfsMirror) snapshot(ctx workflow.Context, tree activities.TreeAt, name string) (activities.TreeSnapshotResult, error) {
	if err := m.run.Checkpoint(ctx); err != nil {
		return activities.TreeSnapshotResult{}, err
	}
	return step.Do(control(ctx, tree.Site), hm.TakeTreeSnapshot, activities.TreeSnapshotInput{TreeAt: tree, Name: name})
}

// adopt takes the snapshot that both trees have for the common one. What a run
// then does to the target is undone by rolling back to it.
func (m *hdfsMirror) adopt(ctx workflow.Context) error {
	common := activities.MirrorSnapshotInput{MirrorAt: m.at, Snapshot: m.in.From}
	if err := m.allow(ctx, m.targetTree(), m.found.TargetSnapshottable); err != nil {
		return err
	}
	if !m.in.KeepOnAbort {
		what := fmt.Sprintf("roll %s at %s back to its snapshot %s", m.in.TargetPath, m.in.Target, m.in.From)
		if err := undoTree(bulk(ctx, m.in.Target), m, what, hm.RestoreMirrorTarget, common); err != nil {
			return err
		}
	}
	if m.state.Common == "" {
		m.state = mirrored{Common: m.in.From}
	}
	return errors.Join(m.rollBackOnAbort(ctx), m.remember())
}

// copyAll copies the source's snapshot into a target that does not exist yet.
func (m *hdfsMirror) copyAll(ctx workflow.Context, snapshot string) error {
	in := activities.MirrorSnapshotInput{MirrorAt: m.at, Snapshot: snapshot}
	if !m.in.KeepOnAbort {
		what := fmt.Sprintf("delete %s at %s, which this run made", m.in.TargetPath, m.in.Target)
		if err := undoTree(bulk(ctx, m.in.Target), m, what, hm.RemoveMirrorTarget, m.at); err != nil {
			return err
		}
	}
	list, err := step.Once(bulk(ctx, m.in.Target), m.run, "baseline/list", hm.ListMirrorBaseline, in)
	if err != nil {
		return err
	}
	m.run.Detail(ctx, fmt.Sprintf("copying %d files in %d directories", list.Files, list.Directories))
	part := activities.MirrorCopyInput{
		MirrorAt: m.at, Snapshot: snapshot, Digest: list.Digest,
		Parallel: m.in.FilesParallel, BytesPerSecond: m.in.BytesPerSecond, Without: m.in.Without,
	}
	if m.in.distcp() {
		if err := m.distcp(ctx, "baseline", "baseline/copied", "", snapshot); err != nil {
			return err
		}
		list.Shards = 0
	} else if _, err := step.Once(bulk(ctx, m.in.Target), m.run, "baseline/dirs", hm.MakeMirrorDirectories, part); err != nil {
		return err
	}
	err = m.run.Batches(ctx, step.BatchOptions{Name: "baseline/files", Count: list.Shards, Size: 1, Parallel: m.in.BatchesParallel, Unit: "shards"},
		func(ctx workflow.Context, first, last int64) error {
			part := part
			part.First, part.Last = first, last
			done, err := step.Do(bulk(ctx, m.in.Target), hm.CopyMirrorShards, part)
			if err != nil {
				return err
			}
			return m.add("baseline/copied", done)
		})
	if err != nil {
		return err
	}
	// Last, and deepest first: what is made in a directory changes its times,
	// and its mode may forbid to make anything in it.
	if _, err := step.Once(bulk(ctx, m.in.Target), m.run, "baseline/finish", hm.FinishMirrorDirectories, part); err != nil {
		return err
	}
	verified, err := step.Once(bulk(ctx, m.in.Target), m.run, "baseline/verified", hm.VerifyMirror, m.verifyInput(snapshot))
	if err == nil && verified.Verdict != verdictMatch {
		err = fmt.Errorf("baseline: the copy is not the source's snapshot: verdict %s, %d differ: %v", verified.Verdict, verified.Differing, verified.Differences)
	}
	return err
}

func (m *hdfsMirror) verifyInput(snapshot string) activities.MirrorVerifyInput {
	return activities.MirrorVerifyInput{
		MirrorAt: m.at, Snapshot: snapshot, Parallel: m.in.FilesParallel, Without: m.in.Without, Adopted: len(m.state.Adopted) > 0,
	}
}

const stampLayout = "2006-01-02 15:04:05 UTC"

func stampOf(s activities.TreeSnapshotResult) string { return s.Taken.UTC().Format(stampLayout) }

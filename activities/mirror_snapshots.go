package activities

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/advice"
	"drover/internal/mirror/apply"
	"drover/internal/mirror/retention"
	"drover/internal/mirror/tree"
)

// AllowTreeSnapshots makes a directory snapshottable; one that is already so
// is no error.
func (a *Mirror) AllowTreeSnapshots(ctx context.Context, in TreeAt) (string, error) {
	defer beat(ctx).end()
	t, err := a.tree(in)
	if err != nil {
		return "", err
	}
	return "", advice.On(t.NN.AllowSnapshot(ctx, t.Root))
}

// TakeTreeSnapshot takes a snapshot with an explicit name; one of that name is
// adopted, because names hold the run's key.
func (a *Mirror) TakeTreeSnapshot(ctx context.Context, in TreeSnapshotInput) (TreeSnapshotResult, error) {
	defer beat(ctx).end()
	t, err := a.tree(in.TreeAt)
	if err != nil {
		return TreeSnapshotResult{}, err
	}
	have, err := findSnapshot(ctx, t, in.Name)
	if err != nil {
		return TreeSnapshotResult{}, advice.On(err)
	}
	if have == nil {
		if _, err := t.NN.CreateSnapshot(ctx, t.Root, in.Name); err != nil {
			return TreeSnapshotResult{}, advice.On(err)
		}
		if have, err = findSnapshot(ctx, t, in.Name); err != nil {
			return TreeSnapshotResult{}, err
		}
	}
	if have == nil {
		return TreeSnapshotResult{}, fmt.Errorf("snapshot %s of %s was taken and is not listed", in.Name, t.Root)
	}
	root, err := t.NN.Stat(ctx, t.Root)
	return TreeSnapshotResult{Taken: time.UnixMilli(have.ModTime).UTC(), ID: have.ID, RootID: root.FileID}, err
}

func findSnapshot(ctx context.Context, t tree.Tree, name string) (*namenode.Snapshot, error) {
	all, err := t.NN.Snapshots(ctx, t.Root)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.Name == name && !s.Deleted {
			return &s, nil
		}
	}
	return nil, nil
}

// DropTreeSnapshots deletes the snapshots whose names begin with a prefix, and
// takes the permission for snapshots back where that is asked for and none is
// left. A tree that is gone has none.
func (a *Mirror) DropTreeSnapshots(ctx context.Context, in TreeSnapshotsInput) (string, error) {
	defer beat(ctx).end()
	t, err := a.tree(in.TreeAt)
	if err != nil {
		return "", err
	}
	st, err := t.NN.Stat(ctx, t.Root)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !st.Snapshottable {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	all, err := t.NN.Snapshots(ctx, t.Root)
	if err != nil {
		return "", err
	}
	var dropped, others int
	for _, s := range all {
		if !strings.HasPrefix(s.Name, in.Prefix) {
			others++
			continue
		}
		if err := t.NN.DeleteSnapshot(ctx, t.Root, s.Name); err != nil {
			return "", err
		}
		dropped++
	}
	said := fmt.Sprintf("deleted %d snapshots of %s at %s", dropped, t.Root, in.Site)
	if in.Disallow && others == 0 {
		return said + "; it is no longer snapshottable", t.NN.DisallowSnapshot(ctx, t.Root)
	}
	return said, nil
}

// PruneMirrorSnapshots deletes on both sides what the policy lets go.
func (a *Mirror) PruneMirrorSnapshots(ctx context.Context, in RetentionInput) (RetentionResult, error) {
	defer beat(ctx).end()
	source, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return RetentionResult{}, err
	}
	policy := retention.Policy{Keep: in.Keep, MaxAge: in.MaxAge, Protected: in.Protected, LastCommon: in.LastCommon, Prefix: in.Prefix}
	var out RetentionResult
	for _, side := range []struct {
		site string
		tree tree.Tree
	}{{in.Source, source}, {in.Target, target}} {
		site, t := side.site, side.tree
		if err := pruneSide(ctx, site, t, policy, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// pruneSide deletes what the policy lets go of one tree's snapshots.
func pruneSide(ctx context.Context, site string, t tree.Tree, policy retention.Policy, out *RetentionResult) error {
	all, err := t.NN.Snapshots(ctx, t.Root)
	if err != nil {
		return err
	}
	remove, keep := retention.Choose(retention.From(all), policy, time.Now())
	for _, s := range remove {
		if err := t.NN.DeleteSnapshot(ctx, t.Root, s.Name); err != nil {
			return err
		}
		out.Deleted = append(out.Deleted, s.Name+" at "+site)
	}
	for _, k := range keep {
		out.Kept = append(out.Kept, fmt.Sprintf("%s at %s: %s", k.Name, site, k.Reason))
	}
	return nil
}

// AdoptMirrorDrift makes the target's state, whatever it is, the one its common
// snapshot stands for. The former state is kept under another name.
func (a *Mirror) AdoptMirrorDrift(ctx context.Context, in MirrorSnapshotInput) (string, error) {
	defer beat(ctx).end()
	_, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return "", err
	}
	aside := in.Snapshot + ".before-adoption"
	return "the former state is snapshot " + aside, apply.Retake(ctx, target.NN, target.Root, in.Snapshot, aside)
}

package activities

import (
	"context"
	"fmt"
	"path/filepath"

	"drover/internal/fault"
	"drover/internal/mirror/advice"
	"drover/internal/mirror/apply"
	"drover/internal/mirror/copy"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/tree"
)

// preserve is what a mirror keeps, less what the operator left out.
func preserve(without []string) tree.Preserve {
	p := tree.Everything()
	for _, w := range without {
		switch w {
		case "owner":
			p.Owner = false
		case "acl":
			p.ACL = false
		case "xattr":
			p.XAttrs = false
		}
	}
	return p
}

func copyOptions(in MirrorCopyInput, p *pulse) copy.Options {
	count := p.counter("copy", "files")
	return copy.Options{
		Parallel: in.Parallel, Preserve: preserve(in.Without), BytesPerSecond: in.BytesPerSecond,
		Done: func(tree.Entry, copy.Result) { count(1) },
	}
}

// manifestsDir is where a worker keeps the manifests of a baseline or a round,
// by the snapshot it leads to. They can be made again from the snapshots, so
// losing them loses nothing.
func (a *Mirror) manifestsDir(at MirrorAt, snapshot string) string {
	return filepath.Join(a.sites.cfg.Worker.StateDir, "mirror", at.RunKey, snapshot)
}

// ListMirrorBaseline lists the source's snapshot into manifests. A tree that
// holds what cannot be mirrored is refused here, before anything is copied.
func (a *Mirror) ListMirrorBaseline(ctx context.Context, in MirrorSnapshotInput) (MirrorListing, error) {
	p := beat(ctx)
	defer p.end()
	source, _, err := a.trees(in.MirrorAt)
	if err != nil {
		return MirrorListing{}, err
	}
	count := p.counter("list", "entries")
	seen := int64(0)
	list := tree.ListOptions{Attributes: true, Progress: func(t tree.Totals) {
		count(t.Files + t.Dirs - seen)
		seen = t.Files + t.Dirs
	}}
	index, err := tree.WriteShards(ctx, source.At(in.Snapshot), a.manifestsDir(in.MirrorAt, in.Snapshot), tree.ShardOptions{ListOptions: list})
	if err != nil {
		return MirrorListing{}, advice.On(err)
	}
	return MirrorListing{
		Directories: index.Totals.Dirs, Files: index.Totals.Files, Bytes: index.Totals.Bytes,
		Shards: index.Shards.Count, Digest: index.Dirs.SHA256[:32] + index.Shards.SHA256[:32],
	}, nil
}

// listed returns the directory of a baseline's manifests, made again if this
// worker has them not.
func (a *Mirror) listed(ctx context.Context, in MirrorCopyInput) (string, error) {
	again, err := a.ListMirrorBaseline(ctx, MirrorSnapshotInput{MirrorAt: in.MirrorAt, Snapshot: in.Snapshot})
	if err == nil && again.Digest != in.Digest {
		err = fault.As(fault.Mismatch, fmt.Errorf("the listing of snapshot %s came out differently: was it deleted and taken anew?", in.Snapshot))
	}
	return a.manifestsDir(in.MirrorAt, in.Snapshot), err
}

// MakeMirrorDirectories makes every directory of the baseline, parents first.
func (a *Mirror) MakeMirrorDirectories(ctx context.Context, in MirrorCopyInput) (string, error) {
	p := beat(ctx)
	defer p.end()
	_, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return "", err
	}
	dir, err := a.listed(ctx, in)
	if err != nil {
		return "", err
	}
	return "", copy.ListedDirectories(ctx, target, dir, copyOptions(in, p))
}

// CopyMirrorShards copies the files of a range of shards.
func (a *Mirror) CopyMirrorShards(ctx context.Context, in MirrorCopyInput) (MirrorCopied, error) {
	p := beat(ctx)
	defer p.end()
	source, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return MirrorCopied{}, err
	}
	dir, err := a.listed(ctx, in)
	if err != nil {
		return MirrorCopied{}, err
	}
	var sum MirrorCopied
	for i := in.First; i < in.Last; i++ {
		shard, err := tree.ShardAt(dir, i)
		if err != nil {
			return sum, err
		}
		done, err := copy.ListedFiles(ctx, source.At(in.Snapshot), target, dir, shard, copyOptions(in, p))
		sum.Add(copied(done))
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func copied(t copy.Totals) MirrorCopied {
	return MirrorCopied{Files: t.Files, Copied: t.Copied, Adopted: t.Adopted, Appended: t.Appended, Bytes: t.Bytes}
}

// FinishMirrorDirectories gives every directory its attributes, those that hold
// others later.
func (a *Mirror) FinishMirrorDirectories(ctx context.Context, in MirrorCopyInput) (string, error) {
	p := beat(ctx)
	defer p.end()
	_, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return "", err
	}
	dir, err := a.listed(ctx, in)
	if err != nil {
		return "", err
	}
	return "", copy.FinishListedDirectories(ctx, target, dir, copyOptions(in, p))
}

// roundOf names the round a copy belongs to.
func (in MirrorCopyInput) roundOf() MirrorRoundInput {
	return MirrorRoundInput{MirrorAt: in.MirrorAt, From: in.From, To: in.Snapshot}
}

// CopyMirrorChanges brings a range of a round's copies: files, and new
// directories with all that is new in them.
func (a *Mirror) CopyMirrorChanges(ctx context.Context, in MirrorCopyInput) (MirrorCopied, error) {
	p := beat(ctx)
	defer p.end()
	source, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return MirrorCopied{}, err
	}
	changes, err := round[plan.Copy](ctx, a, in.roundOf(), in.Digest, copiesFile, in.First, in.Last)
	if err != nil {
		return MirrorCopied{}, err
	}
	done, err := copy.Changes(ctx, source.At(in.Snapshot), target, changes, copyOptions(in, p))
	return copied(done), advice.On(err)
}

// heldAtOnce is how many entries of a round's plan are held.
const heldAtOnce = 4096

// FinishMirrorRound throws away what the round deleted, and gives the
// directories it touched their attributes, the deepest first.
func (a *Mirror) FinishMirrorRound(ctx context.Context, in MirrorCopyInput) (string, error) {
	defer beat(ctx).end()
	source, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return "", err
	}
	var places []plan.Op // all that the removal looks at
	err = roundEach(ctx, a, in.roundOf(), in.Digest, opsFile, 0, toTheEnd, func(op plan.Op) error {
		if op.Kind == plan.Place {
			places = append(places, op)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	// Staging goes first: its removal changes the times of the root.
	if err := apply.Finish(ctx, target.NN, apply.Staging(target.Root, in.Snapshot), places); err != nil {
		return "", advice.On(err)
	}
	var dirs []plan.Copy
	finish := func() error {
		defer func() { dirs = dirs[:0] }()
		return advice.On(copy.FinishChanges(ctx, source.At(in.Snapshot), target, dirs, copy.Options{Preserve: preserve(in.Without)}))
	}
	err = roundEach(ctx, a, in.roundOf(), in.Digest, copiesFile, 0, toTheEnd, func(c plan.Copy) error {
		if c.DirKnown && !c.Dir {
			return nil
		}
		if dirs = append(dirs, c); len(dirs) < heldAtOnce {
			return nil
		}
		return finish()
	})
	if err != nil {
		return "", err
	}
	return "", finish()
}

// RemoveMirrorTarget deletes the tree that this run made; the preflight saw that
// there was none.
func (a *Mirror) RemoveMirrorTarget(ctx context.Context, in MirrorAt) (string, error) {
	defer beat(ctx).end()
	_, target, err := a.trees(in)
	if err != nil {
		return "", err
	}
	there, err := target.NN.Delete(ctx, target.Root, true)
	if err != nil || !there {
		return "", err
	}
	return fmt.Sprintf("deleted %s at %s", target.Root, in.Target), nil
}

package activities

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
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

// baselineDir is where a worker keeps the manifests of a baseline. They can be
// made again from the snapshot.
func (a *Mirror) baselineDir(at MirrorAt, snapshot string) string {
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
	index, err := tree.WriteShards(ctx, source.At(in.Snapshot), a.baselineDir(in.MirrorAt, in.Snapshot), tree.ShardOptions{ListOptions: list})
	if err != nil {
		return MirrorListing{}, err
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
	return a.baselineDir(in.MirrorAt, in.Snapshot), err
}

// chunk is how many entries of a manifest are in memory at a time.
const chunk = 4096

// inChunks calls fn with the entries that each yields, some at a time.
func inChunks(each func(func(int64, tree.Entry) error) error, fn func([]tree.Entry) error) error {
	var held []tree.Entry
	err := each(func(_ int64, e tree.Entry) error {
		if held = append(held, e); len(held) < chunk {
			return nil
		}
		defer func() { held = held[:0] }()
		return fn(held)
	})
	if err != nil || len(held) == 0 {
		return err
	}
	return fn(held)
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
	each := func(fn func(int64, tree.Entry) error) error { return tree.Dirs(dir, fn) }
	return "", inChunks(each, func(entries []tree.Entry) error {
		return copy.Directories(ctx, target, entries, copyOptions(in, p))
	})
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
		each := func(fn func(int64, tree.Entry) error) error { return tree.Files(dir, shard, fn) }
		err = inChunks(each, func(entries []tree.Entry) error {
			done, err := copy.Files(ctx, source.At(in.Snapshot), target, entries, copyOptions(in, p))
			sum.Add(copied(done))
			return err
		})
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
	// The deepest first over the whole tree: directories are few against
	// files, and their attributes are what is held.
	var all []tree.Entry
	err = tree.Dirs(dir, func(_ int64, e tree.Entry) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		return "", err
	}
	return "", copy.FinishDirectories(ctx, target, all, copyOptions(in, p))
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
	o := copyOptions(in, p)
	done, err := bring(ctx, source.At(in.Snapshot), target, changes, o)
	return copied(done), err
}

// bring copies changed files and new directories; directories' attributes are
// left to finish.
func bring(ctx context.Context, source, target tree.Tree, changes []plan.Copy, o copy.Options) (copy.Totals, error) {
	// A diff names a file for a change of its mode, too, and a size and time
	// that are the same prove little about one that it names.
	o.Compare = true
	var dirs, files []tree.Entry
	for _, c := range changes {
		err := entriesOf(ctx, source, c, func(e tree.Entry) error {
			if e.IsDir() {
				dirs = append(dirs, e)
			} else {
				files = append(files, e)
			}
			return nil
		})
		if err != nil {
			return copy.Totals{}, err
		}
	}
	slices.SortStableFunc(dirs, func(a, b tree.Entry) int { return len(a.Path) - len(b.Path) })
	if err := copy.Directories(ctx, target, dirs, o); err != nil {
		return copy.Totals{}, err
	}
	// Files of one directory beside each other are looked at together.
	slices.SortStableFunc(files, func(a, b tree.Entry) int { return comparePlaces(a.Path, b.Path) })
	return copy.Files(ctx, source, target, files, o)
}

// entriesOf yields what a copy stands for: the entry, and all below a directory
// that is new.
func entriesOf(ctx context.Context, source tree.Tree, c plan.Copy, each func(tree.Entry) error) error {
	if c.Walk && c.Path != "" {
		opt := tree.ListOptions{Under: []string{c.Path}, Attributes: true}
		for _, s := range c.Skip {
			opt.Skip = append(opt.Skip, path.Join(c.Path, s))
		}
		_, err := tree.List(ctx, source, opt, each)
		return err
	}
	e, err := tree.Stat(ctx, source, c.Path)
	if err != nil {
		return err
	}
	if err := tree.Attributes(ctx, source, &e); err != nil {
		return err
	}
	return each(e)
}

// FinishMirrorRound throws away what the round deleted, and gives the
// directories it touched their attributes, the deepest first.
func (a *Mirror) FinishMirrorRound(ctx context.Context, in MirrorCopyInput) (string, error) {
	defer beat(ctx).end()
	source, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return "", err
	}
	sum, err := a.PlanMirrorRound(ctx, in.roundOf())
	if err != nil {
		return "", err
	}
	ops, err := round[plan.Op](ctx, a, in.roundOf(), in.Digest, opsFile, 0, sum.Operations)
	if err != nil {
		return "", err
	}
	// Staging goes first: its removal changes the times of the root.
	if err := apply.Finish(ctx, target.NN, apply.Staging(target.Root, in.Snapshot), ops); err != nil {
		return "", advice.On(err)
	}
	changes, err := round[plan.Copy](ctx, a, in.roundOf(), in.Digest, copiesFile, 0, sum.Copies)
	if err != nil {
		return "", err
	}
	return "", finishDirs(ctx, source.At(in.Snapshot), target, changes, copy.Options{Preserve: preserve(in.Without)})
}

func finishDirs(ctx context.Context, source, target tree.Tree, changes []plan.Copy, o copy.Options) error {
	var dirs []tree.Entry
	for _, c := range changes {
		if c.DirKnown && !c.Dir {
			continue
		}
		err := entriesOf(ctx, source, c, func(e tree.Entry) error {
			if e.IsDir() {
				dirs = append(dirs, e)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return copy.FinishDirectories(ctx, target, dirs, o)
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

// comparePlaces orders paths by directory, then by name as a NameNode lists.
func comparePlaces(a, b string) int {
	if c := strings.Compare(path.Dir(a), path.Dir(b)); c != 0 {
		return c
	}
	return namenode.CompareNames(path.Base(a), path.Base(b))
}

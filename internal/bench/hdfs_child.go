package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/apply"
	"drover/internal/mirror/copy"
	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/tree"
)

// The names under which the program runs our side of an HDFS bench once. The
// first argument of each is the user.
const (
	BaselineChild = "mirror-once" // NameNode, root, snapshot, NameNode, root
	RoundChild    = "round-once"  // NameNode, root, NameNode, root, from, to
	ListChild     = "list-once"   // NameNode, root, snapshot, NamesOnly or AllAttributes
	RateChild     = "rate-once"   // NameNode, kind, tree, empty directory, count
)

// What ListChild asks for.
const (
	NamesOnly     = "names" // and what a listing says of them, as the peer
	AllAttributes = "attributes"
)

// Kinds of RateChild.
const (
	StatKind   = "stat"
	ListKind   = "list"
	CreateKind = "create"
	// underWay is how many calls are under way on the one connection.
	underWay = 64
)

// HDFSOnce runs one of the children.
func HDFSOnce(ctx context.Context, name string, args []string) error {
	want := map[string]int{BaselineChild: 6, RoundChild: 7, ListChild: 5, RateChild: 6}[name]
	if len(args) != want {
		return fmt.Errorf("%s: got %d arguments, want %d", name, len(args), want)
	}
	var nns []*namenode.Client
	open := func(addr, root string) (tree.Tree, error) {
		nn, err := namenode.Open(namenode.Config{Addresses: []string{addr}, User: args[0]})
		if err == nil {
			nns = append(nns, nn)
		}
		return tree.Tree{NN: nn, Root: root}, err
	}
	defer func() {
		for _, nn := range nns {
			nn.Close() //nolint:errcheck // the process ends
		}
	}()
	source, err := open(args[1], args[2])
	if err != nil {
		return err
	}
	switch name {
	case ListChild:
		return listOnce(ctx, source.At(args[3]), args[4] == AllAttributes)
	case RateChild:
		source.Root = args[3]
		return rateOnce(ctx, source, args[2], args[4], args[5])
	case BaselineChild:
		target, err := open(args[4], args[5])
		if err != nil {
			return err
		}
		return mirrorOnce(ctx, source.At(args[3]), target)
	}
	target, err := open(args[3], args[4])
	if err != nil {
		return err
	}
	return roundOnce(ctx, source, target, args[5], args[6])
}

// everything is what a mirror preserves: more than the peer is asked to.
func everything() copy.Options { return copy.Options{Preserve: tree.Everything()} }

// listed lists a tree into manifests in a directory of its own.
func listed(ctx context.Context, t tree.Tree, then func(dir string) error) (err error) {
	dir, err := os.MkdirTemp("", "drover-bench-")
	if err != nil {
		return fmt.Errorf("make a directory for manifests: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if _, err := tree.WriteShards(ctx, t, dir, tree.ShardOptions{ListOptions: tree.ListOptions{Attributes: true}}); err != nil {
		return err
	}
	return then(dir)
}

func listOnce(ctx context.Context, t tree.Tree, attributes bool) error {
	dir, err := os.MkdirTemp("", "drover-bench-")
	if err != nil {
		return fmt.Errorf("make a directory for manifests: %w", err)
	}
	_, err = tree.WriteShards(ctx, t, dir, tree.ShardOptions{ListOptions: tree.ListOptions{Attributes: attributes}})
	return errors.Join(err, os.RemoveAll(dir))
}

// mirrorOnce is the baseline of a mirror.
func mirrorOnce(ctx context.Context, source, target tree.Tree) error {
	return listed(ctx, source, func(dir string) error {
		opt := everything()
		if err := target.NN.Mkdirs(ctx, path.Dir(target.Root), 0o755, true); err != nil {
			return err
		}
		if err := copy.ListedDirectories(ctx, target, dir, opt); err != nil {
			return err
		}
		err := tree.Shards(dir, func(_ int64, s tree.Shard) error {
			_, err := copy.ListedFiles(ctx, source, target, dir, s, opt)
			return err
		})
		if err != nil {
			return err
		}
		return copy.FinishListedDirectories(ctx, target, dir, opt)
	})
}

// roundOnce is a round of a mirror, without the snapshot that ends it.
func roundOnce(ctx context.Context, source, target tree.Tree, from, to string) error {
	draft := plan.NewDraft(from, to)
	backward, err := diff.Each(ctx, source.NN, source.Root, from, to, draft.Add)
	if err != nil {
		return err
	}
	way, err := draft.Resolve(backward)
	if err != nil {
		return err
	}
	p := plan.Plan{Ops: slices.Collect(way.Ops())}
	err = copy.Supported(ctx, source.At(to), way.Copies(), func(c plan.Copy) error {
		p.Copies = append(p.Copies, c)
		return nil
	})
	if err != nil || p.Empty() {
		return err
	}
	staging, err := apply.PrepareStaging(ctx, target.NN, target.Root, to, from)
	if err != nil {
		return err
	}
	if err := apply.Ops(ctx, target.NN, target.Root, staging, p.Ops, 0, func(int) error { return nil }); err != nil {
		return err
	}
	if _, err := copy.Changes(ctx, source.At(to), target, p.Copies, everything()); err != nil {
		return err
	}
	if err := apply.Finish(ctx, target.NN, staging, p.Ops); err != nil {
		return err
	}
	return copy.FinishChanges(ctx, source.At(to), target, p.Copies, everything())
}

// rateOnce makes count calls of a kind on one connection.
func rateOnce(ctx context.Context, t tree.Tree, kind, fresh, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return fmt.Errorf("%s: %w", RateChild, err)
	}
	if n == 0 {
		_, err := t.NN.Stat(ctx, t.Root)
		return err
	}
	if kind == ListKind {
		_, err := tree.List(ctx, t, tree.ListOptions{}, func(tree.Entry) error { return nil })
		return err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(underWay)
	for i := range n {
		group.Go(func() error {
			if kind == StatKind {
				_, err := t.NN.Stat(gctx, fmt.Sprintf("%s/dir%05d/file%08d", t.Root, i/filesPerDir, i))
				return err
			}
			name := fmt.Sprintf("%s/file%08d", fresh, i)
			if _, err := t.NN.Create(gctx, name, namenode.CreateOptions{Mode: 0o644, Replication: 1, BlockSize: blockSize}); err != nil {
				return err
			}
			_, err := t.NN.Complete(gctx, name, nil, 0)
			return err
		})
	}
	return group.Wait()
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"

	"drover/internal/workload/tree"
)

const (
	changesPerRound = 100
	mutationSeed    = 5

	diffTool   = "distcp -update -diff"
	updateTool = "distcp -update"
	// thousandTool is our own round in a tree of SmallFiles: the peer of our
	// round in the large tree.
	thousandTool = "ours in the small tree"
)

// rounds is a source tree that changes, and copies of it that follow, each by a
// tool of its own.
type rounds struct {
	w       *HDFSWorld
	source  string
	copies  []string // roots at the target, one for each side
	mutator *tree.Mutator
	at      int // number of the last snapshot
}

// openRounds loads the source and its copies at snapshot s0.
func (w *HDFSWorld) openRounds(ctx context.Context, name string, files int, copies ...string) (*rounds, error) {
	r := &rounds{w: w, source: hdfsRoot + "/" + name}
	if err := w.load(ctx, w.source, r.source, w.small(files)); err != nil {
		return nil, err
	}
	for _, c := range copies {
		r.copies = append(r.copies, r.source+"-"+c)
		if err := w.load(ctx, w.target, r.source+"-"+c, w.small(files)); err != nil {
			return nil, err
		}
	}
	// The changes happen among the first files, which are the same in a tree
	// of any size.
	m, err := tree.NewModel(w.small(w.Sizes.SmallFiles).Nodes())
	if err != nil {
		return nil, err
	}
	r.mutator = tree.NewMutator(m, mutationSeed, tree.MutatorOptions{
		BlockSize: blockSize, MaxSize: int64(w.Sizes.SmallBytes), PlainNames: true, FullBlocks: true,
		// What distcp -diff follows without copying attributes.
		Only: []string{"create", "append", "replace", "delete file", "rename file", "move file", "rename directory"},
	})
	return r, nil
}

// next changes the source and takes its next snapshot. It returns the names of
// the last two.
func (r *rounds) next(ctx context.Context) (from, to string, err error) {
	ops, err := r.mutator.Draw(changesPerRound)
	if err != nil {
		return "", "", err
	}
	source := r.w.source
	source.Root = r.source
	if err := tree.NewApplier(source, nil).Apply(ctx, ops); err != nil {
		return "", "", err
	}
	from = fmt.Sprintf("s%d", r.at)
	r.at++
	to = fmt.Sprintf("s%d", r.at)
	_, err = source.NameNode.CreateSnapshot(ctx, r.source, to)
	return from, to, err
}

// follow takes the snapshot at a copy that ends its round.
func (r *rounds) follow(ctx context.Context, dir, snapshot string) error {
	_, err := r.w.target.NameNode.CreateSnapshot(ctx, dir, snapshot)
	return err
}

func (r *rounds) ours(ctx context.Context, dir, from, to string) (Cost, error) {
	return r.w.counted(ctx, func() (Cost, error) {
		return r.w.child(ctx, RoundChild, r.w.user, r.w.fromAddr, r.source, r.w.toAddr, dir, from, to)
	})
}

func (r *rounds) diff(ctx context.Context, dir, from, to string) (Cost, error) {
	return r.w.counted(ctx, func() (Cost, error) {
		return r.w.distcp(ctx, "-update", "-diff", from, to, uri(r.w.fromAddr, r.source), uri(r.w.toAddr, dir))
	})
}

func (r *rounds) update(ctx context.Context, dir, _, to string) (Cost, error) {
	return r.w.counted(ctx, func() (Cost, error) {
		return r.w.distcp(ctx, "-update", uri(r.w.fromAddr, r.source+"/.snapshot/"+to), uri(r.w.toAddr, dir))
	})
}

// close removes the trees: the next run wants them as they were.
func (r *rounds) close(ctx context.Context) error {
	if err := r.w.remove(ctx, r.w.source, r.source); err != nil {
		return err
	}
	for _, c := range r.copies {
		if err := r.w.remove(ctx, r.w.target, c); err != nil {
			return err
		}
	}
	return nil
}

// diffRounds measures rounds of a hundred changes: ours, distcp by snapshots,
// and distcp comparing the trees. Each follows in a copy of its own.
func (w *HDFSWorld) diffRounds(ctx context.Context, n int, out io.Writer) error {
	r, err := w.openRounds(ctx, DiffRound, w.Sizes.SmallFiles, "ours", "diff", "update")
	if err != nil {
		return err
	}
	sides := []contestant{{tool: ""}, {tool: diffTool}, {tool: updateTool}}
	runs := []func(ctx context.Context, dir, from, to string) (Cost, error){r.ours, r.diff, r.update}
	pairs := make([]Pairs, len(sides))
	for round := -1; round < n; round++ { // the first warms up
		from, to, err := r.next(ctx)
		if err != nil {
			return err
		}
		for i, side := range sides {
			c, err := runs[i](ctx, r.copies[i], from, to)
			if err == nil {
				err = r.follow(ctx, r.copies[i], to)
			}
			// Without -delete distcp -update leaves what was removed: only the
			// others must have come out the same.
			if err == nil && side.tool != updateTool {
				err = w.same(ctx, r.source+"/.snapshot/"+to, r.copies[i]+"/.snapshot/"+to)
			}
			if err != nil {
				return fmt.Errorf("%s, %s, round %d: %w", DiffRound, side.name(), round+1, err)
			}
			if round >= 0 {
				pairs[i].Ours = append(pairs[i].Ours, c)
			}
			w.Log(fmt.Sprintf("%s, round %d of %d: %s %v", DiffRound, round+1, n, side.name(), c))
		}
	}
	// Rounds without a change are the tools' floor.
	if err := w.emptyRounds(ctx, r, runs, pairs); err != nil {
		return err
	}
	if err := emitSides(out, DiffRound, sides, pairs); err != nil {
		return err
	}
	return r.close(ctx)
}

// emptyRounds measures each side once more with nothing changed. For the
// comparing peer that still means both trees; its net is not told apart.
func (w *HDFSWorld) emptyRounds(ctx context.Context, r *rounds, runs []func(ctx context.Context, dir, from, to string) (Cost, error), pairs []Pairs) error {
	from := fmt.Sprintf("s%d", r.at)
	r.at++
	to := fmt.Sprintf("s%d", r.at)
	if _, err := w.source.NameNode.CreateSnapshot(ctx, r.source, to); err != nil {
		return err
	}
	for i := range runs {
		c, err := runs[min(i, 1)](ctx, r.copies[min(i, 1)], from, to)
		if err != nil {
			return fmt.Errorf("%s, empty round: %w", DiffRound, err)
		}
		if i < 2 {
			if err := r.follow(ctx, r.copies[i], to); err != nil {
				return err
			}
		}
		pairs[i].OursEmpty = []Cost{c}
	}
	return nil
}

// diffMillion measures our round, with the same changes, in the small tree and
// in the large one.
func (w *HDFSWorld) diffMillion(ctx context.Context, n int, out io.Writer) error {
	large, err := w.openRounds(ctx, DiffMillion, w.Sizes.Million, "ours")
	if err != nil {
		return err
	}
	small, err := w.openRounds(ctx, DiffMillion+"-small", w.Sizes.SmallFiles, "ours")
	if err != nil {
		return err
	}
	var p Pairs
	for round := -1; round < n; round++ { // the first warms up
		for _, side := range []struct {
			r    *rounds
			into *[]Cost
		}{{large, &p.Ours}, {small, &p.Peer}} {
			from, to, err := side.r.next(ctx)
			if err != nil {
				return err
			}
			c, err := side.r.ours(ctx, side.r.copies[0], from, to)
			if err == nil {
				err = side.r.follow(ctx, side.r.copies[0], to)
			}
			if err == nil {
				err = w.same(ctx, side.r.source+"/.snapshot/"+to, side.r.copies[0]+"/.snapshot/"+to)
			}
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", DiffMillion, round+1, err)
			}
			if round >= 0 {
				*side.into = append(*side.into, c)
			}
			w.Log(fmt.Sprintf("%s, round %d of %d in %s: %v", DiffMillion, round+1, n, side.r.source, c))
		}
	}
	p.OursEmpty, p.PeerEmpty = []Cost{{}}, []Cost{{}}
	if err := EmitPairs(out, DiffMillion, thousandTool, p); err != nil {
		return err
	}
	if err := emitServers(out, DiffMillion, thousandTool, p); err != nil {
		return err
	}
	if err := w.listMillion(ctx, large, n, out); err != nil {
		return err
	}
	return errors.Join(small.close(ctx), large.close(ctx))
}

// listMillion measures listing the large tree into manifests against the plain
// recursive listing of HDFS's own shell: with what that one asks for, and with
// all that a baseline asks for, ACLs, extended attributes and storage policies.
func (w *HDFSWorld) listMillion(ctx context.Context, r *rounds, n int, out io.Writer) error {
	const tool = "hdfs dfs -ls -R"
	dir := r.source + "/.snapshot/" + firstSnap
	listings := []struct{ bench, what string }{{"hdfs-list-million", NamesOnly}, {"hdfs-list-million-attributes", AllAttributes}}
	pairs := make([]Pairs, len(listings))
	for range n {
		peer, err := w.shell(ctx, "-ls", "-R", uri(w.fromAddr, dir))
		if err != nil {
			return err
		}
		for i, l := range listings {
			ours, err := w.child(ctx, ListChild, w.user, w.fromAddr, r.source, firstSnap, l.what)
			if err != nil {
				return err
			}
			pairs[i].Ours, pairs[i].Peer = append(pairs[i].Ours, ours), append(pairs[i].Peer, peer)
			w.Log(fmt.Sprintf("%s: ours %v, %s %v", l.bench, ours, tool, peer))
		}
	}
	floor, err := w.shell(ctx, "-ls", uri(w.fromAddr, "/"))
	if err != nil {
		return err
	}
	for i, l := range listings {
		pairs[i].OursEmpty, pairs[i].PeerEmpty = []Cost{{}}, []Cost{floor}
		if err := errors.Join(EmitPairs(out, l.bench, tool, pairs[i]), emitServers(out, l.bench, tool, pairs[i])); err != nil {
			return err
		}
	}
	return nil
}

package bench

import (
	"context"
	"fmt"
	"io"

	"drover/internal/workload/tree"
)

// Names of the benches.
const (
	SmallFiles  = "hdfs-small-files"
	LargeFiles  = "hdfs-large-files"
	DiffRound   = "hdfs-diff-round"
	DiffMillion = "hdfs-diff-round-million"
	Rates       = "hdfs-rates"
)

// HDFSBenches lists them in the order they run in.
func HDFSBenches() []string { return []string{SmallFiles, LargeFiles, DiffRound, DiffMillion, Rates} }

// Metrics of HDFS benches, besides the others.
const (
	ServerCPUSeconds = "servers_cpu_s"  // of all NameNodes and DataNodes meanwhile
	NameNodeCalls    = "namenode_calls" // answered to clients, both sides
)

// Run runs one bench, see Rig.
func (w *HDFSWorld) Run(ctx context.Context, bench string, rounds int, out io.Writer) error {
	switch bench {
	case SmallFiles:
		return w.copies(ctx, bench, w.small(w.Sizes.SmallFiles), &places{keep: true}, rounds, out)
	case LargeFiles:
		return w.copies(ctx, bench, w.large(), &places{}, rounds, out)
	case DiffRound:
		return w.diffRounds(ctx, rounds, out)
	case DiffMillion:
		return w.diffMillion(ctx, rounds, out)
	case Rates:
		return w.rates(ctx, rounds, out)
	}
	return fmt.Errorf("bench %q: there are %q", bench, HDFSBenches())
}

// contestant is one side of a comparison.
type contestant struct {
	tool string // "" is ours
	run  func(ctx context.Context, from, to string) (Cost, error)
}

// places hands out directories to copy to. Where a copy is gigabytes it goes
// before the next; where it is many files they all stay until the end: for a
// minute or more ext4 passes over every inode just deleted to find one for a new
// file, which costs whoever comes next.
type places struct {
	keep bool
	made []string
}

// next is a place where nothing is.
func (p *places) next(ctx context.Context, w *HDFSWorld, base string) (string, error) {
	if !p.keep {
		if err := p.clear(ctx, w); err != nil {
			return "", err
		}
	}
	dir := fmt.Sprintf("%s-%d", base, len(p.made))
	p.made = append(p.made, dir)
	return dir, w.remove(ctx, w.target, dir) // a run that was broken off left it
}

func (p *places) clear(ctx context.Context, w *HDFSWorld) error {
	for _, dir := range p.made {
		if err := w.remove(ctx, w.target, dir); err != nil {
			return err
		}
	}
	p.made = nil
	return nil
}

// copies measures a first copy of a whole tree, from a snapshot.
func (w *HDFSWorld) copies(ctx context.Context, bench string, what tree.Uniform, to *places, rounds int, out io.Writer) error {
	from, empty := hdfsRoot+"/"+bench, hdfsRoot+"/one-file"
	if err := w.load(ctx, w.source, from, what); err != nil {
		return err
	}
	if err := w.load(ctx, w.source, empty, tree.Uniform{Seed: 3, Dirs: 1, Files: 1, Size: 1, BlockSize: blockSize}); err != nil {
		return err
	}
	sides := []contestant{
		{"", func(ctx context.Context, from, to string) (Cost, error) {
			return w.child(ctx, BaselineChild, w.user, w.fromAddr, from, firstSnap, w.toAddr, to)
		}},
		{distcpTool, func(ctx context.Context, from, to string) (Cost, error) {
			return w.distcp(ctx, uri(w.fromAddr, from+"/.snapshot/"+firstSnap), uri(w.toAddr, to))
		}},
	}
	// Until the daemons' compilers have seen the work whoever runs first pays:
	// one copy by each is not counted.
	pairs := make([]Pairs, len(sides))
	for round := -1; round < rounds; round++ {
		for i, s := range sides {
			full, least, err := w.copyPair(ctx, s, from, empty, to)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", bench, s.name(), err)
			}
			if round < 0 {
				w.Log(fmt.Sprintf("%s, warming up: %s %v", bench, s.name(), full))
				continue
			}
			pairs[i].Ours, pairs[i].OursEmpty = append(pairs[i].Ours, full), append(pairs[i].OursEmpty, least)
			w.Log(fmt.Sprintf("%s, round %d of %d: %s %v (empty %v)", bench, round+1, rounds, s.name(), full, least))
		}
	}
	if err := to.clear(ctx, w); err != nil {
		return err
	}
	return emitSides(out, bench, sides, pairs)
}

// copyPair runs one side on the tree with next to nothing in it, then on the
// one that is measured, each time to a fresh place, and looks at the copy.
func (w *HDFSWorld) copyPair(ctx context.Context, side contestant, from, empty string, places *places) (full, least Cost, err error) {
	for _, r := range []struct {
		source string
		into   *Cost
	}{{empty, &least}, {from, &full}} {
		to, err := places.next(ctx, w, from+"-copy")
		if err != nil {
			return full, least, err
		}
		if *r.into, err = side.run(ctx, r.source, to); err != nil {
			return full, least, err
		}
		if err := w.same(ctx, r.source, to); err != nil {
			return full, least, err
		}
	}
	return full, least, nil
}

func (c contestant) name() string {
	if c.tool == "" {
		return "ours"
	}
	return c.tool
}

// emitSides writes the lines of ours, the first side, against each other side.
func emitSides(out io.Writer, bench string, sides []contestant, pairs []Pairs) error {
	for i := range sides[1:] {
		p := Pairs{Ours: pairs[0].Ours, OursEmpty: pairs[0].OursEmpty, Peer: pairs[i+1].Ours, PeerEmpty: pairs[i+1].OursEmpty}
		if err := EmitPairs(out, bench, sides[i+1].tool, p); err != nil {
			return err
		}
		if err := emitServers(out, bench, sides[i+1].tool, p); err != nil {
			return err
		}
	}
	return nil
}

// emitServers writes what the daemons spent on either side.
func emitServers(out io.Writer, bench, tool string, p Pairs) error {
	for _, m := range []struct {
		name string
		of   func(Cost) float64
	}{
		{ServerCPUSeconds, func(c Cost) float64 { return c.Servers.Seconds() }},
		{NameNodeCalls, func(c Cost) float64 { return float64(c.Calls) }},
	} {
		ours, peer := median(p.Ours, m.of), median(p.Peer, m.of)
		if peer == 0 {
			continue // nobody counted
		}
		l := Line{Bench: bench, Tool: tool, Metric: m.name, Ours: round(ours), Peer: round(peer), Ratio: round(ours / peer), Runs: len(p.Ours)}
		if err := Emit(out, l); err != nil {
			return err
		}
	}
	return nil
}

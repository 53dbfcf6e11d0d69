package bench

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
)

// shellTool is one client with one call under way: what a script gets.
const shellTool = "hdfs dfs"

// rates measures how many calls a second one connection to a NameNode carries:
// ours with many calls under way, HDFS's shell with one.
func (w *HDFSWorld) rates(ctx context.Context, n int, out io.Writer) error {
	dir, fresh := hdfsRoot+"/"+SmallFiles, hdfsRoot+"/"+Rates
	what := w.small(w.Sizes.SmallFiles)
	if err := w.load(ctx, w.source, dir, what); err != nil {
		return err
	}
	var names []string
	for node, err := range what.Nodes() {
		if err != nil {
			return err
		}
		if !node.Dir {
			names = append(names, path.Base(node.Path))
		}
	}
	var paths, news []string
	for i, name := range names {
		paths = append(paths, fmt.Sprintf("%s/dir%05d/%s", dir, i*what.Dirs/what.Files, name))
		news = append(news, fresh+"/"+name)
	}
	source := w.source.NameNode
	for _, c := range []struct {
		metric, kind string
		peer         []string
		count        int
	}{
		{"stat_per_s", StatKind, append([]string{"-stat", "%b"}, uris(w.fromAddr, paths)...), len(paths)},
		{"listed_per_s", ListKind, []string{"-ls", "-R", uri(w.fromAddr, dir)}, what.Files + what.Dirs},
		{"create_per_s", CreateKind, append([]string{"-touchz"}, uris(w.fromAddr, news)...), len(news)},
	} {
		clean := func() error {
			if _, err := source.Delete(ctx, fresh, true); err != nil {
				return err
			}
			return source.Mkdirs(ctx, fresh, 0o755, true)
		}
		p, err := w.rate(ctx, c.kind, dir, fresh, c.peer, n, clean)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", Rates, c.metric, err)
		}
		rate := func(c0 Cost) float64 { return float64(c.count) / c0.Wall.Seconds() }
		ours, peer := median(net(p.Ours, p.OursEmpty), rate), median(net(p.Peer, p.PeerEmpty), rate)
		l := Line{Bench: Rates, Tool: shellTool, Metric: c.metric, Ours: round(ours), Peer: round(peer), Ratio: round(ours / peer), Runs: n}
		if err := Emit(out, l); err != nil {
			return err
		}
		if err := emitServers(out, Rates+"-"+c.kind, shellTool, p); err != nil {
			return err
		}
	}
	_, err := source.Delete(ctx, fresh, true)
	return err
}

func (w *HDFSWorld) rate(ctx context.Context, kind, dir, fresh string, peer []string, n int, clean func() error) (Pairs, error) {
	var p Pairs
	args := []string{w.user, w.fromAddr, kind, dir, fresh, fmt.Sprint(w.Sizes.SmallFiles)}
	oursEmpty, err := w.child(ctx, slices.Concat([]string{RateChild}, args[:5], []string{"0"})...)
	if err != nil {
		return p, err
	}
	peerEmpty, err := w.shell(ctx, "-stat", "%b", uri(w.fromAddr, dir))
	if err != nil {
		return p, err
	}
	p.OursEmpty, p.PeerEmpty = []Cost{oursEmpty}, []Cost{peerEmpty}
	for range n {
		if err := clean(); err != nil {
			return p, err
		}
		ours, err := w.child(ctx, slices.Concat([]string{RateChild}, args)...)
		if err != nil {
			return p, err
		}
		if err := clean(); err != nil {
			return p, err
		}
		theirs, err := w.shell(ctx, peer...)
		if err != nil {
			return p, err
		}
		p.Ours, p.Peer = append(p.Ours, ours), append(p.Peer, theirs)
		w.Log(fmt.Sprintf("%s, %s: ours %v, %s %v", Rates, kind, ours, shellTool, theirs))
	}
	return p, nil
}

func uris(nameNode string, paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = uri(nameNode, p)
	}
	return out
}

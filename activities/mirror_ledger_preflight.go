package activities

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"drover/internal/hadoop/namenode"
	"drover/internal/preflight"
)

// preflightLedger is PreflightMirror for a target without snapshots.
func (a *Mirror) preflightLedger(ctx context.Context, in MirrorPreflightInput) (MirrorPreflightResult, error) {
	m, err := a.ledger(in.MirrorAt)
	if err != nil {
		return MirrorPreflightResult{}, err
	}
	l := &mirrorLook{in: in, source: m.source, target: m.source}
	l.out.Ledger = true
	l.lookAtSource(ctx)
	l.lookAtLedger(ctx, m)
	l.lookAtOptions(ctx, a.sites.cfg)
	preflight.Sort(l.out.Findings)
	return l.out, nil
}

func (l *mirrorLook) lookAtLedger(ctx context.Context, m *ledgered) {
	subject := l.in.TargetPath + " at " + l.in.Target
	if within(m.ledger.Dir, m.target.Root) || within(m.target.Root, path.Dir(m.ledger.Dir)) {
		l.found("ledger-in-tree", preflight.Block, subject, "give the site another ledger directory, or name another targetPath",
			"its ledger would be %s: the tree may neither hold it nor lie among the ledgers", m.ledger.Dir)
		return
	}
	unreachable := func(err error) {
		l.found("tree-unreachable", preflight.Block, subject, "check the site's endpoint, bucket and keys in the worker's configuration", "%v", err)
	}
	g, err := m.ledger.Current(ctx)
	if err != nil {
		unreachable(err)
		return
	}
	_, err = m.target.Store.Stat(ctx, m.target.Root)
	there := err == nil
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		unreachable(err)
	case l.in.From != "" && g.Snapshot != l.in.From:
		l.found("from-missing", preflight.Block, subject, "name the snapshot that the ledger is at", "its ledger is at snapshot %q, not %q", g.Snapshot, l.in.From)
	case l.in.From == "" && (there || g.Number > 0):
		l.found("target-exists", preflight.Block, subject, "remove it and its ledger, name another targetPath, or continue a mirror with from",
			"it is there already (ledger %s at snapshot %q): a baseline makes its directory itself", m.ledger.Dir, g.Snapshot)
	}
	if l.in.From != "" && g.Snapshot == l.in.From {
		l.lookForFrom(ctx)
	}
	l.found("no-snapshots", preflight.Info, subject, "read what such a target cannot hold in the fine print",
		"the target keeps no snapshots: a ledger takes their place, renames become copies there, and there is no way back by a mirror in the other direction")
}

// lookForFrom looks whether the source still has the snapshot that the ledger is
// at.
func (l *mirrorLook) lookForFrom(ctx context.Context) {
	all, err := l.source.NN.Snapshots(ctx, l.source.Root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.reached(l.in.Source, l.source, err)
		return
	}
	if !slices.ContainsFunc(all, func(s namenode.Snapshot) bool { return s.Name == l.in.From }) {
		l.found("from-missing", preflight.Block, l.subject(l.in.Source, l.source), "remove the target and its ledger, and leave from out: everything is copied anew",
			"it has no snapshot %s any more", l.in.From)
	}
}

// within reports whether name is dir or lies below it.
func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

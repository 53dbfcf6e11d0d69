package activities

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"drover/internal/config"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/freeze"
	"drover/internal/mirror/tree"
	"drover/internal/preflight"
)

// PreflightMirror looks at both trees and changes nothing: all findings at once,
// and how the trees were found.
func (a *Mirror) PreflightMirror(ctx context.Context, in MirrorPreflightInput) (MirrorPreflightResult, error) {
	defer beat(ctx).end()
	if !a.sites.keepsSnapshots(in.Target) {
		return a.preflightLedger(ctx, in)
	}
	source, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return MirrorPreflightResult{}, err
	}
	l := &mirrorLook{in: in, source: source, target: target}
	l.lookAtSource(ctx)
	l.lookAtTarget(ctx)
	if len(preflight.Blocking(l.out.Findings)) == 0 {
		l.lookAtBoth(ctx)
	}
	l.lookAtOptions(ctx, a.sites.cfg)
	preflight.Sort(l.out.Findings)
	return l.out, nil
}

// lookAtOptions holds what the run was asked to do beside the copy against what
// is there for it.
func (l *mirrorLook) lookAtOptions(ctx context.Context, cfg config.Config) {
	l.lookForHooks(cfg.HookNames())
	if l.in.Freeze == freeze.Permissions {
		l.lookAtPermissions(ctx, cfg.Sites[l.in.Source].HDFS)
	}
}

// mirrorLook gathers findings.
type mirrorLook struct {
	in             MirrorPreflightInput
	source, target tree.Tree
	out            MirrorPreflightResult
}

func (l *mirrorLook) found(id string, s preflight.Severity, subject, do, seen string, args ...any) {
	l.out.Findings = append(l.out.Findings, preflight.Finding{ID: id, Severity: s, Subject: subject, Seen: fmt.Sprintf(seen, args...), Do: do})
}

func (l *mirrorLook) subject(site string, t tree.Tree) string { return t.Root + " at " + site }

// reached reports whether a look at a tree was answered, and says why not.
func (l *mirrorLook) reached(site string, t tree.Tree, err error) bool {
	if err == nil {
		return true
	}
	l.found("tree-unreachable", preflight.Block, l.subject(site, t), "check the site's NameNode addresses and user in the worker's configuration", "%v", err)
	return false
}

func (l *mirrorLook) lookAtSource(ctx context.Context) {
	st, err := l.source.NN.StatLink(ctx, l.source.Root)
	subject := l.subject(l.in.Source, l.source)
	if errors.Is(err, fs.ErrNotExist) {
		l.found("source-missing", preflight.Block, subject, "name a directory that is there", "there is no such directory")
		return
	}
	if !l.reached(l.in.Source, l.source, err) {
		return
	}
	if st.Type != namenode.Dir {
		l.found("source-no-directory", preflight.Block, subject, "name the directory that holds it", "it is no directory")
		return
	}
	l.out.SourceSnapshottable = st.Snapshottable
	l.nested(ctx, l.in.Source, l.source)
	if st.Encrypted {
		l.found("encryption-zone", preflight.Block, subject, "copy it with distcp by somebody who has the keys", "it lies in an encryption zone")
	}
	if sum, err := l.source.NN.ContentSummary(ctx, l.source.Root); l.reached(l.in.Source, l.source, err) {
		l.out.Files, l.out.Directories, l.out.Bytes = sum.Files, sum.Dirs, sum.Length
	}
	if open := l.openFiles(ctx, l.in.Source, l.source); len(open) > 0 {
		l.found("open-files", preflight.Info, subject, "a snapshot holds such a file with the length the NameNode knew when it was taken",
			"%d files are open for writing, %s the first", len(open), open[0].Path)
	}
	l.dataNodes(ctx, l.in.Source, l.source)
}

// dataNodes looks whether data gets through: NameNodes that answer say nothing
// about that. Who may not list the DataNodes has been named as no superuser.
func (l *mirrorLook) dataNodes(ctx context.Context, site string, t tree.Tree) {
	nodes, err := t.NN.DialDataNodes(ctx, t.DataNodesByName)
	if l.reached(site, t, err) {
		l.out.Findings = append(l.out.Findings, nodes.Findings(site)...)
	}
}

// openFiles lists what is being written. NameNodes tell that to superusers only,
// and so it shows whether the site's user is one.
func (l *mirrorLook) openFiles(ctx context.Context, site string, t tree.Tree) []namenode.OpenFile {
	open, err := t.NN.OpenFiles(ctx, t.Root)
	if errors.Is(err, fs.ErrPermission) {
		l.found("not-superuser", preflight.Block, l.subject(site, t),
			"give the site a superuser in the worker's configuration (hdfs.user), or accept this if the directory is snapshottable, the user owns all of it and owners are left out (without: owner)",
			"%v; snapshots are allowed and owners are set by superusers only", err)
		return nil
	}
	l.reached(site, t, err)
	return open
}

// nested looks for snapshottable directories above and below, which HDFS does
// not allow together (dfs.namenode.snapshot nested snapshots).
func (l *mirrorLook) nested(ctx context.Context, site string, t tree.Tree) {
	dirs, err := t.NN.SnapshottableDirs(ctx)
	if !l.reached(site, t, err) {
		return
	}
	for _, d := range dirs {
		if d.Path != t.Root && (strings.HasPrefix(d.Path, t.Root+"/") || strings.HasPrefix(t.Root, strings.TrimSuffix(d.Path, "/")+"/")) {
			l.found("nested-snapshottable", preflight.Block, l.subject(site, t), "mirror that directory itself, or disallow its snapshots",
				"%s is snapshottable, and snapshottable directories cannot be nested", d.Path)
		}
	}
}

func (l *mirrorLook) lookAtTarget(ctx context.Context) {
	subject := l.subject(l.in.Target, l.target)
	st, err := l.target.NN.StatLink(ctx, l.target.Root)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case !missing && !l.reached(l.in.Target, l.target, err):
		return
	case missing && l.in.From != "":
		l.found("target-missing", preflight.Block, subject, "leave from out: the baseline makes the directory", "there is no such directory to continue in")
	case !missing && l.in.From == "":
		l.found("target-exists", preflight.Block, subject, "remove it, name another targetPath, or continue a mirror with from", "it is there already: a baseline makes its directory itself")
	case missing:
		if _, err := l.target.NN.Stat(ctx, parentOf(l.target)); errors.Is(err, fs.ErrNotExist) {
			l.found("target-parent-missing", preflight.Block, subject, "make it, with the owner and mode it is to have", "there is no %s", parentOf(l.target))
		}
	default:
		l.out.TargetSnapshottable = st.Snapshottable
		l.quota(ctx, subject)
	}
	l.openFiles(ctx, l.in.Target, l.target)
	l.dataNodes(ctx, l.in.Target, l.target)
	l.nested(ctx, l.in.Target, l.target)
}

func (l *mirrorLook) lookForHooks(known []string) {
	for _, name := range l.in.Hooks {
		if !slices.Contains(known, name) {
			l.found("hook-unknown", preflight.Block, "hook "+name, "write it under hooks in the configuration of every worker of site "+l.in.Target,
				"this worker's configuration has the hooks %v", known)
		}
	}
}

// lookAtPermissions finds a NameNode that would let everybody through a root
// that was closed.
func (l *mirrorLook) lookAtPermissions(ctx context.Context, at config.HDFS) {
	root, err := l.source.NN.Stat(ctx, l.source.Root)
	if err != nil {
		return // lookAtSource has said so
	}
	checked, err := asStranger(at, func(nn *namenode.Client) (bool, error) { return freeze.Checked(ctx, nn, root, l.source.Root) })
	if l.reached(l.in.Source, l.source, err) && !checked {
		l.found("freeze-unchecked", preflight.Block, l.subject(l.in.Source, l.source), "freeze by quota, or let people stop the writers",
			"its NameNode does not check permissions (dfs.permissions.enabled), a freeze by them stops nobody")
	}
}

// quota finds a target that can take nothing more: a source that was frozen by
// quota is one for the mirror that leads back to it.
func (l *mirrorLook) quota(ctx context.Context, subject string) {
	sum, err := l.target.NN.ContentSummary(ctx, l.target.Root)
	if !l.reached(l.in.Target, l.target, err) {
		return
	}
	names := sum.Quota >= 0 && sum.Files+sum.Dirs >= sum.Quota
	space := sum.SpaceQuota >= 0 && sum.SpaceConsumed >= sum.SpaceQuota
	if names || space {
		l.found("target-quota", preflight.Block, subject, "raise its quotas, or clear them: hdfs dfsadmin -clrQuota, -clrSpaceQuota",
			"it has %d names and %d bytes, its quotas are %d and %d (-1: none)", sum.Files+sum.Dirs, sum.SpaceConsumed, sum.Quota, sum.SpaceQuota)
	}
}

// lookAtBoth holds the two sides against each other.
func (l *mirrorLook) lookAtBoth(ctx context.Context) {
	stats, err := l.target.NN.FsStats(ctx)
	if l.reached(l.in.Target, l.target, err) && l.in.From == "" {
		// Raw bytes: the target's default replication is not known to be the
		// source's, three is HDFS's own.
		if need := 3 * l.out.Bytes; stats.Remaining < need {
			l.found("space", preflight.Warn, l.subject(l.in.Target, l.target), "make room, or lower the replication at the source first",
				"%d bytes are free, %d are to come if each is kept three times", stats.Remaining, need)
		}
	}
	if l.in.From == "" {
		return
	}
	for _, side := range []struct {
		site string
		tree tree.Tree
	}{{l.in.Source, l.source}, {l.in.Target, l.target}} {
		site, t := side.site, side.tree
		all, err := t.NN.Snapshots(ctx, t.Root)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !l.reached(site, t, err) {
			continue
		}
		if !slices.ContainsFunc(all, func(s namenode.Snapshot) bool { return s.Name == l.in.From }) {
			l.found("from-missing", preflight.Block, l.subject(site, t), "name a snapshot that both directories have: names must be identical",
				"it has no snapshot %s", l.in.From)
		}
	}
}

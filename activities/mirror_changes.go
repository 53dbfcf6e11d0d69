package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"

	"drover/internal/command"
	"drover/internal/config"
	"drover/internal/fault"
	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/tree"
)

// changes calls each with every change of a site's tree from one snapshot to
// another, "" being the tree as it is, and reports whether from is the later one.
// A NameNode that answers no call for it may still have a command that does: then
// that is run.
func (a *Mirror) changes(ctx context.Context, site string, t tree.Tree, from, to string, each func(plan.Change) error) (backward bool, err error) {
	told := 0
	backward, err = diff.Each(ctx, t.NN, t.Root, from, to, func(c plan.Change) error {
		told++
		return each(c)
	})
	if told > 0 || !errors.Is(err, errors.ErrUnsupported) {
		return backward, err
	}
	d, failed := a.changesByTool(ctx, site, t, from, to)
	if failed != nil {
		return false, fmt.Errorf("%w; by its command: %w; sites.%s.hadoop of the worker's configuration says where hdfs snapshotDiff runs", err, failed, site)
	}
	for _, c := range d.Changes {
		if err := each(c); err != nil {
			return false, err
		}
	}
	return d.Backward, nil
}

func (a *Mirror) changesByTool(ctx context.Context, site string, t tree.Tree, from, to string) (plan.Diff, error) {
	c := a.sites.cfg.Sites[site]
	host, err := a.commands(c.Hadoop)
	if err != nil {
		return plan.Diff{}, err
	}
	env := map[string]string{"HADOOP_USER_NAME": c.HDFS.User}
	maps.Copy(env, c.Hadoop.Env)
	tool := diff.Tool{Host: host, Bin: c.Hadoop.Bin, Env: env, FileSystem: c.HDFS.URI}
	return tool.Between(ctx, t.NN, t.Root, from, to)
}

// commands is the machine that Hadoop's own commands run on.
func (a *Mirror) commands(h config.Hadoop) (*command.Host, error) {
	if h.SSH.Host == "" {
		return command.Local(filepath.Join(a.sites.cfg.Worker.StateDir, "commands"))
	}
	return command.SSH(command.SSHConfig{
		Destination: h.SSH.Host, Port: h.SSH.Port, IdentityFile: h.SSH.IdentityFile, KnownHostsFile: h.SSH.KnownHostsFile, Dir: h.SSH.Dir,
	})
}

// planChanges plans the way of a target from one snapshot of the source to
// another.
func (a *Mirror) planChanges(ctx context.Context, at MirrorAt, source tree.Tree, from, to string) (*plan.Way, error) {
	draft := plan.NewDraft(from, to)
	backward, err := a.changes(ctx, at.Source, source, from, to, func(c plan.Change) error {
		return fault.As(fault.Unsupported, draft.Add(c))
	})
	if err != nil {
		return nil, err
	}
	way, err := draft.Resolve(backward)
	return way, fault.As(fault.Unsupported, err)
}

// changesSince counts what a site's tree, as it is now, differs in from its
// snapshot, and puts the first few in words.
func (a *Mirror) changesSince(ctx context.Context, site string, t tree.Tree, snapshot string) (n int64, first []string, err error) {
	_, err = a.changes(ctx, site, t, snapshot, "", plan.Once(func(c plan.Change) error {
		if c.Path == "" && c.Kind == plan.Modified {
			return nil
		}
		if n++; len(first) < toldDifferences {
			first = append(first, changeText(c))
		}
		return nil
	}))
	if err != nil {
		return 0, nil, err
	}
	return n, first, nil
}

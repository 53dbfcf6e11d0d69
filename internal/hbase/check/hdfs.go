package check

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
)

// gatherHDFS looks at the file system that holds hbase.rootdir.
func gatherHDFS(ctx context.Context, s Side, c *ClusterFacts) error {
	usage, err := s.Usage(ctx)
	if err != nil {
		return err
	}
	c.Capacity, c.Free, c.Replication = usage.Capacity, usage.Free, usage.Replication
	if _, err := s.Store.Stat(ctx, s.Root); err != nil {
		return err
	}
	// The two files that every HBase has stand in for a list that NameNodes
	// give to superusers only.
	c.DataNodes, err = s.NameNode.DialDataNodes(ctx, s.ByName, path.Join(s.Root, "hbase.id"), path.Join(s.Root, "hbase.version"))
	if err != nil {
		return err
	}
	gatherQuota(ctx, s, c)
	return nil
}

// gatherQuota narrows the room to what quotas of hbase.rootdir leave. Those of
// directories above are not asked for: the NameNode walks all that is below a
// directory to answer, which may also take it too long here.
func gatherQuota(ctx context.Context, s Side, c *ClusterFacts) {
	sum, err := s.NameNode.ContentSummary(ctx, s.Root)
	if err != nil {
		c.QuotaUnread = err.Error()
		return
	}
	if left := sum.SpaceQuota - sum.SpaceConsumed; sum.SpaceQuota >= 0 && left < c.Free {
		c.Capacity, c.Free, c.Quota = sum.SpaceQuota, left, s.Root
	}
	c.Names, c.NameQuota = sum.Files+sum.Dirs, max(0, sum.Quota)
}

// gatherAccess asks the NameNodes whether the user may do what a run will do,
// without doing it: list the tables' directories at the source, make archive
// directories and snapshots at the target.
func gatherAccess(ctx context.Context, req Request, f *Facts) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	source, target := []string{".hbase-snapshot", "archive"}, []string{".hbase-snapshot", "archive"}
	for _, t := range req.Tables {
		source = append(source, path.Join("data", t.Dir()))
		target = append(target, path.Join("archive/data", t.Dir()))
	}
	denied(ctx, req.Source, &f.Source, source, req.Source.NameNode.MayList)
	denied(ctx, req.Target, &f.Target, target, req.Target.NameNode.MayWrite)
}

// denied notes the directories below hbase.rootdir, or what is there of them,
// that may does not let the user into.
func denied(ctx context.Context, s Side, c *ClusterFacts, dirs []string, may func(context.Context, string) (bool, error)) {
	for _, dir := range dirs {
		if c.Unreachable["hdfs"] != "" {
			return
		}
		dir = path.Join(s.Root, dir)
		ok, err := may(ctx, dir)
		for errors.Is(err, fs.ErrNotExist) && dir != s.Root {
			dir = path.Dir(dir)
			ok, err = may(ctx, dir)
		}
		switch {
		case err != nil:
			c.Unreachable["hdfs"] = err.Error()
		case !ok && !slices.Contains(c.Denied, dir):
			c.Denied = append(c.Denied, dir)
		}
	}
}

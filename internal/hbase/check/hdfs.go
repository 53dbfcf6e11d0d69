package check

import (
	"context"
	"path"
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
	return err
}

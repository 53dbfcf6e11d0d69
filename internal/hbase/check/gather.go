package check

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"drover/internal/hadoop/namenode"
	"drover/internal/hbase"
	"drover/internal/storage"
)

// Side is one cluster to look at.
type Side struct {
	Site    string
	Cluster *hbase.Cluster
	Store   storage.Reader
	Usage   func(context.Context) (storage.Usage, error)
	Root    string // path of hbase.rootdir in the store
	// NameNode serves the store's file system, whose DataNodes are reached by
	// their host names when ByName is set.
	NameNode *namenode.Client
	ByName   bool
}

// Request says what is to be judged.
type Request struct {
	Source, Target Side
	Tables         []hbase.TableName
	PeerID         string
	RunKey         string
}

// lookTimeout bounds each part: a cluster that does not answer is a finding,
// not a wait.
const lookTimeout = 20 * time.Second

// Gather looks at both clusters and changes nothing. What cannot be reached is
// part of the facts; the error is for ctx ending.
func Gather(ctx context.Context, req Request) (Facts, error) {
	f := Facts{PeerID: req.PeerID, RunKey: req.RunKey, Tables: make([]TableFacts, len(req.Tables)), PeerModification: true}
	var g errgroup.Group
	g.Go(func() error { f.Source = gatherCluster(ctx, req.Source, req.RunKey); return nil })
	g.Go(func() error { f.Target = gatherCluster(ctx, req.Target, req.RunKey); return nil })
	if err := g.Wait(); err != nil {
		return f, err
	}
	if f.Source.Unreachable["hbase"] == "" {
		if err := gatherReplication(ctx, req, &f); err != nil {
			f.Source.Unreachable["hbase"] = err.Error()
		}
	}
	gatherAccess(ctx, req, &f)
	for i, t := range req.Tables {
		f.Tables[i] = TableFacts{Name: t}
		if f.Source.Unreachable["hbase"] == "" {
			if err := gatherSource(ctx, req.Source, &f.Tables[i]); err != nil {
				f.Source.Unreachable["hbase"] = err.Error()
			}
		}
		if f.Target.Unreachable["hbase"] == "" {
			if err := gatherTarget(ctx, req, &f.Tables[i]); err != nil {
				f.Target.Unreachable["hbase"] = err.Error()
			}
		}
	}
	return f, ctx.Err()
}

func gatherCluster(ctx context.Context, s Side, runKey string) ClusterFacts {
	c := ClusterFacts{Site: s.Site, ClusterKey: s.Cluster.Config().ClusterKey(), Unreachable: map[string]string{}}
	// Each part has its own time: an HBase that does not answer is no word
	// about its HDFS.
	for part, look := range map[string]func(context.Context) error{
		"hbase": func(ctx context.Context) error { return gatherHBase(ctx, s, runKey, &c) },
		"hdfs":  func(ctx context.Context) error { return gatherHDFS(ctx, s, &c) },
	} {
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		if err := look(ctx); err != nil {
			c.Unreachable[part] = err.Error()
		}
		cancel()
	}
	return c
}

func gatherHBase(ctx context.Context, s Side, runKey string, c *ClusterFacts) error {
	var err error
	if c.ClusterID, err = s.Cluster.ClusterID(ctx); err != nil {
		return err
	}
	status, err := s.Cluster.Status(ctx)
	if err != nil {
		return err
	}
	c.Version = status.Version
	if c.Ports, err = s.Cluster.ServerPorts(ctx); err != nil {
		return err
	}
	c.Leftovers, err = leftovers(ctx, s.Cluster, runKey)
	return err
}

// leftovers names what carries another run's mark.
func leftovers(ctx context.Context, c *hbase.Cluster, runKey string) ([]string, error) {
	var out []string
	other := func(name string) bool {
		return (strings.HasPrefix(name, "drover-") || strings.HasPrefix(name, "drover_")) && !strings.Contains(name, runKey)
	}
	snaps, err := c.Snapshots(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range snaps {
		if other(s.Name) {
			out = append(out, "snapshot "+s.Name)
		}
	}
	peers, err := c.Peers(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range peers {
		if other(p.ID) {
			out = append(out, "replication peer "+p.ID)
		}
	}
	tables, err := c.TableNames(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		if other(t.Qualifier) {
			out = append(out, "table "+t.String())
		}
	}
	return out, nil
}

func gatherReplication(ctx context.Context, req Request, f *Facts) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	peer, err := req.Source.Cluster.FindPeer(ctx, req.PeerID)
	switch {
	case err == nil:
		f.PeerTaken = "it ships to " + peer.ClusterKey
	case !errors.Is(err, hbase.ErrPeerNotFound):
		return err
	}
	if f.PeerModification, err = req.Source.Cluster.PeerModificationEnabled(ctx); err != nil {
		return err
	}
	if f.BulkLoadReplication, _, err = req.Source.Cluster.HFileRefs(ctx, ""); err != nil {
		return err
	}
	f.WALCompression, err = walCompression(ctx, req.Source)
	if err != nil {
		f.WALUnread = err.Error()
	}
	return nil
}

func gatherSource(ctx context.Context, s Side, t *TableFacts) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	table, err := s.Cluster.Table(ctx, t.Name)
	if errors.Is(err, hbase.ErrTableNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	t.Exists, t.ReadOnly = true, table.ReadOnly()
	for _, fam := range table.Families() {
		ff := FamilyFacts{Name: fam.Name, Scope: fam.Scope, MOB: fam.MOB}
		if fam.TTL > 0 && fam.TTL < 1<<31-1 {
			ff.TTL = strconv.Itoa(fam.TTL)
		}
		t.Families = append(t.Families, ff)
	}
	state, err := s.Cluster.TableState(ctx, t.Name)
	if err != nil {
		return err
	}
	t.Enabled = state == hbase.TableEnabled
	regions, err := s.Cluster.Regions(ctx, t.Name)
	if err != nil {
		return err
	}
	for _, r := range regions {
		if r.Serving() {
			t.Regions++
		}
	}
	running, err := s.Cluster.RunningProcedures(ctx, t.Name)
	if err != nil {
		return err
	}
	for _, p := range running {
		if p.IsSplitOrMerge() {
			t.Splitting = append(t.Splitting, p.String()+" is running")
		}
	}
	if err := gatherFiles(ctx, s, t); !errors.Is(err, storage.ErrDenied) {
		return err
	}
	return nil // gatherAccess says what the user may not read
}

func gatherTarget(ctx context.Context, req Request, t *TableFacts) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	target := req.Target.Cluster
	var err error
	if t.TargetNamespace, err = target.NamespaceExists(ctx, t.Name.Namespace); err != nil {
		return err
	}
	if t.TargetNamespace {
		_, err = target.TableState(ctx, t.Name)
		t.TargetExists = err == nil
		if err != nil && !errors.Is(err, hbase.ErrTableNotFound) {
			return err
		}
	}
	if !t.Exists {
		return nil
	}
	schema, err := req.Source.Cluster.Table(ctx, t.Name)
	if err != nil {
		return err
	}
	return askSchema(ctx, target, schema, t)
}

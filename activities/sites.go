// Package activities adapts the engines to Temporal: each activity resolves
// the sites it is given, calls an engine, beats its heart while it waits, and
// returns a small result. Every activity may run again after its worker died,
// so each looks before it acts and adopts what an earlier attempt has done.
package activities

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"drover/internal/config"
	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/hbase"
	"drover/internal/storage/open"
)

// Sites opens the clusters that the configuration names, each once, and keeps
// them for the life of the worker. Safe for concurrent use.
type Sites struct {
	cfg config.Config

	mu     sync.Mutex
	opened map[string]*site
}

// site is one opened HBase cluster and the file system under it.
type site struct {
	name    string
	cluster *hbase.Cluster
	store   open.Store
	root    string // path of hbase.rootdir in the store
	// nameNode serves the same file system as store.
	nameNode *namenode.Client
}

// NewSites takes a loaded configuration.
func NewSites(cfg config.Config) *Sites {
	return &Sites{cfg: cfg, opened: map[string]*site{}}
}

// get opens a site at its first use. Nothing is dialled here.
func (s *Sites) get(name string) (*site, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.opened[name]; o != nil {
		return o, nil
	}
	c, ok := s.cfg.Sites[name]
	if !ok {
		known := s.cfg.SiteNames()
		slices.Sort(known)
		return nil, fault.As(fault.InvalidInput, fmt.Errorf("site %q is not in this worker's configuration (it has %s)", name, strings.Join(known, ", ")))
	}
	cluster, err := hbase.Open(hbaseConfig(c))
	if err != nil {
		return nil, fault.As(fault.InvalidInput, fmt.Errorf("site %s: %w", name, err))
	}
	store, root, err := open.Root(c.HBase.RootDir, c.HDFS.NameNodes, c.HDFS.User)
	if err != nil {
		return nil, fault.As(fault.InvalidInput, errors.Join(fmt.Errorf("site %s: %w", name, err), cluster.Close()))
	}
	nn, err := openNameNode(c.HDFS.NameNodes, c.HDFS.User, name)
	if err != nil {
		return nil, fault.As(fault.InvalidInput, errors.Join(err, cluster.Close(), store.Close()))
	}
	o := &site{name: name, cluster: cluster, store: store, root: root, nameNode: nn}
	s.opened[name] = o
	return o, nil
}

func hbaseConfig(c config.Site) hbase.Config {
	return hbase.Config{Quorum: c.HBase.Quorum, ZNodeParent: c.HBase.ZNodeParent, RootDir: c.HBase.RootDir, User: c.HBase.User}
}

// pair opens both sites of a migration.
func (s *Sites) pair(p Pair) (source, target *site, err error) {
	if source, err = s.get(p.Source); err != nil {
		return nil, nil, err
	}
	target, err = s.get(p.Target)
	return source, target, err
}

// Close ends every connection.
func (s *Sites) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for name, o := range s.opened {
		err = errors.Join(err, o.cluster.Close(), o.store.Close(), o.nameNode.Close())
		delete(s.opened, name)
	}
	return err
}

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

// site is one opened file system and the HBase cluster on it, if there is one.
type site struct {
	name    string
	cluster *hbase.Cluster // nil at a site without HBase
	store   open.Store
	root    string // path of hbase.rootdir in the store, "" without HBase
	// nameNode serves the same file system as store.
	nameNode *namenode.Client
	// byName reaches its DataNodes by their host names.
	byName bool
}

// NewSites takes a loaded configuration.
func NewSites(cfg config.Config) *Sites {
	return &Sites{cfg: cfg, opened: map[string]*site{}}
}

// get opens a site with an HBase at its first use. Nothing is dialled here.
func (s *Sites) get(name string) (*site, error) {
	o, err := s.fileSystem(name)
	if err == nil && o.cluster == nil {
		return nil, fault.As(fault.InvalidInput, fmt.Errorf("site %s has no HBase in this worker's configuration, and this runbook moves tables; name its ZooKeeper quorum there (sites.%s.hbase.quorum), or mirror its directories with HDFSMirror", name, name))
	}
	return o, err
}

// fileSystem opens a site, with HBase or without, at its first use. Nothing is
// dialled here.
func (s *Sites) fileSystem(name string) (*site, error) {
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
	o, err := openSite(name, c)
	if err != nil {
		return nil, fault.As(fault.InvalidInput, fmt.Errorf("site %s: %w", name, err))
	}
	s.opened[name] = o
	return o, nil
}

func openSite(name string, c config.Site) (o *site, err error) {
	o = &site{name: name, byName: c.HDFS.DataNodesByName}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close())
		}
	}()
	if !c.HasSnapshots() {
		l, err := config.Config{Sites: map[string]config.Site{name: c}}.Locate(name + ":/")
		if err == nil {
			o.store, err = open.At(l)
		}
		return o, err
	}
	if o.nameNode, err = namenode.Open(namenode.Config{Addresses: c.HDFS.NameNodes, User: c.HDFS.User}); err != nil {
		return o, err
	}
	if !c.HasHBase() {
		o.store, err = open.HDFS(c.HDFS)
		return o, err
	}
	if o.store, o.root, err = open.Root(c.HBase.RootDir, c.HDFS); err != nil {
		return o, err
	}
	o.cluster, err = hbase.Open(hbaseConfig(c))
	return o, err
}

func (o *site) close() error {
	var err error
	if o.cluster != nil {
		err = o.cluster.Close()
	}
	if o.store != nil {
		err = errors.Join(err, o.store.Close())
	}
	if o.nameNode != nil {
		err = errors.Join(err, o.nameNode.Close())
	}
	return err
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
		err = errors.Join(err, o.close())
		delete(s.opened, name)
	}
	return err
}

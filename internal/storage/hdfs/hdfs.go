// Package hdfs is the storage driver for HDFS, over packages namenode, one
// pipelined connection a store, and datanode: reading, writing, the relay of
// whole files between two HDFS, checksums. No byte is handed out that was not
// held against its CRC: where a replica is damaged, or its DataNode fails, another
// is read.
//
// There is no Kerberos and no wire encryption yet. Files that are erasure-coded
// or encrypted are refused with errors.ErrUnsupported.
package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"slices"
	"strings"
	"time"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/filesum"
	"drover/internal/hadoop/namenode"
	"drover/internal/storage"
)

// Config says which HDFS to use and as whom.
type Config struct {
	// NameNodes are host:port addresses of the NameNodes' RPC service: one, or
	// all of a high-availability pair.
	NameNodes []string
	// User is the HDFS user to act as. HBase's own user where HBase's files
	// are written: its master must be able to delete them.
	User string
	// UseDataNodeHostname reaches DataNodes by host name instead of the
	// address they registered (dfs.client.use.datanode.hostname).
	UseDataNodeHostname bool
	// DialTimeout bounds one connection attempt; 10 s when zero.
	DialTimeout time.Duration
	// IOTimeout bounds one read or write on a socket, so that a peer that
	// hangs becomes an error; 60 s when zero.
	IOTimeout time.Duration

	// dial replaces the network in tests.
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Store is one HDFS, safe for concurrent use. It holds idle connections until
// Close.
type Store struct {
	cfg  Config
	nn   *namenode.Client
	dn   *datanode.Client
	sums *filesum.Client
	// avoid are DataNodes that failed: a file that is written anew does not meet
	// them again.
	avoid namenode.Avoided
}

var (
	_ storage.Store   = (*Store)(nil)
	_ storage.Relayer = (*Store)(nil)
)

// Open returns the store. It connects at the first operation.
func Open(cfg Config) (*Store, error) {
	if len(cfg.NameNodes) == 0 {
		return nil, errors.New("open hdfs: no namenode address given")
	}
	if cfg.User == "" {
		return nil, errors.New("open hdfs: no user given")
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = 10 * time.Second
	}
	if cfg.IOTimeout == 0 {
		cfg.IOTimeout = time.Minute
	}
	if cfg.dial == nil {
		cfg.dial = (&net.Dialer{Timeout: cfg.DialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	nn, err := namenode.Open(namenode.Config{
		Addresses: cfg.NameNodes, User: cfg.User, Dial: cfg.dial,
		DialTimeout: cfg.DialTimeout, CallTimeout: cfg.IOTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("open hdfs: %w", err)
	}
	dn := datanode.New(datanode.Config{Name: nn.Name(), Dial: cfg.dial, DialTimeout: cfg.DialTimeout, IOTimeout: cfg.IOTimeout})
	return &Store{cfg: cfg, nn: nn, dn: dn, sums: filesum.New(nn, dn, cfg.UseDataNodeHostname)}, nil
}

// Close closes the idle connections. Files still open keep theirs until they
// are closed.
func (s *Store) Close() error {
	return errors.Join(s.dn.Close(), s.nn.Close())
}

// Stat implements storage.Reader.
func (s *Store) Stat(ctx context.Context, name string) (storage.Object, error) {
	st, err := s.nn.Stat(ctx, name)
	if err != nil {
		return storage.Object{}, own(ctx, "stat", name, err)
	}
	return object(path.Clean(name), st), nil
}

func object(name string, st namenode.Status) storage.Object {
	o := storage.Object{
		Path: name, ModTime: time.UnixMilli(st.ModTime), IsDir: st.IsDir(),
		Owner: st.Owner, Group: st.Group,
	}
	if !o.IsDir {
		o.Size, o.BlockSize, o.Replication = st.Size, st.BlockSize, st.Replication
	}
	return o
}

// List implements storage.Reader.
func (s *Store) List(ctx context.Context, dir string) ([]storage.Object, error) {
	var out []storage.Object
	err := s.nn.List(ctx, dir, func(page []namenode.Status) error {
		for _, st := range page {
			out = append(out, object(path.Join(dir, st.Name), st))
		}
		return nil
	})
	if errors.Is(err, namenode.ErrNotDir) {
		err = fmt.Errorf("not a directory: %w", fs.ErrNotExist)
	}
	if err != nil {
		return nil, own(ctx, "list", dir, err)
	}
	slices.SortFunc(out, func(a, b storage.Object) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// Mkdirs implements storage.Store.
func (s *Store) Mkdirs(ctx context.Context, dir string) error {
	return own(ctx, "mkdirs", dir, s.nn.Mkdirs(ctx, dir, uint16(dirPerm), true))
}

// Rename implements storage.Store, in one call.
func (s *Store) Rename(ctx context.Context, from, to string) error {
	return own(ctx, "rename "+from+" to", to, s.nn.Rename(ctx, from, to, false))
}

// Remove implements storage.Store.
func (s *Store) Remove(ctx context.Context, name string) error {
	_, err := s.nn.Delete(ctx, name, false)
	return own(ctx, "remove", name, err)
}

// RemoveAll implements storage.Store.
func (s *Store) RemoveAll(ctx context.Context, name string) error {
	_, err := s.nn.Delete(ctx, name, true)
	return own(ctx, "remove tree", name, err)
}

// Usage implements storage.Store.
func (s *Store) Usage(ctx context.Context) (storage.Usage, error) {
	st, err := s.nn.FsStats(ctx)
	if err != nil {
		return storage.Usage{}, own(ctx, "usage of", strings.Join(s.cfg.NameNodes, ","), err)
	}
	defaults, err := s.nn.ServerDefaults(ctx)
	if err != nil {
		return storage.Usage{}, own(ctx, "usage of", strings.Join(s.cfg.NameNodes, ","), err)
	}
	return storage.Usage{Capacity: st.Capacity, Used: st.Used, Free: st.Remaining, Replication: defaults.Replication}, nil
}

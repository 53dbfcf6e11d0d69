// Package hdfs is the storage driver for HDFS, and the only importer of
// github.com/colinmarc/hdfs, which serves reads and most calls to the NameNode.
// The driver adds what that client lacks: contexts are honoured, every operation
// that fails at the transport gets new connections, sockets the client forgets
// are closed, and errors carry the server's words. Writing, and the relay of
// whole files between two HDFS, speak the protocols themselves (namenode.go,
// datanode.go): the client's writer cannot wait for a block's report.
//
// There is no Kerberos and no wire encryption yet.
package hdfs

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/colinmarc/hdfs/v2"

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
	pool pool
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
	return &Store{cfg: cfg}, nil
}

// Close closes the idle connections. Files still open keep theirs until they
// are closed.
func (s *Store) Close() error {
	s.pool.close()
	return nil
}

// do runs fn with a client of its own. If the client had been idle and its
// connection turned out to be dead, fn runs once more with a new one, so fn
// must be repeatable.
func (s *Store) do(ctx context.Context, op, name string, fn func(*hdfs.Client) error) error {
	for {
		ses, reused, err := s.acquire(ctx)
		if err != nil {
			return wrap(ctx, op, name, err)
		}
		stop := context.AfterFunc(ctx, ses.kill)
		err = fn(ses.client)
		alive := stop()
		s.release(ses, alive && answered(err))
		if err == nil {
			return nil
		}
		if reused && alive && !answered(err) {
			s.pool.drain() // the others are as old
			continue
		}
		return wrap(ctx, op, name, err)
	}
}

// Stat implements storage.Reader.
func (s *Store) Stat(ctx context.Context, name string) (storage.Object, error) {
	var info fs.FileInfo
	err := s.do(ctx, "stat", name, func(c *hdfs.Client) (err error) {
		info, err = c.Stat(name)
		return err
	})
	if err != nil {
		return storage.Object{}, err
	}
	return object(path.Clean(name), info), nil
}

func object(name string, info fs.FileInfo) storage.Object {
	o := storage.Object{Path: name, ModTime: info.ModTime(), IsDir: info.IsDir()}
	if st, ok := info.Sys().(*hdfs.FileStatus); ok {
		o.Owner, o.Group = st.GetOwner(), st.GetGroup()
		if !o.IsDir {
			o.Size = info.Size()
			o.BlockSize = int64(st.GetBlocksize())
			o.Replication = int(st.GetBlockReplication())
		}
	}
	return o
}

// List implements storage.Reader.
func (s *Store) List(ctx context.Context, dir string) ([]storage.Object, error) {
	var infos []fs.FileInfo
	err := s.do(ctx, "list", dir, func(c *hdfs.Client) error {
		f, err := c.Open(dir)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // a directory holds no connection
		if !f.Stat().IsDir() {
			return fmt.Errorf("not a directory: %w", fs.ErrNotExist)
		}
		infos, err = f.Readdir(0)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]storage.Object, len(infos))
	for i, info := range infos {
		out[i] = object(path.Join(dir, info.Name()), info)
	}
	slices.SortFunc(out, func(a, b storage.Object) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// emptySum is the checksum of no blocks at all.
const emptySum = "70bc8f4b72a86921468bf8e8441dce51"

// Checksum implements storage.Reader. The DataNodes compute it from the CRCs
// they keep; no data is read. Files written with other chunks or another CRC
// than CRC32C over 512 bytes yield other sums for equal bytes.
func (s *Store) Checksum(ctx context.Context, name string) (storage.Checksum, error) {
	var sum storage.Checksum
	err := s.do(ctx, "checksum", name, func(c *hdfs.Client) error {
		f, err := c.Open(name)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // only read
		if f.Stat().IsDir() {
			return storage.ErrIsDir
		}
		b, err := f.Checksum()
		if err != nil {
			return err
		}
		sum.Sum = hex.EncodeToString(b)
		sum.BlockSize = object(name, f.Stat()).BlockSize
		if sum.Sum == emptySum && f.Stat().Size() > 0 {
			// The client takes a block that no DataNode offers for an empty one.
			return errors.New("no datanode offers the file's blocks")
		}
		return nil
	})
	if err != nil {
		return storage.Checksum{}, err
	}
	return sum, nil
}

// Mkdirs implements storage.Store.
func (s *Store) Mkdirs(ctx context.Context, dir string) error {
	return s.do(ctx, "mkdirs", dir, func(c *hdfs.Client) error { return c.MkdirAll(dir, dirPerm) })
}

// Rename implements storage.Store. The check for something at the new name and
// the rename are two calls; a file created in between is replaced, a directory
// with entries is refused by the NameNode.
func (s *Store) Rename(ctx context.Context, from, to string) error {
	return s.do(ctx, "rename "+from+" to", to, func(c *hdfs.Client) error {
		_, err := c.Stat(to)
		if err == nil {
			return storage.ErrExist
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return c.Rename(from, to)
	})
}

// Remove implements storage.Store.
func (s *Store) Remove(ctx context.Context, name string) error {
	return s.do(ctx, "remove", name, func(c *hdfs.Client) error {
		err := c.Remove(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// RemoveAll implements storage.Store.
func (s *Store) RemoveAll(ctx context.Context, name string) error {
	return s.do(ctx, "remove tree", name, func(c *hdfs.Client) error { return c.RemoveAll(name) })
}

// Usage implements storage.Store.
func (s *Store) Usage(ctx context.Context) (storage.Usage, error) {
	var u storage.Usage
	err := s.do(ctx, "usage of", strings.Join(s.cfg.NameNodes, ","), func(c *hdfs.Client) error {
		st, err := c.StatFs()
		if err != nil {
			return err
		}
		u = storage.Usage{Capacity: int64(st.Capacity), Used: int64(st.Used), Free: int64(st.Remaining)}
		return nil
	})
	return u, err
}

// Open implements storage.Reader.
func (s *Store) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	var f *hdfs.FileReader
	ses, err := s.hold(ctx, "open", name, func(c *hdfs.Client) (err error) {
		f, err = c.Open(name)
		if err != nil {
			return err
		}
		return readable(f.Stat())
	})
	if err != nil {
		return nil, err
	}
	return &reader{ctx: ctx, store: s, held: ses, f: f, name: name}, nil
}

// readable refuses what the library would read as other bytes than were
// written: it knows neither encryption zones nor erasure coding.
func readable(info fs.FileInfo) error {
	if info.IsDir() {
		return storage.ErrIsDir
	}
	st, ok := info.Sys().(*hdfs.FileStatus)
	switch {
	case ok && st.GetFileEncryptionInfo() != nil:
		return fmt.Errorf("it lies in an encryption zone: %w", errors.ErrUnsupported)
	case ok && st.GetEcPolicy() != nil:
		return fmt.Errorf("it is erasure-coded: %w", errors.ErrUnsupported)
	}
	return nil
}

package namenode

import (
	"context"
	"sync"
	"time"

	"drover/internal/hadoop/wire"
)

// ContentSummary counts what is below a path (ContentSummaryProto). The
// Snapshot fields are what only snapshots keep, already part of the others.
type ContentSummary struct {
	Length, Files, Dirs                         int64
	Quota                                       int64 // on names; -1 for none
	SpaceConsumed                               int64 // bytes, each replica counted
	SpaceQuota                                  int64 // -1 for none
	SnapshotLength, SnapshotFiles, SnapshotDirs int64
	SnapshotSpaceConsumed                       int64
}

// ContentSummary counts a tree. The NameNode walks it: it takes a while for
// millions of files.
func (c *Client) ContentSummary(ctx context.Context, path string) (ContentSummary, error) {
	var s ContentSummary
	into := map[wire.Number]*int64{
		1: &s.Length, 2: &s.Files, 3: &s.Dirs, 4: &s.Quota, 5: &s.SpaceConsumed, 6: &s.SpaceQuota,
		8: &s.SnapshotLength, 9: &s.SnapshotFiles, 10: &s.SnapshotDirs, 11: &s.SnapshotSpaceConsumed,
	}
	err := c.ask(ctx, "count", path, "getContentSummary", wire.Message(nil).Str(1, path), func(n wire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		return numbers(raw, into)
	})
	return s, err
}

// numbers reads integer fields.
func numbers(b []byte, into map[wire.Number]*int64) error {
	return wire.Fields(b, func(n wire.Number, v uint64, _ []byte) error {
		if at := into[n]; at != nil {
			*at = int64(v)
		}
		return nil
	})
}

// FsStats is how full the file system is, in bytes with each replica counted.
type FsStats struct {
	Capacity, Used, Remaining                     int64
	UnderReplicated, CorruptBlocks, MissingBlocks int64
}

// FsStats tells how full the file system is.
func (c *Client) FsStats(ctx context.Context) (FsStats, error) {
	var s FsStats
	into := map[wire.Number]*int64{
		1: &s.Capacity, 2: &s.Used, 3: &s.Remaining,
		4: &s.UnderReplicated, 5: &s.CorruptBlocks, 6: &s.MissingBlocks,
	}
	body, err := c.rpc.Call(ctx, "getFsStats", nil)
	if err == nil {
		err = numbers(body, into)
	}
	return s, wrap("get statistics of the file system", "", err)
}

// ChecksumType is how DataNodes guard chunks, numbered as on the wire.
type ChecksumType byte

// The types of hdfs.proto.
const (
	ChecksumNone   ChecksumType = 0
	ChecksumCRC32  ChecksumType = 1
	ChecksumCRC32C ChecksumType = 2
)

// ServerDefaults is what the NameNode tells clients to use
// (FsServerDefaultsProto).
type ServerDefaults struct {
	BlockSize        int64 // bytes
	BytesPerChecksum int
	PacketSize       int
	Replication      int
	Checksum         ChecksumType
	EncryptTransfer  bool // DataNodes talk encrypted only
}

// ServerDefaults returns the NameNode's defaults for new files.
func (c *Client) ServerDefaults(ctx context.Context) (ServerDefaults, error) {
	d := ServerDefaults{Checksum: ChecksumCRC32}
	err := c.ask(ctx, "get defaults of the file system", "", "getServerDefaults", nil, func(n wire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		return wire.Fields(raw, func(n wire.Number, v uint64, _ []byte) error {
			switch n {
			case 1:
				d.BlockSize = int64(v)
			case 2:
				d.BytesPerChecksum = int(v)
			case 3:
				d.PacketSize = int(v)
			case 4:
				d.Replication = int(v)
			case 6:
				d.EncryptTransfer = v != 0
			case 8:
				d.Checksum = ChecksumType(v)
			}
			return nil
		})
	})
	return d, err
}

// defaultsLife is how long defaults are used before they are asked for again,
// as in Hadoop's client.
const defaultsLife = time.Hour

// defaults keeps the NameNode's defaults for the files made without a block
// size or replication of their own.
type defaults struct {
	mu    sync.Mutex
	value ServerDefaults
	until time.Time
}

func (d *defaults) get(ctx context.Context, c *Client) (ServerDefaults, error) {
	d.mu.Lock()
	value, fresh := d.value, time.Now().Before(d.until)
	d.mu.Unlock()
	if fresh {
		return value, nil
	}
	value, err := c.ServerDefaults(ctx)
	if err == nil {
		d.mu.Lock()
		d.value, d.until = value, time.Now().Add(defaultsLife)
		d.mu.Unlock()
	}
	return value, err
}

// OpenFile is a file somebody writes.
type OpenFile struct {
	Path    string
	FileID  uint64
	Client  string // the lease's holder
	Machine string
}

// OpenFiles lists the files below prefix that are open for writing. It takes a
// superuser.
func (c *Client) OpenFiles(ctx context.Context, prefix string) ([]OpenFile, error) {
	var out []OpenFile
	for {
		var last uint64
		if len(out) > 0 {
			last = out[len(out)-1].FileID
		}
		more, before := false, len(out)
		const allOpenFiles = 1
		req := wire.Message(nil).Uint(1, last).Uint(2, allOpenFiles).Str(3, prefix)
		err := c.ask(ctx, "list open files below", prefix, "listOpenFiles", req, func(n wire.Number, v uint64, raw []byte) error {
			switch n {
			case 1:
				f, err := parseOpenFile(raw)
				out = append(out, f)
				return err
			case 2:
				more = v != 0
			}
			return nil
		})
		if err != nil || !more {
			return out, err
		}
		if len(out) == before {
			return nil, wrap("list open files below", prefix, wire.ErrMalformed)
		}
	}
}

// parseOpenFile reads an OpenFilesBatchResponseProto.
func parseOpenFile(b []byte) (OpenFile, error) {
	var f OpenFile
	err := wire.Fields(b, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			f.FileID = v
		case 2:
			f.Path = string(raw)
		case 3:
			f.Client = string(raw)
		case 4:
			f.Machine = string(raw)
		}
		return nil
	})
	return f, err
}

// EncryptionZone returns the root of the encryption zone a path lies in, ""
// when it lies in none.
func (c *Client) EncryptionZone(ctx context.Context, path string) (zone string, err error) {
	err = c.ask(ctx, "get encryption zone of", path, "getEZForPath", wire.Message(nil).Str(1, path), func(n wire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		return wire.Fields(raw, func(n wire.Number, _ uint64, raw []byte) error {
			if n == 2 {
				zone = string(raw)
			}
			return nil
		})
	})
	return zone, err
}

// ErasureCodingPolicy returns the name of the erasure coding policy of a path,
// "" when its blocks are replicated.
func (c *Client) ErasureCodingPolicy(ctx context.Context, path string) (name string, err error) {
	err = c.ask(ctx, "get erasure coding policy of", path, "getErasureCodingPolicy", wire.Message(nil).Str(1, path), func(n wire.Number, _ uint64, raw []byte) (err error) {
		if n == 1 {
			name, err = parseECPolicy(raw)
		}
		return err
	})
	return name, err
}

// SafeMode reports whether the NameNode takes no changes for now.
func (c *Client) SafeMode(ctx context.Context) (bool, error) {
	const get = 3
	return c.askBool(ctx, "get safe mode", "", "setSafeMode", wire.Message(nil).Uint(1, get).Bool(2, false))
}

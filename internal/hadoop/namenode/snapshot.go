package namenode

import (
	"cmp"
	"context"
	"errors"
	"path"

	"drover/internal/hadoop/wire"
)

// AllowSnapshot makes a directory snapshottable. It takes a superuser.
func (c *Client) AllowSnapshot(ctx context.Context, dir string) error {
	return c.call(ctx, "allow snapshots of", dir, "allowSnapshot", wire.Message(nil).Str(1, dir))
}

// DisallowSnapshot ends that; snapshots that are left are ErrSnapshot.
func (c *Client) DisallowSnapshot(ctx context.Context, dir string) error {
	return c.call(ctx, "disallow snapshots of", dir, "disallowSnapshot", wire.Message(nil).Str(1, dir))
}

// CreateSnapshot makes a snapshot and returns its path. A name that is taken is
// ErrSnapshot.
func (c *Client) CreateSnapshot(ctx context.Context, dir, name string) (where string, err error) {
	req := wire.Message(nil).Str(1, dir).Str(2, name)
	err = c.ask(ctx, "create snapshot "+name+" of", dir, "createSnapshot", req, func(n wire.Number, _ uint64, raw []byte) error {
		if n == 1 {
			where = string(raw)
		}
		return nil
	})
	return where, err
}

// DeleteSnapshot removes a snapshot.
func (c *Client) DeleteSnapshot(ctx context.Context, dir, name string) error {
	return c.call(ctx, "delete snapshot "+name+" of", dir, "deleteSnapshot", wire.Message(nil).Str(1, dir).Str(2, name))
}

// RenameSnapshot gives a snapshot another name.
func (c *Client) RenameSnapshot(ctx context.Context, dir, from, to string) error {
	req := wire.Message(nil).Str(1, dir).Str(2, from).Str(3, to)
	return c.call(ctx, "rename snapshot "+from+" of", dir, "renameSnapshot", req)
}

// Snapshot is one snapshot of a directory.
type Snapshot struct {
	Name    string
	ID      uint32 // grows with each snapshot of the NameNode; 0 where it does not tell
	ModTime int64  // when it was made, ms
	Deleted bool   // marked so, to be removed when it is the oldest (ordered deletion)
}

// Compare orders the snapshots of one directory by age, the older first: by the
// number, and where the NameNode tells none by the time. 0 means that it does not
// tell which is the older.
func (s Snapshot) Compare(o Snapshot) int {
	return cmp.Or(cmp.Compare(s.ID, o.ID), cmp.Compare(s.ModTime, o.ModTime))
}

// Snapshots lists the snapshots of a directory. A NameNode before Hadoop 3.3
// tells their names and times only.
func (c *Client) Snapshots(ctx context.Context, dir string) ([]Snapshot, error) {
	var out []Snapshot
	err := c.ask(ctx, "list snapshots of", dir, "getSnapshotListing", wire.Message(nil).Str(1, dir), func(n wire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		return wire.Fields(raw, func(n wire.Number, _ uint64, raw []byte) error {
			if n != 1 {
				return nil
			}
			s, err := parseSnapshot(raw)
			out = append(out, s)
			return err
		})
	})
	if errors.Is(err, errors.ErrUnsupported) {
		return c.listSnapshots(ctx, dir)
	}
	return out, err
}

// listSnapshots takes the snapshots from the directory that shows them.
func (c *Client) listSnapshots(ctx context.Context, dir string) ([]Snapshot, error) {
	var out []Snapshot
	err := c.List(ctx, path.Join(dir, ".snapshot"), func(page []Status) error {
		for _, s := range page {
			out = append(out, Snapshot{Name: s.Name, ModTime: s.ModTime})
		}
		return nil
	})
	return out, err
}

// parseSnapshot reads a SnapshotStatusProto.
func parseSnapshot(b []byte) (Snapshot, error) {
	var s Snapshot
	err := wire.Fields(b, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			dir, err := parseStatus(raw)
			s.Name, s.ModTime = dir.Name, dir.ModTime
			return err
		case 2:
			s.ID = uint32(v)
		case 4:
			s.Deleted = v != 0
		}
		return nil
	})
	return s, err
}

// SnapshottableDir is a directory that allows snapshots.
type SnapshottableDir struct {
	Path      string
	Status    Status
	Snapshots int // there are
	Quota     int // there may be
}

// SnapshottableDirs lists the directories that allow snapshots: all for a
// superuser, a user's own otherwise.
func (c *Client) SnapshottableDirs(ctx context.Context) ([]SnapshottableDir, error) {
	var out []SnapshottableDir
	err := c.ask(ctx, "list snapshottable directories", "", "getSnapshottableDirListing", nil, func(n wire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		return wire.Fields(raw, func(n wire.Number, _ uint64, raw []byte) error {
			if n != 1 {
				return nil
			}
			d, err := parseSnapshottable(raw)
			out = append(out, d)
			return err
		})
	})
	return out, err
}

// parseSnapshottable reads a SnapshottableDirectoryStatusProto.
func parseSnapshottable(b []byte) (SnapshottableDir, error) {
	var d SnapshottableDir
	parent := ""
	err := wire.Fields(b, func(n wire.Number, v uint64, raw []byte) (err error) {
		switch n {
		case 1:
			d.Status, err = parseStatus(raw)
		case 2:
			d.Quota = int(v)
		case 3:
			d.Snapshots = int(v)
		case 4:
			parent = string(raw)
		}
		return err
	})
	d.Path = path.Join("/", parent, d.Status.Name)
	return d, err
}

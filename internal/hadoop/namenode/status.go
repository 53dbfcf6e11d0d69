package namenode

import (
	"cmp"
	"context"

	"drover/internal/hadoop/wire"
)

// Type is what a path is.
type Type byte

// The types, numbered as on the wire.
const (
	Dir     Type = 1
	File    Type = 2
	Symlink Type = 3
)

// Status describes one path (hdfs.proto HdfsFileStatusProto).
type Status struct {
	Name        string // the last part of the path in a listing, "" otherwise
	Type        Type
	Size        int64 // bytes; 0 for a directory
	Mode        uint16
	Owner       string
	Group       string
	ModTime     int64 // ms
	AccessTime  int64 // ms; 0 for a directory
	Replication int   // 0 for a directory
	BlockSize   int64 // bytes; 0 for a directory
	FileID      uint64
	Children    int    // of a directory; -1 where unknown
	Symlink     string // where it points
	// StoragePolicy is the id of the policy the path itself has or inherits; 0
	// says none was ever set.
	StoragePolicy byte
	HasACL        bool
	Encrypted     bool
	ErasureCoded  bool
	Snapshottable bool
	ECPolicy      string // name of the erasure coding policy
	// Blocks and Open are filled only where locations were asked for. Open
	// says that the file is being written.
	Blocks []Block
	Open   bool
}

// IsDir reports whether the path is a directory.
func (s Status) IsDir() bool { return s.Type == Dir }

// Flags of a HdfsFileStatusProto.
const (
	flagACL       = 1
	flagEncrypted = 2
	flagEC        = 4
	flagSnapshot  = 8
)

func parseStatus(b []byte) (Status, error) {
	s := Status{Children: -1}
	err := wire.Fields(b, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			s.Type = Type(v)
		case 2:
			s.Name = string(raw)
		case 3:
			s.Size = int64(v)
		case 4:
			return wire.Fields(raw, func(n wire.Number, v uint64, _ []byte) error {
				if n == 1 {
					s.Mode = uint16(v) & 0o7777
				}
				return nil
			})
		case 5:
			s.Owner = string(raw)
		case 6:
			s.Group = string(raw)
		case 7:
			s.ModTime = int64(v)
		case 8:
			s.AccessTime = int64(v)
		default:
			return s.more(n, v, raw)
		}
		return nil
	})
	return s, err
}

// more reads the optional fields.
func (s *Status) more(n wire.Number, v uint64, raw []byte) (err error) {
	switch n {
	case 9:
		s.Symlink = string(raw)
	case 10:
		s.Replication = int(v)
	case 11:
		s.BlockSize = int64(v)
	case 12:
		var l Locations
		l, err = parseLocations(raw)
		s.Blocks, s.Open = l.Blocks, l.Open
	case 13:
		s.FileID = v
	case 14:
		s.Children = int(int32(v))
	case 15:
		s.Encrypted = true
	case 16:
		s.StoragePolicy = byte(v)
	case 17:
		s.ECPolicy, err = parseECPolicy(raw)
		s.ErasureCoded = s.ECPolicy != replicationPolicy
	case 18:
		s.HasACL = v&flagACL != 0
		s.Encrypted = s.Encrypted || v&flagEncrypted != 0
		s.ErasureCoded = s.ErasureCoded || v&flagEC != 0
		s.Snapshottable = v&flagSnapshot != 0
	}
	return err
}

// replicationPolicy is set on a directory to have its files replicated below one
// that is erasure-coded.
const replicationPolicy = "replication"

// ecPolicies are the policies that every HDFS has, by their ids
// (SystemErasureCodingPolicies): of these a NameNode sends the id alone
// (PBHelperClient.convertErasureCodingPolicy).
var ecPolicies = []string{replicationPolicy, "RS-6-3-1024k", "RS-3-2-1024k", "RS-LEGACY-6-3-1024k", "XOR-2-1-1024k", "RS-10-4-1024k"}

// parseECPolicy returns the name in an ErasureCodingPolicyProto.
func parseECPolicy(b []byte) (name string, err error) {
	var id uint64
	err = wire.Fields(b, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			name = string(raw)
		case 4:
			id = v
		}
		return nil
	})
	if name == "" && id < uint64(len(ecPolicies)) {
		name = ecPolicies[id]
	}
	return name, err
}

// Stat describes a path; fs.ErrNotExist when nothing is there, ErrSymlink when
// it is a symbolic link.
func (c *Client) Stat(ctx context.Context, path string) (Status, error) {
	return c.stat(ctx, "stat", path, "getFileInfo", wire.Message(nil).Str(1, path))
}

// StatLink is Stat that describes a symbolic link itself.
func (c *Client) StatLink(ctx context.Context, path string) (Status, error) {
	return c.stat(ctx, "stat", path, "getFileLinkInfo", wire.Message(nil).Str(1, path))
}

// StatBlocks is Stat with the file's blocks and where they are.
func (c *Client) StatBlocks(ctx context.Context, path string) (Status, error) {
	// Without a block token a DataNode of a secure cluster refuses.
	return c.stat(ctx, "stat", path, "getLocatedFileInfo", wire.Message(nil).Str(1, path).Bool(2, true))
}

func (c *Client) stat(ctx context.Context, op, path, method string, req wire.Message) (Status, error) {
	var s Status
	found := false
	err := c.ask(ctx, op, path, method, req, func(n wire.Number, _ uint64, raw []byte) (err error) {
		if n == 1 {
			found = true
			s, err = parseStatus(raw)
		}
		return err
	})
	if err == nil && !found {
		err = notExist(op, path)
	}
	s.Name = ""
	return s, err
}

// ListPage returns the entries of a directory that follow the name startAfter
// (nil: from the first), as many as the NameNode puts in one answer
// (dfs.ls.limit, 1000 by default, fewer with locations), in the order of
// CompareNames, and how many remain after them. Asking for locations adds the
// blocks of each file, without block tokens: a DataNode of a cluster that wants
// those answers only for blocks from Blocks.
func (c *Client) ListPage(ctx context.Context, dir string, startAfter []byte, locations bool) (entries []Status, remaining int, err error) {
	req := wire.Message(nil).Str(1, dir).Raw(2, startAfter).Bool(3, locations)
	found := false
	err = c.ask(ctx, "list", dir, "getListing", req, func(n wire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		found = true
		return wire.Fields(raw, func(n wire.Number, v uint64, raw []byte) error {
			switch n {
			case 1:
				s, err := parseStatus(raw)
				entries = append(entries, s)
				return err
			case 2:
				remaining = int(v)
			}
			return nil
		})
	})
	switch {
	case err != nil:
		return nil, 0, err
	case !found:
		return nil, 0, notExist("list", dir)
	case len(entries) == 1 && entries[0].Name == "": // a file lists itself
		return nil, 0, wrap("list", dir, ErrNotDir)
	}
	return entries, remaining, nil
}

// CompareNames is the order of names in a directory as the NameNode keeps it:
// of their bytes taken as signed numbers (DFSUtilClient.compareBytes), so that
// names beyond ASCII come before "a".
func CompareNames(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return cmp.Compare(int8(a[i]), int8(b[i]))
		}
	}
	return cmp.Compare(len(a), len(b))
}

// List calls each with one page after the other, in the order of CompareNames.
// Each owns what it is given; its error ends the listing. Without
// locations; entries made or removed while the listing runs may be missed.
func (c *Client) List(ctx context.Context, dir string, each func([]Status) error) error {
	var after []byte
	for {
		page, remaining, err := c.ListPage(ctx, dir, after, false)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			after = []byte(page[len(page)-1].Name)
			if err := each(page); err != nil {
				return err
			}
		}
		if remaining == 0 {
			return nil
		}
		if len(page) == 0 {
			return wrap("list", dir, wire.ErrMalformed)
		}
	}
}

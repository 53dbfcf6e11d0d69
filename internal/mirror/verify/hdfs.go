package verify

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/filesum"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
	"drover/internal/storage"
)

// Trees compares two trees of HDFS, the source first: what is listed by their
// NameNodes and, of files, the bytes. Either may be a snapshot's, see tree.Tree.At.
//
// Extended attributes of the trusted namespace show to superusers only; whoever
// is none compares those of user alone.
func Trees(ctx context.Context, source, target tree.Tree, opt Options) (Result, error) {
	dn := datanode.New(datanode.Config{Name: "drover-verify"})
	defer dn.Close() //nolint:errcheck // nothing is under way
	return run(ctx, newHDFSSide(source, dn), newHDFSSide(target, dn), namenode.CompareNames, opt)
}

// hdfsSide is a tree of an HDFS: listed page by page from the NameNode, with
// all it keeps of an entry; checksums come from the DataNodes, bytes through the
// store.
type hdfsSide struct {
	tree tree.Tree
	sums *filesum.Client
}

func newHDFSSide(t tree.Tree, dn *datanode.Client) *hdfsSide {
	return &hdfsSide{tree: t, sums: filesum.New(t.NN, dn, t.DataNodesByName)}
}

func (s *hdfsSide) stat(ctx context.Context, rel string) (entry, error) {
	st, err := s.tree.NN.StatLink(ctx, s.tree.Path(rel))
	if err != nil {
		return entry{}, err
	}
	e := statusEntry(rel, st)
	if st.StoragePolicy == 0 {
		return e, nil
	}
	above, err := tree.PolicyAbove(ctx, s.tree.NN, s.tree.Path(rel))
	e.inherits = e.policy == above
	return e, err
}

func (s *hdfsSide) list(rel string) cursor { return &pageCursor{side: s, rel: rel, remaining: 1} }

// pageCursor holds one page of a directory. A directory that changes while it
// is listed gives each page as it was when that was asked for.
type pageCursor struct {
	side      *hdfsSide
	rel       string
	page      []namenode.Status
	after     []byte
	remaining int
	// above is the storage policy in force in the directory, when it was asked.
	above *byte
}

func (c *pageCursor) next(ctx context.Context) (entry, bool, error) {
	if len(c.page) == 0 {
		if c.remaining == 0 {
			return entry{}, false, nil
		}
		var err error
		c.page, c.remaining, err = c.side.tree.NN.ListPage(ctx, c.side.tree.Path(c.rel), c.after, false)
		if err != nil {
			return entry{}, false, err
		}
		if len(c.page) == 0 {
			if c.remaining > 0 {
				return entry{}, false, errors.New("list " + c.side.tree.Path(c.rel) + ": the namenode announces more entries and gives none")
			}
			return entry{}, false, nil
		}
		c.after = []byte(c.page[len(c.page)-1].Name)
	}
	st := c.page[0]
	c.page = c.page[1:]
	e := statusEntry(path.Join(c.rel, st.Name), st)
	if st.StoragePolicy == 0 {
		return e, true, nil
	}
	if c.above == nil {
		dir, err := c.side.tree.NN.StatLink(ctx, c.side.tree.Path(c.rel))
		if err != nil {
			return entry{}, false, err
		}
		c.above = &dir.StoragePolicy
	}
	e.inherits = e.policy == *c.above
	return e, true, nil
}

func statusEntry(rel string, st namenode.Status) entry {
	e := entry{
		rel: rel, name: path.Base(rel), kind: file, size: st.Size,
		has:  hasMode | hasOwner | hasReplication | hasBlockSize | hasPolicy | hasModTime | hasExtended,
		mode: st.Mode, owner: st.Owner, group: st.Group, modTime: time.UnixMilli(st.ModTime),
		replication: st.Replication, blockSize: st.BlockSize, policy: st.StoragePolicy, inherits: st.StoragePolicy == 0, fileID: st.FileID,
		hasACL: st.HasACL, sumless: st.Encrypted || st.ErasureCoded,
	}
	switch st.Type {
	case namenode.Dir:
		e.kind = dir
	case namenode.Symlink:
		e.kind, e.target = link, st.Symlink
		e.has = hasOwner // HDFS keeps nothing else of a link
	}
	return e
}

func (s *hdfsSide) attributes(ctx context.Context, e *entry) error {
	if e.hasACL {
		acl, err := s.tree.NN.ACL(ctx, s.tree.Path(e.rel))
		if err != nil {
			return err
		}
		for _, entry := range acl.Entries {
			e.acl = append(e.acl, entry.String())
		}
		slices.Sort(e.acl)
	}
	xattrs, err := s.tree.NN.XAttrs(ctx, s.tree.Path(e.rel))
	if err != nil {
		return err
	}
	for _, x := range xattrs {
		if strings.HasPrefix(x.Name, "user.") || strings.HasPrefix(x.Name, "trusted.") {
			e.xattrs = append(e.xattrs, xattrText(x))
		}
	}
	slices.Sort(e.xattrs)
	return nil
}

// xattrText writes an attribute as `hdfs dfs -getfattr -e` does: text in
// quotes, anything else in hex.
func xattrText(x namenode.XAttr) string {
	if len(x.Value) == 0 {
		return x.Name
	}
	if text := strconv.Quote(string(x.Value)); text == `"`+string(x.Value)+`"` {
		return x.Name + "=" + text
	}
	return x.Name + "=0x" + hex.EncodeToString(x.Value)
}

func (s *hdfsSide) open(ctx context.Context, e entry) (io.ReadCloser, error) {
	if s.tree.Store == nil {
		return nil, errors.New("the bytes of " + s.tree.Path(e.rel) + " cannot be read: no store was given")
	}
	return s.tree.Store.Open(ctx, s.tree.Path(e.rel))
}

// keepsSums: the checksum of an encrypted file is that of other bytes, and an
// erasure-coded one has none of this kind.
func (s *hdfsSide) keepsSums(e entry) bool { return !e.sumless }

func (s *hdfsSide) sum(ctx context.Context, e entry) (storage.Checksum, error) {
	sum, size, err := s.sums.MD5(ctx, s.tree.Path(e.rel))
	if err == nil && size != e.size {
		err = changed(e, size)
	}
	if err != nil {
		return storage.Checksum{}, err
	}
	return storage.Checksum{BlockSize: e.blockSize, Sum: hex.EncodeToString(sum.Sum[:])}, nil
}

func (s *hdfsSide) composite(ctx context.Context, e entry) (uint32, bool, error) {
	crc, size, err := s.sums.Composite(ctx, s.tree.Path(e.rel))
	if err == nil && size != e.size {
		err = changed(e, size)
	}
	return crc, err == nil, err
}

func changed(e entry, size int64) error {
	return fmt.Errorf("it was listed with %d bytes and has %d: it changed while it was compared", e.size, size)
}

// policyName is the name of a storage policy that every HDFS has
// (HdfsConstants), or its number.
func policyName(id byte) string {
	switch id {
	case 0:
		return "inherited"
	case 1:
		return "PROVIDED"
	case 2:
		return "COLD"
	case 5:
		return "WARM"
	case 7:
		return "HOT"
	case 10:
		return "ONE_SSD"
	case 12:
		return "ALL_SSD"
	case 14:
		return "ALL_NVDIMM"
	case 15:
		return "LAZY_PERSIST"
	}
	return strconv.Itoa(int(id))
}

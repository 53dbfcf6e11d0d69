package check

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
	"drover/internal/storage"
)

// gatherFiles sums up the table's store files and looks whether its MOB files
// are links. A table directory that changes while it is read gives an
// estimate, which is all that is wanted.
func gatherFiles(ctx context.Context, s Side, t *TableFacts) error {
	for _, sub := range []string{"data", "mobdir/data"} {
		dir := path.Join(s.Root, sub, t.Name.Dir())
		sum := storeSum{}
		if err := sum.add(ctx, s.Store, dir, 3); err != nil {
			return err
		}
		t.StoreBytes += sum.bytes
		t.StoreFiles += sum.files
		t.MOBLinks = t.MOBLinks || sub == "mobdir/data" && sum.links
	}
	return nil
}

// storeSum is what lies below a table's directory.
type storeSum struct {
	links bool // some files are links to another table's
	files int
	bytes int64
}

// add walks table/region/family/file.
func (s *storeSum) add(ctx context.Context, store storage.Reader, dir string, depth int) error {
	entries, err := store.List(ctx, dir)
	if errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		base := path.Base(e.Path)
		if strings.HasPrefix(base, ".") {
			continue
		}
		if !e.IsDir {
			s.files++
			s.bytes += e.Size
			s.links = s.links || strings.Contains(base, "=")
			continue
		}
		if depth > 0 {
			if err := s.add(ctx, store, e.Path, depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// walMagic begins every protobuf WAL (ProtobufLogReader.PB_WAL_MAGIC).
var walMagic = []byte("PWAL")

// walCompression reads the header of a WAL of each server of the source, for no
// RPC tells the setting, and servers may differ in it. Compressed WALs say so in
// WALHeader.has_compression.
func walCompression(ctx context.Context, s Side) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	servers, err := s.Store.List(ctx, path.Join(s.Root, "WALs"))
	if err != nil {
		return false, err
	}
	read := false
	for _, dir := range servers {
		if !dir.IsDir {
			continue
		}
		h, err := serverWALHeader(ctx, s.Store, dir.Path)
		if err != nil {
			return false, err
		}
		if h.GetHasCompression() {
			return true, nil
		}
		read = read || h != nil
	}
	if !read {
		return false, fmt.Errorf("no WAL with a readable header under %s/WALs", s.Root)
	}
	return false, nil
}

// serverWALHeader gives the header of a server's first WAL that has one, nil
// when none does: what is being written may show nothing yet.
func serverWALHeader(ctx context.Context, store storage.Reader, dir string) (*hbasepb.WALHeader, error) {
	wals, err := store.List(ctx, dir)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, nil //nolint:nilnil // the server has gone, and its directory with it
	}
	if err != nil {
		return nil, err
	}
	for _, w := range wals {
		if h, err := walHeader(ctx, store, w.Path); err == nil {
			return h, nil
		}
	}
	return nil, ctx.Err()
}

func walHeader(ctx context.Context, store storage.Reader, name string) (h *hbasepb.WALHeader, err error) {
	r, err := store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	head, err := io.ReadAll(io.LimitReader(r, 4<<10))
	if err != nil {
		return nil, err
	}
	return parseWALHeader(head)
}

func parseWALHeader(head []byte) (*hbasepb.WALHeader, error) {
	rest, ok := bytes.CutPrefix(head, walMagic)
	n, k := binary.Uvarint(rest)
	if !ok || k <= 0 || uint64(len(rest)-k) < n {
		return nil, errors.New("it does not begin with a WAL header")
	}
	h := &hbasepb.WALHeader{}
	if err := proto.Unmarshal(rest[k:k+int(n)], h); err != nil {
		return nil, err
	}
	return h, nil
}

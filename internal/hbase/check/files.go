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
		links, bytes, err := sumFiles(ctx, s.Store, dir, 3)
		if err != nil {
			return err
		}
		t.StoreBytes += bytes
		t.MOBLinks = t.MOBLinks || sub == "mobdir/data" && links
	}
	return nil
}

// sumFiles walks table/region/family/file.
func sumFiles(ctx context.Context, store storage.Reader, dir string, depth int) (links bool, sum int64, err error) {
	entries, err := store.List(ctx, dir)
	if errors.Is(err, storage.ErrNotExist) {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, err
	}
	for _, e := range entries {
		base := path.Base(e.Path)
		if strings.HasPrefix(base, ".") {
			continue
		}
		if !e.IsDir {
			sum += e.Size
			links = links || strings.Contains(base, "=")
			continue
		}
		if depth > 0 {
			l, n, err := sumFiles(ctx, store, e.Path, depth-1)
			if err != nil {
				return false, 0, err
			}
			links, sum = links || l, sum+n
		}
	}
	return links, sum, nil
}

// walMagic begins every protobuf WAL (ProtobufLogReader.PB_WAL_MAGIC).
var walMagic = []byte("PWAL")

// walCompression reads the header of a WAL of the source, for no RPC tells the
// setting. Compressed WALs say so in WALHeader.has_compression.
func walCompression(ctx context.Context, s Side) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	servers, err := s.Store.List(ctx, path.Join(s.Root, "WALs"))
	if err != nil {
		return false, err
	}
	for _, dir := range servers {
		if !dir.IsDir {
			continue
		}
		wals, err := s.Store.List(ctx, dir.Path)
		if err != nil {
			return false, err
		}
		for _, w := range wals {
			h, err := walHeader(ctx, s.Store, w.Path)
			if err == nil {
				return h.GetHasCompression(), nil
			}
		}
	}
	return false, fmt.Errorf("no WAL with a readable header under %s/WALs", s.Root)
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

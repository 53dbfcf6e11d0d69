package verify

import (
	"context"
	"io"
	"path"
	"strings"

	"drover/internal/storage"
)

// Stores compares what is at or below path ra of store a, the source, with what
// is at or below path rb of store b. Either may be a file. Names are compared
// byte for byte, which is why a store that does not keep names as they are
// given shows missing and extra entries.
func Stores(ctx context.Context, a storage.Reader, ra string, b storage.Reader, rb string, opt Options) (Result, error) {
	return run(ctx, &readerSide{a, path.Clean(ra)}, &readerSide{b, path.Clean(rb)}, strings.Compare, opt)
}

// readerSide is a tree in any store. It knows neither modes nor ACLs.
type readerSide struct {
	store storage.Reader
	root  string
}

func (s *readerSide) path(rel string) string { return path.Join(s.root, rel) }

func (s *readerSide) stat(ctx context.Context, rel string) (entry, error) {
	o, err := s.store.Stat(ctx, s.path(rel))
	if err != nil {
		return entry{}, err
	}
	return objectEntry(rel, o), nil
}

func (s *readerSide) list(rel string) cursor { return &readerCursor{side: s, rel: rel} }

// readerCursor holds one directory: the contract's List gives it whole.
type readerCursor struct {
	side    *readerSide
	rel     string
	listed  bool
	objects []storage.Object
}

func (c *readerCursor) next(ctx context.Context) (entry, bool, error) {
	if !c.listed {
		objects, err := c.side.store.List(ctx, c.side.path(c.rel))
		if err != nil {
			return entry{}, false, err
		}
		c.objects, c.listed = objects, true
	}
	if len(c.objects) == 0 {
		return entry{}, false, nil
	}
	o := c.objects[0]
	c.objects = c.objects[1:]
	return objectEntry(path.Join(c.rel, path.Base(o.Path)), o), true, nil
}

func objectEntry(rel string, o storage.Object) entry {
	e := entry{
		rel: rel, name: path.Base(rel), kind: file, size: o.Size, modTime: o.ModTime,
		owner: o.Owner, group: o.Group, replication: o.Replication, blockSize: o.BlockSize, tag: o.Tag,
	}
	switch {
	case o.IsDir:
		e.kind = dir
	case o.Irregular:
		e.kind = other
	}
	if !o.ModTime.IsZero() && o.Tag == "" { // else the time is that of the writing
		e.has |= hasModTime
	}
	if o.Owner != "" || o.Group != "" {
		e.has |= hasOwner
	}
	if o.Replication > 0 {
		e.has |= hasReplication
	}
	if o.BlockSize > 0 {
		e.has |= hasBlockSize
	}
	return e
}

func (s *readerSide) attributes(context.Context, *entry) error { return nil }

func (s *readerSide) open(ctx context.Context, e entry) (io.ReadCloser, error) {
	return s.store.Open(ctx, s.path(e.rel))
}

// keepsSums: a store that keeps block sizes keeps checksums; others would have
// to read the file to make one up.
func (s *readerSide) keepsSums(e entry) bool { return e.blockSize > 0 }

func (s *readerSide) sum(ctx context.Context, e entry) (storage.Checksum, error) {
	return s.store.Checksum(ctx, s.path(e.rel))
}

func (s *readerSide) composite(ctx context.Context, e entry) (uint32, bool, error) {
	return composite(ctx, s.store, s.path(e.rel))
}

// compositeSummer is offered by stores whose servers can combine the CRCs of a
// file's blocks into that of the whole file.
type compositeSummer interface {
	CompositeCRC(ctx context.Context, path string) (uint32, error)
}

func composite(ctx context.Context, store any, name string) (uint32, bool, error) {
	s, ok := store.(compositeSummer)
	if !ok {
		return 0, false, nil
	}
	crc, err := s.CompositeCRC(ctx, name)
	return crc, true, err
}

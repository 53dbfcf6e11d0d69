package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
	"drover/internal/storage"
)

// Open implements storage.Reader. Of a file that is being written it reads as much
// as Stat says.
func (s *Store) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	l, err := s.nn.Blocks(ctx, name)
	if errors.Is(kindOf(err), storage.ErrNotExist) && s.isDirectory(ctx, name) {
		err = storage.ErrIsDir // the NameNode says of both that there is no such file
	}
	if err != nil {
		return nil, own(ctx, "open", name, err)
	}
	if err := plain(namenode.Status{Encrypted: l.Encrypted, ErasureCoded: l.ErasureCoded, ECPolicy: l.ECPolicy}); err != nil {
		return nil, wrap(ctx, "open", name, err)
	}
	return &reader{ctx: ctx, store: s, name: name, blocks: l.All(), rest: l.Length()}, nil
}

// reader is an open file; see storage.Reader.Open.
type reader struct {
	ctx    context.Context
	store  *Store
	name   string
	blocks []namenode.Block      // from the one after cur on
	rest   int64                 // bytes of the file behind cur
	cur    *datanode.BlockReader // nil between blocks
	closed bool
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, fmt.Errorf("read %s: %w", r.name, fs.ErrClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if r.cur == nil {
			if r.rest == 0 {
				return 0, io.EOF
			}
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.cur.Read(p)
		switch {
		case errors.Is(err, io.EOF):
			r.cur = nil // it closed itself
		case err != nil:
			return 0, r.unreadable(err)
		default:
			return n, nil
		}
	}
}

// next goes on to the next block.
func (r *reader) next() error {
	if len(r.blocks) == 0 {
		return fmt.Errorf("read %s: its blocks lack the last %d bytes of what the namenode says it has: read it again when nobody writes it", r.name, r.rest)
	}
	b := r.blocks[0]
	r.blocks = r.blocks[1:]
	length := min(b.Length, r.rest) // of a snapshot's last block there may be more by now
	r.rest -= length
	r.cur = r.store.dn.NewReader(r.ctx, b.Transfer(r.store.cfg.UseDataNodeHostname), 0, length)
	return nil
}

// unreadable is the error of a block that no DataNode serves. What they say is no
// answer to whether there is such a file, so that it gets none of the contract's
// errors.
func (r *reader) unreadable(err error) error {
	if r.ctx.Err() != nil {
		return wrap(r.ctx, "read", r.name, err)
	}
	return fmt.Errorf("read %s: %w; see what hdfs fsck %s -files -blocks -locations says of it, and have a datanode with a sound replica serve it, or put the file back from another copy", r.name, err, r.name)
}

// Close implements io.Closer.
func (r *reader) Close() error {
	r.closed = true
	if r.cur != nil {
		r.cur.Close()
		r.cur = nil
	}
	return nil
}

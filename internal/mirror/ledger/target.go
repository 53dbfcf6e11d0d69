package ledger

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"drover/internal/fault"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/tree"
	"drover/internal/storage"
)

// Target is the place that is mirrored to.
type Target struct {
	Store storage.Store
	Root  string // absolute and clean
}

// path returns where an entry of the tree is, or is to be.
func (t Target) path(rel string) string { return path.Join(t.Root, rel) }

// staging is where a round to a snapshot keeps what has no place yet.
func (t Target) staging(snapshot string) string { return t.path(plan.StagingPrefix + snapshot) }

// staged reports whether a path, relative to the root, is in a staging directory.
func staged(rel string) bool { return strings.HasPrefix(rel, plan.StagingPrefix) }

// clearStaging removes the staging directories of all rounds.
func (t Target) clearStaging(ctx context.Context) error {
	left, err := t.Store.List(ctx, t.Root)
	if err != nil {
		return err
	}
	for _, o := range left {
		if staged(path.Base(o.Path)) {
			if err := t.Store.RemoveAll(ctx, o.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

// Options say how files are brought. The zero value is good.
type Options struct {
	// Parallel is how many files are brought at a time; 8 when zero.
	Parallel int
	// BytesPerSecond limits what is read from the source; 0 does not.
	BytesPerSecond int64
	// Done, when not nil, is called for each entry that was brought, from many
	// goroutines at once.
	Done func(Record)
	// Chunk is how many entries are recorded together: what is looked at again
	// after a crash. shardRecords when zero.
	Chunk int
}

func (o Options) withDefaults() Options {
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	if o.Chunk <= 0 || o.Chunk > shardRecords {
		o.Chunk = shardRecords
	}
	return o
}

// burst is what may pass the limit at once, and what is read at once.
const burst = 256 << 10

// buffers are reused: a tree of small files would else allocate one for each.
var buffers = sync.Pool{New: func() any { return new([burst]byte) }}

// carrier brings single files.
type carrier struct {
	Target
	src   Source
	limit *rate.Limiter // nil: none
	opt   Options
}

func newCarrier(t Target, src Source, opt Options) *carrier {
	c := &carrier{Target: t, src: src, opt: opt.withDefaults()}
	if opt.BytesPerSecond > 0 {
		c.limit = rate.NewLimiter(rate.Limit(opt.BytesPerSecond), burst)
	}
	return c
}

// sums are what is known of a file's bytes.
type sums struct {
	size int64
	sum  storage.Checksum
	crc  uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// move copies a stream and sums it up. to may be nil.
func (c *carrier) move(ctx context.Context, to io.Writer, from io.Reader, blockSize int64, limit *rate.Limiter) (sums, error) {
	summer := storage.NewSummer(blockSize)
	var s sums
	held := buffers.Get().(*[burst]byte) //nolint:errcheck // holds nothing else
	defer buffers.Put(held)
	buf := held[:]
	for {
		n, err := from.Read(buf)
		if n > 0 {
			summer.Write(buf[:n]) //nolint:errcheck // never fails
			s.crc = crc32.Update(s.crc, castagnoli, buf[:n])
			s.size += int64(n)
			if limit != nil {
				if err := limit.WaitN(ctx, n); err != nil {
					return s, err
				}
			}
			if to != nil {
				if _, err := to.Write(buf[:n]); err != nil {
					return s, err
				}
			}
		}
		if errors.Is(err, io.EOF) {
			s.sum = summer.Checksum()
			return s, nil
		}
		if err != nil {
			return s, err
		}
	}
}

// bring puts the source's file at a path of the store, proves it and dresses it.
// With look, a file that is there already and is proved the same is adopted.
func (c *carrier) bring(ctx context.Context, e tree.Entry, at string, look bool) (Record, error) {
	want := storage.Checksum{}
	if e.Size > 0 {
		var err error
		if want, err = c.src.Checksum(ctx, e.Path); err != nil {
			return Record{}, err
		}
	}
	if look {
		if got, err := c.readBack(ctx, e, at); err == nil && (e.Size == 0 || got.sum.Equal(want)) {
			return c.finish(ctx, e, at, got)
		}
	}
	sent, err := c.send(ctx, e, at, want)
	if err != nil {
		return Record{}, err
	}
	got, err := c.readBack(ctx, e, at)
	if err == nil && (!got.sum.Equal(sent.sum) || got.crc != sent.crc) {
		err = fault.As(fault.Mismatch, fmt.Errorf("read back %s: its bytes are not those that were written: %08x, not %08x", at, got.crc, sent.crc))
	}
	if err != nil {
		return Record{}, err
	}
	return c.finish(ctx, e, at, got)
}

// send writes the file and proves that the bytes were those the source keeps.
func (c *carrier) send(ctx context.Context, e tree.Entry, at string, want storage.Checksum) (sums, error) {
	r, err := c.src.Open(ctx, e.Path)
	if err != nil {
		return sums{}, err
	}
	defer r.Close() //nolint:errcheck // only read
	w, err := c.Store.Create(ctx, at, storage.CreateOptions{BlockSize: e.BlockSize})
	if err != nil {
		return sums{}, err
	}
	sent, err := c.move(ctx, w, r, e.BlockSize, c.limit)
	if err == nil && sent.size != e.Size {
		err = fault.As(fault.Mismatch, fmt.Errorf("read %s: %d bytes, its snapshot says %d: it was open for writing when the snapshot was taken; take a new one", path.Join(c.src.Root(), e.Path), sent.size, e.Size))
	}
	if err == nil && e.Size > 0 && !sent.sum.Equal(want) {
		err = c.again(ctx, e, sent)
	}
	if err != nil {
		return sums{}, errors.Join(err, w.Abort())
	}
	return sent, w.Commit()
}

// again reads the source's file once more: one written with other checksum
// settings than HDFS's defaults has another sum for the same bytes.
func (c *carrier) again(ctx context.Context, e tree.Entry, sent sums) error {
	r, err := c.src.Open(ctx, e.Path)
	if err != nil {
		return err
	}
	got, err := c.move(ctx, nil, r, e.BlockSize, c.limit)
	if err = errors.Join(err, r.Close()); err == nil && got != sent {
		err = fault.As(fault.Mismatch, fmt.Errorf("read %s: two reads gave other bytes: check its blocks with hdfs fsck", path.Join(c.src.Root(), e.Path)))
	}
	return err
}

// readBack sums up what the target holds; another length is an error.
func (c *carrier) readBack(ctx context.Context, e tree.Entry, at string) (sums, error) {
	r, err := c.Store.Open(ctx, at)
	if err != nil {
		return sums{}, err
	}
	got, err := c.move(ctx, nil, r, e.BlockSize, nil)
	err = errors.Join(err, r.Close())
	if err == nil && got.size != e.Size {
		err = fault.As(fault.Mismatch, fmt.Errorf("read back %s: %d bytes, not %d", at, got.size, e.Size))
	}
	return got, err
}

// finish sets what attributes the store can hold and asks it what it says of the
// file.
func (c *carrier) finish(ctx context.Context, e tree.Entry, at string, got sums) (Record, error) {
	if err := c.dress(ctx, e, at); err != nil {
		return Record{}, err
	}
	rec := Record{Entry: e, CRC: got.crc}
	if e.Size > 0 {
		rec.Sum = got.sum.Sum
	}
	o, err := c.Store.Stat(ctx, at)
	if err != nil {
		return Record{}, err
	}
	rec.note(o)
	if c.opt.Done != nil {
		c.opt.Done(rec)
	}
	return rec, nil
}

// note records what the target says of a file.
func (r *Record) note(o storage.Object) {
	r.Tag, r.Stored = o.Tag, 0
	if o.Tag == "" {
		r.Stored = o.ModTime.UnixNano()
	}
}

// dress sets the attributes that the store can hold, if it holds any.
func (c *carrier) dress(ctx context.Context, e tree.Entry, at string) error {
	d, ok := c.Store.(storage.Dresser)
	if !ok {
		return nil
	}
	mode := fs.FileMode(e.Mode & 0o777)
	if e.Mode&0o1000 != 0 {
		mode |= fs.ModeSticky
	}
	return d.Dress(ctx, at, storage.Attributes{Mode: mode, ModTime: time.UnixMilli(e.MTime)})
}

// copyAt makes a copy of a file inside the target, proved to be what its record
// says. Where the store has no such call, or the file is not what it was, it is
// brought from the source.
func (c *carrier) copyAt(ctx context.Context, from, to string, old Record, e tree.Entry, look bool) (Record, error) {
	copier, ok := c.Store.(storage.Copier)
	if !ok {
		return c.bring(ctx, e, to, look)
	}
	err := copier.Copy(ctx, from, to)
	if errors.Is(err, storage.ErrNotExist) {
		return c.bring(ctx, e, to, true)
	}
	if err != nil {
		return Record{}, err
	}
	got, err := c.readBack(ctx, e, to)
	if err != nil && ctx.Err() != nil {
		return Record{}, err
	}
	if err != nil || got.crc != old.CRC || e.Size > 0 && !got.sum.Equal(old.checksum()) {
		return c.bring(ctx, e, to, false)
	}
	return c.finish(ctx, e, to, got)
}

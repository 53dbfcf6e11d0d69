package ledger

import (
	"context"
	"fmt"

	"drover/internal/fault"
	"drover/internal/mirror/tree"
)

// Baseline brings everything of a snapshot to a target that has nothing, and
// commits the first generation. One that was cut off is gone on with: chunks of
// entries that are recorded are not looked at again, and of the chunk that was
// under way files that are there are read back instead of brought. Once the
// generation is committed it does nothing.
//
// A tree that holds what cannot be mirrored is refused before anything is
// brought.
func Baseline(ctx context.Context, t Target, l *Ledger, src Source, snapshot string, opt Options) (Generation, error) {
	g, err := l.Current(ctx)
	if err != nil {
		return Generation{}, err
	}
	if g.Number > 0 && g.Snapshot == snapshot {
		return g, l.tidy(ctx)
	}
	if g.Number > 0 {
		return Generation{}, fault.As(fault.Conflict, fmt.Errorf("baseline of %s: the ledger %s has snapshot %q already; go on from that one, or name another place", src.Root(), l.Dir, g.Snapshot))
	}
	if err := supported(ctx, src); err != nil {
		return Generation{}, err
	}
	b := &baseline{carrier: newCarrier(t, src, opt), l: l, round: snapshot}
	b.next = Generation{Number: 1, Snapshot: snapshot}
	err = src.List(ctx, "", nil, func(e tree.Entry) error {
		if b.chunk = append(b.chunk, e); len(b.chunk) < b.opt.Chunk {
			return nil
		}
		return b.bringChunk(ctx)
	})
	if err == nil && len(b.chunk) > 0 {
		err = b.bringChunk(ctx)
	}
	if err == nil {
		err = b.dressDirectories(ctx)
	}
	if err != nil {
		return Generation{}, err
	}
	return b.next, l.commit(ctx, b.next)
}

type baseline struct {
	*carrier
	l     *Ledger
	round string
	chunk []tree.Entry
	next  Generation
}

// part is what is recorded of a chunk when it is done.
type part struct {
	Shard  Shard       `json:"shard"`
	Totals tree.Totals `json:"totals"`
}

// bringChunk brings a chunk of the listing and keeps its records as a shard.
func (b *baseline) bringChunk(ctx context.Context) error {
	defer func() { b.chunk = b.chunk[:0] }()
	name := b.l.path(roundsDir, b.round, fmt.Sprintf("part-%08d.json", len(b.next.Shards)))
	var done part
	whole, err := b.l.readSealed(ctx, name, &done)
	if err != nil {
		return err
	}
	if !whole {
		if done, err = b.doChunk(ctx, name); err != nil {
			return err
		}
	}
	b.next.Shards = append(b.next.Shards, done.Shard)
	b.next.Totals.Dirs += done.Totals.Dirs
	b.next.Totals.Files += done.Totals.Files
	b.next.Totals.Bytes += done.Totals.Bytes
	return nil
}

func (b *baseline) doChunk(ctx context.Context, name string) (part, error) {
	begun, err := b.l.begin(ctx, name)
	if err != nil {
		return part{}, err
	}
	records := make([]Record, len(b.chunk))
	err = b.parallel(ctx, len(b.chunk), func(ctx context.Context, i int) (err error) {
		e := b.chunk[i]
		if e.IsDir() {
			records[i] = Record{Entry: e}
			return b.Store.Mkdirs(ctx, b.path(e.Path))
		}
		records[i], err = b.bring(ctx, e, b.path(e.Path), begun)
		return err
	})
	if err != nil {
		return part{}, err
	}
	var done part
	for _, r := range records {
		count(&done.Totals, r, 1)
	}
	if done.Shard, err = b.l.writeShard(ctx, records); err != nil {
		return part{}, err
	}
	return done, b.l.writeSealed(ctx, name, done)
}

// begin marks a part as begun and reports whether it was before: then files may
// be there already.
func (l *Ledger) begin(ctx context.Context, name string) (already bool, err error) {
	mark := name + ".begun"
	var at string
	if already, err = l.readSealed(ctx, mark, &at); err != nil || already {
		return already, err
	}
	return false, l.writeSealed(ctx, mark, name)
}

// dressDirectories sets the attributes of all directories, from the last to the
// first: whatever is put into a directory changes its times.
func (b *baseline) dressDirectories(ctx context.Context) error {
	if !b.dresses() {
		return nil
	}
	for i := len(b.next.Shards) - 1; i >= 0; i-- {
		var dirs []Record
		err := b.l.each(ctx, b.next, i, i+1, func(r Record) error {
			if r.IsDir() {
				dirs = append(dirs, r)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := b.dressAll(ctx, dirs); err != nil {
			return err
		}
	}
	return nil
}

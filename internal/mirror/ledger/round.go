package ledger

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"drover/internal/fault"
	"drover/internal/mirror/plan"
)

// Round is a way from the snapshot of the ledger's generation to a newer one.
type Round struct {
	From, To string
	Plan     plan.Plan
}

// Changed counts what a round did.
type Changed struct {
	Brought int64 `json:"brought"` // files whose bytes came from the source
	Copied  int64 `json:"copied"`  // files copied inside the target
	Removed int64 `json:"removed"` // names of files that went
	Bytes   int64 `json:"bytes"`   // that came from the source
}

// Apply carries a round out; src is the source as of the snapshot To. See the
// package for the steps. It may be repeated until it succeeds, and then does
// nothing. The target must not have drifted since the last generation; what it
// copies inside the target is compared with the records all the same.
func Apply(ctx context.Context, t Target, l *Ledger, src Source, r Round, opt Options) (Changed, error) {
	g, err := l.Current(ctx)
	if err != nil {
		return Changed{}, err
	}
	a := &applier{carrier: newCarrier(t, src, opt), l: l, g: g, to: r.To}
	if g.Snapshot == r.To {
		return Changed{}, a.cleanUp(ctx)
	}
	if g.Snapshot != r.From {
		return Changed{}, fault.As(fault.Conflict, fmt.Errorf("round from snapshot %q to %q: the ledger %s is at snapshot %q; plan the round from there", r.From, r.To, l.Dir, g.Snapshot))
	}
	if a.work, err = resolve(ctx, l, g, src, r.Plan, a.dresses()); err != nil {
		return Changed{}, err
	}
	records, err := a.put(ctx)
	if err != nil {
		return Changed{}, err
	}
	if err := a.settle(ctx, records); err != nil {
		return Changed{}, err
	}
	removed := make(map[string]bool, len(a.removed))
	for path := range a.removed {
		removed[path] = true
	}
	next, err := l.rewrite(ctx, g, r.To, edit{removed: removed, put: records})
	if err != nil {
		return Changed{}, err
	}
	if err := l.commit(ctx, next); err != nil {
		return Changed{}, err
	}
	return a.counts(), a.cleanUp(ctx)
}

type applier struct {
	*carrier
	l  *Ledger
	g  Generation
	to string
	work
}

func (a *applier) counts() Changed {
	var c Changed
	for _, t := range a.order {
		switch {
		case t.IsDir() || t.inPlace():
		case t.from != nil:
			c.Copied++
		default:
			c.Brought++
			c.Bytes += t.Size
		}
	}
	for _, rec := range a.removed {
		if !rec.IsDir() && !a.isFile(rec.Path) {
			c.Removed++
		}
	}
	return c
}

// put does all that destroys nothing that another step needs, and returns the
// records of all tasks; those of staged files are of where they are staged.
func (a *applier) put(ctx context.Context) ([]Record, error) {
	// What is staged comes first: what follows may overwrite its originals.
	order := slices.Clone(a.order)
	slices.SortStableFunc(order, func(x, y *task) int { return min(y.stage, 1) - min(x.stage, 1) })
	waits := slices.IndexFunc(order, func(t *task) bool { return t.stage == 0 })
	if waits < 0 {
		waits = len(order)
	}
	var records []Record
	number := 0
	for _, half := range [][]*task{order[:waits], order[waits:]} {
		for chunk := range slices.Chunk(half, a.opt.Chunk) {
			done, err := a.putChunk(ctx, number, chunk)
			if err != nil {
				return nil, err
			}
			records = append(records, done...)
			number++
		}
	}
	return records, nil
}

// putChunk does a chunk of tasks unless its part says that it is done. A part
// that is there is one whose originals may have been overwritten since.
func (a *applier) putChunk(ctx context.Context, number int, chunk []*task) ([]Record, error) {
	name := a.l.path(roundsDir, a.to, fmt.Sprintf("part-%08d.json", number))
	var s Shard
	whole, err := a.l.readSealed(ctx, name, &s)
	if err != nil {
		return nil, err
	}
	if whole {
		var records []Record
		err := a.l.each(ctx, Generation{Shards: []Shard{s}}, 0, 1, func(r Record) error {
			records = append(records, r)
			return nil
		})
		return records, err
	}
	look, err := a.l.begin(ctx, name)
	if err != nil {
		return nil, err
	}
	records := make([]Record, len(chunk))
	err = a.parallel(ctx, len(chunk), func(ctx context.Context, i int) (err error) {
		records[i], err = a.do(ctx, chunk[i], look)
		return err
	})
	if err != nil {
		return nil, err
	}
	if s, err = a.l.writeShard(ctx, records); err != nil {
		return nil, err
	}
	return records, a.l.writeSealed(ctx, name, s)
}

// do puts what a task names at its place, or at that in the staging directory.
func (a *applier) do(ctx context.Context, t *task, look bool) (Record, error) {
	at := a.path(t.Path)
	switch {
	case t.IsDir():
		if a.obstructed(t.Path) {
			return Record{Entry: t.Entry}, nil // made when the way is clear
		}
		return Record{Entry: t.Entry}, a.Store.Mkdirs(ctx, at)
	case t.stage > 0:
		at = a.staged(t)
	case t.inPlace():
		return a.redress(ctx, t)
	}
	if t.from != nil {
		return a.copyAt(ctx, a.path(t.from.Path), at, *t.from, t.Entry, look)
	}
	return a.bring(ctx, t.Entry, at, look)
}

func (a *applier) staged(t *task) string {
	return path.Join(a.staging(a.to), fmt.Sprintf("%08d", t.stage))
}

// redress gives a file that stays where it is its new attributes.
func (a *applier) redress(ctx context.Context, t *task) (Record, error) {
	rec := *t.from
	rec.Entry = t.Entry
	if err := a.dress(ctx, t.Entry, a.path(t.Path)); err != nil {
		return Record{}, err
	}
	o, err := a.Store.Stat(ctx, a.path(t.Path))
	if err == nil {
		rec.note(o)
	}
	return rec, err
}

// cleanUp removes what a committed round needs no more.
func (a *applier) cleanUp(ctx context.Context) error {
	return errors.Join(a.clearStaging(ctx), a.l.tidy(ctx))
}

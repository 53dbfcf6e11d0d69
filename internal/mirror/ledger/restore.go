package ledger

import (
	"context"
	"errors"
	"fmt"

	"drover/internal/fault"
)

// Restore brings the target back to the state of a generation, from the source
// as of that generation's snapshot, and commits what the target says of the
// files that were brought anew, as a new generation of the same snapshot. Staging
// directories go. It returns what had drifted, and may be repeated.
func Restore(ctx context.Context, t Target, l *Ledger, src Source, snapshot string, opt Options) (int64, error) {
	return repair(ctx, t, l, src, snapshot, nil, opt)
}

// Mend brings the named entries anew whether they drifted or not: a comparison
// of the bytes found them to differ.
func Mend(ctx context.Context, t Target, l *Ledger, src Source, snapshot string, paths []string, opt Options) (int64, error) {
	return repair(ctx, t, l, src, snapshot, paths, opt)
}

func repair(ctx context.Context, t Target, l *Ledger, src Source, snapshot string, paths []string, opt Options) (int64, error) {
	g, err := l.Current(ctx)
	if err != nil {
		return 0, err
	}
	if g.Number == 0 || g.Snapshot != snapshot {
		return 0, fault.As(fault.Conflict, fmt.Errorf("restore %s: the ledger %s is at snapshot %q, not %q", t.Root, l.Dir, g.Snapshot, snapshot))
	}
	// The parts of a round that was given up are not true any more.
	if err := l.Store.RemoveAll(ctx, l.path(roundsDir)); err != nil {
		return 0, err
	}
	r := &restorer{carrier: newCarrier(t, src, opt), edit: edit{removed: map[string]bool{}}}
	var drifted []Drifted
	for _, p := range paths {
		drifted = append(drifted, Drifted{Path: p, How: Altered})
	}
	err = Drift(ctx, t, l, g, func(d Drifted) error {
		drifted = append(drifted, d)
		return nil
	})
	if err != nil {
		return 0, err
	}
	// What should not be there goes first: it may be in the way.
	for _, d := range drifted {
		if d.How == Extra {
			if err := t.Store.RemoveAll(ctx, t.path(d.Path)); err != nil {
				return 0, err
			}
		}
	}
	for _, d := range drifted {
		if d.How != Extra {
			if err := r.restore(ctx, l, g, d); err != nil {
				return 0, err
			}
		}
	}
	if err := r.finish(ctx, l, g, snapshot); err != nil {
		return 0, err
	}
	return int64(len(drifted)), nil
}

type restorer struct {
	*carrier
	edit
	dirs []Record
}

// restore brings one entry anew.
func (r *restorer) restore(ctx context.Context, l *Ledger, g Generation, d Drifted) error {
	rec, found, err := l.find(ctx, g, d.Path)
	if err != nil || !found {
		return errors.Join(err, notRecorded(found, l, d.Path))
	}
	o, err := r.Store.Stat(ctx, r.path(d.Path))
	if err != nil && !absent(err) {
		return err
	}
	if err == nil && (o.IsDir != rec.IsDir() || o.Irregular) {
		if err := r.Store.RemoveAll(ctx, r.path(d.Path)); err != nil {
			return err
		}
	}
	if rec.IsDir() {
		r.dirs = append(r.dirs, rec)
		return r.Store.Mkdirs(ctx, r.path(d.Path))
	}
	// The entry as the snapshot has it: a mended one may have other attributes.
	e, err := r.src.Stat(ctx, d.Path)
	if err != nil {
		return err
	}
	if rec, err = r.bring(ctx, e, r.path(d.Path), false); err != nil {
		return err
	}
	r.put = append(r.put, rec)
	return nil
}

func notRecorded(found bool, l *Ledger, path string) error {
	if found {
		return nil
	}
	return fault.As(fault.Mismatch, fmt.Errorf("the ledger %s has no record of %q", l.Dir, path))
}

// finish dresses the directories that were touched, clears staging directories
// away and commits.
func (r *restorer) finish(ctx context.Context, l *Ledger, g Generation, snapshot string) error {
	if err := r.clearStaging(ctx); err != nil {
		return err
	}
	if r.dresses() {
		// What was brought or removed changed the times of its directories.
		err := l.Each(ctx, g, func(rec Record) error {
			if rec.IsDir() {
				r.dirs = append(r.dirs, rec)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := r.dressAll(ctx, r.dirs); err != nil {
			return err
		}
	}
	if len(r.put) == 0 {
		return l.tidy(ctx)
	}
	next, err := l.rewrite(ctx, g, snapshot, r.edit)
	if err != nil {
		return err
	}
	return l.commit(ctx, next)
}

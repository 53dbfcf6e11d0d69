package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"drover/internal/manifest"
	"drover/internal/storage"
)

// shardRecords is how many records a shard holds at most: what a round writes
// anew for each change that is far from all others.
const shardRecords = 4096

// scratch returns the copy of a shard on this machine.
func (l *Ledger) scratch(s Shard) string { return filepath.Join(l.Scratch, s.name()) }

// writeShard keeps records, which are in order, as one shard. One that is there
// already is the same.
func (l *Ledger) writeShard(ctx context.Context, records []Record) (Shard, error) {
	if err := os.MkdirAll(l.Scratch, 0o755); err != nil {
		return Shard{}, fmt.Errorf("write ledger: %w", err)
	}
	draft := filepath.Join(l.Scratch, "draft.manifest")
	w, err := manifest.Create(draft)
	if err != nil {
		return Shard{}, err
	}
	for _, r := range records {
		if err := w.Append(r); err != nil {
			return Shard{}, errors.Join(err, w.Discard())
		}
	}
	s := Shard{First: records[0].Path}
	if s.List, err = w.Commit(); err != nil {
		return Shard{}, err
	}
	if err := os.Rename(draft, l.scratch(s)); err != nil {
		return Shard{}, fmt.Errorf("write ledger: %w", err)
	}
	return s, l.upload(ctx, s)
}

func (l *Ledger) upload(ctx context.Context, s Shard) (err error) {
	f, err := os.Open(l.scratch(s))
	if err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	name := l.path(shardsDir, s.name())
	there, err := l.Store.Stat(ctx, name)
	if err == nil && there.Size == info.Size() {
		return nil
	}
	if err != nil && !errors.Is(err, storage.ErrNotExist) {
		return err
	}
	w, err := l.Store.Create(ctx, name, storage.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, f); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), w.Abort())
	}
	return w.Commit()
}

// openShard opens the copy of a shard on this machine, fetched when it is not
// there or not whole.
func (l *Ledger) openShard(ctx context.Context, s Shard) (*manifest.Reader, error) {
	r, err := manifest.Open(l.scratch(s))
	if err == nil && r.Summary() == s.List {
		return r, nil
	}
	if err == nil {
		err = errors.Join(manifest.ErrDamaged, r.Close())
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, manifest.ErrDamaged) {
		return nil, err
	}
	if err := l.fetch(ctx, s); err != nil {
		return nil, err
	}
	if r, err = manifest.Open(l.scratch(s)); err != nil {
		return nil, fmt.Errorf("ledger %s: %w", l.Dir, err)
	}
	err = r.Verify()
	if err == nil && r.Summary() != s.List {
		err = fmt.Errorf("shard %s: %w: it holds other records", s.name(), manifest.ErrDamaged)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ledger %s: %w", l.Dir, err), r.Close())
	}
	return r, nil
}

func (l *Ledger) fetch(ctx context.Context, s Shard) error {
	if err := os.MkdirAll(l.Scratch, 0o755); err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	in, err := l.Store.Open(ctx, l.path(shardsDir, s.name()))
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	defer in.Close() //nolint:errcheck // only read
	draft := l.scratch(s) + ".new"
	out, err := os.Create(draft)
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(draft, l.scratch(s))
	}
	if err != nil {
		return fmt.Errorf("read ledger: %w", errors.Join(err, os.Remove(draft)))
	}
	return nil
}

// tidyScratch removes copies of shards that are not needed.
func (l *Ledger) tidyScratch(needed map[string]bool) error {
	entries, err := os.ReadDir(l.Scratch)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tidy up the ledger's copies: %w", err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), ".manifest") && !needed[e.Name()] {
			err = errors.Join(err, os.Remove(filepath.Join(l.Scratch, e.Name())))
		}
	}
	return err
}

// each calls fn with the records of g from shard first to shard last-1.
func (l *Ledger) each(ctx context.Context, g Generation, first, last int, fn func(Record) error) error {
	for _, s := range g.Shards[first:last] {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := l.openShard(ctx, s)
		if err != nil {
			return err
		}
		err = manifest.Range(r, 0, s.List.Count, func(_ int64, rec Record) error { return fn(rec) })
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Each calls fn with every record of a generation, in order.
func (l *Ledger) Each(ctx context.Context, g Generation, fn func(Record) error) error {
	return l.each(ctx, g, 0, len(g.Shards), fn)
}

// shardOf returns the place of the shard that holds path, if any does.
func (g Generation) shardOf(path string) int {
	i, found := slices.BinarySearchFunc(g.Shards, path, func(s Shard, path string) int { return ComparePaths(s.First, path) })
	if !found && i > 0 {
		i--
	}
	return i
}

// errEnough ends an iteration.
var errEnough = errors.New("enough")

// below calls fn with the record at path and those of all below it.
func (l *Ledger) below(ctx context.Context, g Generation, path string, fn func(Record) error) error {
	err := l.each(ctx, g, g.shardOf(path), len(g.Shards), func(r Record) error {
		switch {
		case within(r.Path, path):
			return fn(r)
		case ComparePaths(r.Path, path) > 0:
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// find returns the record at path.
func (l *Ledger) find(ctx context.Context, g Generation, path string) (rec Record, found bool, err error) {
	err = l.below(ctx, g, path, func(r Record) error {
		if r.Path == path {
			rec, found = r, true
		}
		return errEnough
	})
	return rec, found, err
}

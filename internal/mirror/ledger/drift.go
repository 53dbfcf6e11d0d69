package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"

	"drover/internal/hadoop/namenode"
	"drover/internal/storage"
)

// Drifted is an entry of the target that is not as the ledger has it.
type Drifted struct {
	Path string
	// How is Missing, Extra or Altered. Of an extra directory what is below it
	// is not told.
	How    string
	Detail string
}

// How an entry drifted.
const (
	Missing = "missing"
	Extra   = "extra"
	Altered = "changed"
)

func (d Drifted) String() string {
	if d.Detail == "" {
		return d.How + " " + d.Path
	}
	return d.How + " " + d.Path + ": " + d.Detail
}

// Drift compares a listing of the target with a generation and calls each with
// what differs: names, kinds, lengths, and marks of content or, where the store
// has none, modification times. No file is read. Staging directories do
// not count.
func Drift(ctx context.Context, t Target, l *Ledger, g Generation, each func(Drifted) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, stop := iter.Pull2(t.entries(ctx))
	defer stop()
	o, err, more := next()
	extra := func() error {
		dir := ""
		if o.IsDir {
			dir = o.Path
		}
		found := Drifted{Path: o.Path, How: Extra}
		for o, err, more = next(); more && err == nil && dir != "" && within(o.Path, dir); o, err, more = next() {
		}
		return each(found)
	}
	walk := func(r Record) error {
		for more && err == nil && ComparePaths(o.Path, r.Path) < 0 {
			if err := extra(); err != nil {
				return err
			}
		}
		switch {
		case err != nil:
			return err
		case !more || o.Path != r.Path:
			return each(Drifted{Path: r.Path, How: Missing})
		}
		found := compare(r, o)
		o, err, more = next()
		if found.How != "" {
			return each(found)
		}
		return nil
	}
	if err := l.Each(ctx, g, walk); err != nil {
		return err
	}
	for more && err == nil {
		if err := extra(); err != nil {
			return err
		}
	}
	return err
}

// compare returns how the target's entry differs from its record, if it does.
func compare(r Record, o storage.Object) Drifted {
	d := Drifted{Path: r.Path, How: Altered}
	switch {
	case r.IsDir() != o.IsDir || o.Irregular:
		d.Detail = "it is of another kind"
	case r.IsDir():
		return Drifted{}
	case r.Size != o.Size:
		d.Detail = fmt.Sprintf("%d bytes, not %d", o.Size, r.Size)
	case r.Tag != o.Tag:
		d.Detail = fmt.Sprintf("mark %s, not %s", o.Tag, r.Tag)
	case r.Tag == "" && r.Stored != o.ModTime.UnixNano():
		d.Detail = "another modification time"
	default:
		return Drifted{}
	}
	return d
}

// entries yields what is in the target, the root first, in the order of
// ComparePaths, with paths relative to the root. It ends with an error.
func (t Target) entries(ctx context.Context) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		root, err := t.Store.Stat(ctx, t.Root)
		if errors.Is(err, storage.ErrNotExist) {
			return
		}
		root.Path = ""
		if !yield(root, err) || err != nil {
			return
		}
		t.walk(ctx, "", yield)
	}
}

func (t Target) walk(ctx context.Context, dir string, yield func(storage.Object, error) bool) bool {
	list, err := t.Store.List(ctx, t.path(dir))
	if err != nil {
		yield(storage.Object{}, err)
		return false
	}
	slices.SortFunc(list, func(a, b storage.Object) int { return namenode.CompareNames(path.Base(a.Path), path.Base(b.Path)) })
	for _, o := range list {
		o.Path = join(dir, path.Base(o.Path))
		if staged(o.Path) {
			continue
		}
		if !yield(o, nil) || o.IsDir && !t.walk(ctx, o.Path, yield) {
			return false
		}
	}
	return true
}

package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"drover/internal/fault"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/tree"
	"drover/internal/storage"
)

// task is one entry that the newer state has and the older has not, or not so.
type task struct {
	tree.Entry // of the newer state
	// from is the record of the file whose bytes it has, when the target holds
	// them already.
	from *Record
	// stage is the place in the staging directory, plus one, of what cannot be
	// put at its own place at once.
	stage int
}

// inPlace reports that the file's bytes are where they belong.
func (t *task) inPlace() bool { return t.from != nil && t.from.Path == t.Path }

// work is what a round has to do.
type work struct {
	tasks   map[string]*task  // by path in the newer state
	removed map[string]Record // by path in the older state: what moves and goes
	order   []*task           // by path
}

// isFile reports whether the newer state has a file at the path of something
// that moved or went; isDir is the same for directories.
func (w *work) isFile(path string) bool {
	t, ok := w.tasks[path]
	return ok && !t.IsDir()
}

func (w *work) isDir(path string) bool {
	t, ok := w.tasks[path]
	return ok && t.IsDir()
}

// resolver turns a plan into work.
type resolver struct {
	l       *Ledger
	g       Generation
	src     Source
	refused *tree.Unsupported
	work
}

// resolve finds out what a plan means for the records of a generation. What it
// holds grows with the number of entries that change, each file below a renamed
// directory counted. dressed says that the target keeps the times of
// directories.
func resolve(ctx context.Context, l *Ledger, g Generation, src Source, p plan.Plan, dressed bool) (work, error) {
	r := &resolver{l: l, g: g, src: src, refused: &tree.Unsupported{Root: src.Root()}, work: work{tasks: map[string]*task{}, removed: map[string]Record{}}}
	if err := r.moves(ctx, p.Ops); err != nil {
		return work{}, err
	}
	for _, c := range p.Copies {
		if err := r.copy(ctx, c); err != nil {
			return work{}, err
		}
	}
	if err := r.refused.Err(); err != nil {
		return work{}, err
	}
	if dressed {
		if err := r.touched(ctx); err != nil {
			return work{}, err
		}
	}
	for _, t := range r.tasks {
		r.order = append(r.order, t)
	}
	slices.SortFunc(r.order, func(a, b *task) int { return ComparePaths(a.Path, b.Path) })
	r.findObstacles()
	return r.work, nil
}

// touched adds the directories that files are put into: at the target that
// changes their times, where at the source a file may have grown in its place.
func (r *resolver) touched(ctx context.Context) error {
	var dirs []string
	for path, t := range r.tasks {
		if _, known := r.tasks[parent(path)]; !known && !t.IsDir() {
			dirs = append(dirs, parent(path))
		}
	}
	for _, dir := range dirs {
		if _, known := r.tasks[dir]; known {
			continue
		}
		e, err := r.src.Stat(ctx, dir)
		if err != nil {
			return err
		}
		r.tasks[dir] = &task{Entry: e}
	}
	return nil
}

// moves gives every record that is parked its new path, or none. The deepest
// parked directory that an entry is in, or it itself, decides.
func (r *resolver) moves(ctx context.Context, ops []plan.Op) error {
	names := map[string]string{} // place in staging to older path
	place := map[string]string{} // older path to newer; "" for what goes
	for _, op := range ops {
		switch op.Kind {
		case plan.Park:
			names[op.To], place[op.From] = op.From, ""
		case plan.Place:
			place[names[op.From]] = op.To
		case plan.SetMark, plan.Mkdir: // a directory that is made has a copy of its own
		}
	}
	for path := range place {
		if inside(path, place) {
			continue // read with the outermost
		}
		err := r.l.below(ctx, r.g, path, func(rec Record) error {
			r.move(rec, place)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func inside(path string, place map[string]string) bool {
	for dir := parent(path); dir != ""; dir = parent(dir) {
		if _, ok := place[dir]; ok {
			return true
		}
	}
	return false
}

func (r *resolver) move(rec Record, place map[string]string) {
	at := rec.Path
	for {
		to, parked := place[at]
		if !parked {
			at = parent(at)
			continue
		}
		r.removed[rec.Path] = rec
		if to != "" {
			e := rec.Entry
			e.Path = to + rec.Path[len(at):]
			r.tasks[e.Path] = &task{Entry: e, from: &rec}
		}
		return
	}
}

// copy adds what a plan's copy names.
func (r *resolver) copy(ctx context.Context, c plan.Copy) error {
	if c.Walk && c.Path != "" {
		skip := make([]string, len(c.Skip))
		for i, s := range c.Skip {
			skip[i] = join(c.Path, s)
		}
		return r.src.List(ctx, c.Path, skip, func(e tree.Entry) error {
			r.tasks[e.Path] = &task{Entry: e}
			r.refused.Add(e.Path, e)
			return nil
		})
	}
	e, err := r.src.Stat(ctx, c.Path)
	if err != nil {
		return err
	}
	r.refused.Add(e.Path, e)
	t := &task{Entry: e}
	if e.Kind == tree.File {
		if t.from, err = r.same(ctx, c, e); err != nil {
			return err
		}
	}
	r.tasks[e.Path] = t
	return nil
}

// same returns the record of the file before the change, if its bytes did not
// change with it: a difference names a file for another mode or owner too.
func (r *resolver) same(ctx context.Context, c plan.Copy, e tree.Entry) (*Record, error) {
	rec, found, err := r.l.find(ctx, r.g, c.Prior)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.As(fault.Mismatch, fmt.Errorf("round from snapshot %q: the ledger %s has no record of %q: compare everything, then restore", r.g.Snapshot, r.l.Dir, c.Prior))
	}
	if rec.Size != e.Size || rec.BlockSize != e.BlockSize {
		return nil, nil //nolint:nilnil // it is not the same
	}
	if e.Size == 0 {
		return &rec, nil
	}
	sum, err := r.src.Checksum(ctx, e.Path)
	if err != nil || !sum.Equal(rec.checksum()) {
		return nil, err
	}
	return &rec, nil
}

// findObstacles decides what is staged.
func (w *work) findObstacles() {
	n := 0
	for _, t := range w.order {
		if t.IsDir() || t.inPlace() {
			continue
		}
		if w.obstructed(t.Path) || t.from != nil && w.overwritten(t.from.Path) {
			n++
			t.stage = n
		}
	}
}

// obstructed reports that nothing can be put at path before something goes: for
// a file a directory is there, or a file is where a directory has to be.
func (w *work) obstructed(path string) bool {
	rec, leaves := w.removed[path]
	if t := w.tasks[path]; leaves && rec.IsDir() != t.IsDir() {
		return true
	}
	for dir := parent(path); dir != ""; dir = parent(dir) {
		if rec, leaves := w.removed[dir]; leaves && !rec.IsDir() {
			return true
		}
	}
	return false
}

// overwritten reports that another file will be put at path, which must not
// lose the one that is there before it was copied.
func (w *work) overwritten(path string) bool {
	t, ok := w.tasks[path]
	return ok && !t.IsDir() && !t.inPlace()
}

// absent reports that an error means nothing is there.
func absent(err error) bool { return errors.Is(err, storage.ErrNotExist) }

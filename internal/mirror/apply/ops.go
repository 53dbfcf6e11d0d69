package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"drover/internal/fault"
	"drover/internal/mirror/plan"
)

// ErrUnexpected means that the target is not in the state the plan began with:
// somebody else changed it.
var ErrUnexpected = errors.New("the target is not what the plan was made for")

// Ops carries out ops[first:] in order on the tree at root, and calls done with
// the index of each when it is done; its error ends the work. PrepareStaging
// must have made staging. Operations that are done already, recorded or not,
// are recognised: first is a matter of time, never of safety.
func Ops(ctx context.Context, nn Target, root, staging string, ops []plan.Op, first int, done func(i int) error) error {
	if first >= len(ops) {
		return nil
	}
	if _, err := nn.Stat(ctx, staging); err != nil {
		return fmt.Errorf("apply the plan: staging directory: %w", err)
	}
	w := worker{nn: nn, root: root, staging: staging}
	var err error
	if w.parked, err = exists(ctx, nn, path.Join(staging, plan.Mark)); err != nil {
		return err
	}
	for i, op := range ops {
		if i < first {
			continue
		}
		if err := w.do(ctx, op); err != nil {
			return fmt.Errorf("operation %d of %d: %w", i+1, len(ops), err)
		}
		if err := done(i); err != nil {
			return err
		}
	}
	return nil
}

type worker struct {
	nn            Target
	root, staging string
	parked        bool // the mark is set: nothing is to be parked any more
}

func (w *worker) do(ctx context.Context, op plan.Op) error {
	switch op.Kind {
	case plan.Park:
		if w.parked {
			return nil
		}
		return w.move(ctx, w.inTree(op.From), path.Join(w.staging, op.To))
	case plan.SetMark:
		w.parked = true
		return w.nn.Mkdirs(ctx, path.Join(w.staging, op.To), stagingMode, false)
	case plan.Mkdir:
		return w.nn.Mkdirs(ctx, w.inTree(op.To), stagingMode, false)
	case plan.Place:
		if !w.parked {
			return fmt.Errorf("place %q: not everything is parked yet: begin with an earlier operation", op.To)
		}
		return w.move(ctx, path.Join(w.staging, op.From), w.inTree(op.To))
	}
	return fmt.Errorf("unknown operation %q", op.Kind)
}

// move renames, and looks only when that is refused. In either phase a source
// that is gone and a destination that is there mean that it was done before.
func (w *worker) move(ctx context.Context, from, to string) error {
	refused := w.nn.Rename(ctx, from, to, false)
	if !errors.Is(refused, fs.ErrNotExist) && !errors.Is(refused, fs.ErrExist) {
		return refused
	}
	source, err := exists(ctx, w.nn, from)
	if err != nil {
		return err
	}
	arrived, err := exists(ctx, w.nn, to)
	if err != nil {
		return err
	}
	if !source && arrived {
		return nil
	}
	return fault.As(fault.Conflict, fmt.Errorf("%w: %w; list what differs from the snapshot the plan begins with, and restore it", ErrUnexpected, refused))
}

// inTree is an absolute path. It is not cleaned: package plan has checked it.
func (w *worker) inTree(rel string) string {
	if rel == "" || w.root == "/" {
		return w.root + rel
	}
	return w.root + "/" + rel
}

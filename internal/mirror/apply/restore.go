package apply

import (
	"context"
	"fmt"

	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
)

// RestorePlan returns what Restore would do: what differs between the tree at
// root as it is and its snapshot.
func RestorePlan(ctx context.Context, nn Target, root, snapshot string) (plan.Plan, error) {
	d, err := diff.Between(ctx, nn, root, "", snapshot)
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Build(d)
}

// Restore rolls the tree at root back to its own snapshot: the undo of a round,
// whatever point it had reached, and the repair of a tree somebody wrote to.
// What was only moved is moved back, what is parked in a staging directory too;
// copies gets what changed or is gone, and is to take it from the snapshot and
// to set attributes, directories' last. After an error, or a crash, start it
// again.
//
// A file that had to be copied back is a new inode: the tree then equals the
// snapshot, but the difference to it still shows the file as deleted and
// created. Retake puts that right.
func Restore(ctx context.Context, nn Target, root, snapshot string, copies func(context.Context, []plan.Copy) error) (plan.Plan, error) {
	p, err := RestorePlan(ctx, nn, root, snapshot)
	if err != nil || p.Empty() {
		return p, err
	}
	staging, err := freshStaging(ctx, nn, root)
	if err != nil {
		return p, err
	}
	if err := nn.Mkdirs(ctx, staging, stagingMode, false); err != nil {
		return p, err
	}
	err = Ops(ctx, nn, root, staging, p.Ops, 0, func(int) error { return nil })
	if err != nil {
		return p, fmt.Errorf("restore %s to snapshot %q: %w", root, snapshot, err)
	}
	// Staging goes before the copies: the attributes of the root are the last
	// thing they set, and its removal would change the root's times.
	if err := Finish(ctx, nn, staging, p.Ops); err != nil {
		return p, fmt.Errorf("restore %s to snapshot %q: %w", root, snapshot, err)
	}
	return p, copies(ctx, p.Copies)
}

// freshStaging finds a name that no attempt before has used: what one left
// behind is part of what this one puts right.
func freshStaging(ctx context.Context, nn Target, root string) (string, error) {
	for n := 1; ; n++ {
		staging := Staging(root, fmt.Sprintf("restore-%d", n))
		there, err := exists(ctx, nn, staging)
		if err != nil || !there {
			return staging, err
		}
	}
}

// Retake makes snapshot name of root anew, from the tree as it is, unless the
// two do not differ; the old one is kept under the name aside. Call it when a
// restored tree was proven to be equal to what the name stands for. It may be
// called again after a crash with the same names.
func Retake(ctx context.Context, nn Target, root, name, aside string) error {
	there, err := hasSnapshot(ctx, nn, root, name)
	if err != nil {
		return err
	}
	if there {
		d, err := diff.Between(ctx, nn, root, name, "")
		if err != nil || len(d.Changes) == 0 {
			return err
		}
		if err := nn.RenameSnapshot(ctx, root, name, aside); err != nil {
			return err
		}
	}
	_, err = nn.CreateSnapshot(ctx, root, name)
	return err
}

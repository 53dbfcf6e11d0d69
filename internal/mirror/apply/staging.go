package apply

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
)

// stagingMode keeps others out of what is parked, and of new directories until
// their own attributes are set.
const stagingMode = 0o700

// ErrFinished means that a round's staging directory is gone while the tree is
// no longer what it was before the round: it was finished already, or somebody
// else wrote to the target.
var ErrFinished = errors.New("the tree has changed since, and there is no staging directory")

// Staging returns the path of the staging directory for a key, which names the
// round and must be a valid file name.
func Staging(root, key string) string { return path.Join(root, plan.StagingPrefix+key) }

// PrepareStaging takes the snapshot of root to come back to, called before, and
// makes the staging directory for key. What an earlier attempt of the same round
// made is adopted. The tree must be in the state the plan begins with when it is
// called first; after Finish it returns ErrFinished.
func PrepareStaging(ctx context.Context, nn Target, root, key, before string) (staging string, err error) {
	staging = Staging(root, key)
	if key == "" || strings.Contains(key, "/") {
		return "", fmt.Errorf("prepare staging in %s: key %q is no file name", root, key)
	}
	there, err := hasSnapshot(ctx, nn, root, before)
	if err != nil {
		return "", err
	}
	if !there {
		_, err := nn.CreateSnapshot(ctx, root, before)
		if err != nil {
			return "", err
		}
	}
	staged, err := exists(ctx, nn, staging)
	if err != nil || staged {
		return staging, err
	}
	if there {
		d, err := diff.Between(ctx, nn, root, before, "")
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(d.Changes, inside) {
			return "", fault.As(fault.Conflict, fmt.Errorf("prepare staging in %s: snapshot %q: %w; compare the two, then restore or commit", root, before, ErrFinished))
		}
	}
	return staging, nn.Mkdirs(ctx, staging, stagingMode, false)
}

// inside tells a change in the tree from one of the root's own attributes: a
// quota that is set or raised there is no sign that the round was finished.
func inside(c plan.Change) bool { return c.Path != "" || c.Kind != plan.Modified }

// Finish removes the staging directory with what the plan deletes. It refuses
// while something that ops place is still parked. Staging that is gone is no
// error.
func Finish(ctx context.Context, nn Target, staging string, ops []plan.Op) error {
	if !strings.HasPrefix(path.Base(staging), plan.StagingPrefix) {
		return fmt.Errorf("finish: %s is no staging directory", staging)
	}
	there, err := exists(ctx, nn, staging)
	if err != nil || !there {
		return err
	}
	place := map[string]string{}
	for _, op := range ops {
		if op.Kind == plan.Place {
			place[op.From] = op.To
		}
	}
	err = nn.List(ctx, staging, func(page []namenode.Status) error {
		for _, s := range page {
			if to, waits := place[s.Name]; waits {
				return fmt.Errorf("finish: %s/%s is not at its place %q yet: carry out the operations first", staging, s.Name, to)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = nn.Delete(ctx, staging, true)
	return err
}

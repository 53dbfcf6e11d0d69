package activities

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"drover/internal/fault"
	"drover/internal/manifest"
	"drover/internal/mirror/advice"
	"drover/internal/mirror/apply"
	"drover/internal/mirror/copy"
	"drover/internal/mirror/plan"
)

const (
	opsFile    = "operations.jsonl"
	copiesFile = "copies.jsonl"
	// toTheEnd is the end of a range that has all the items behind its first.
	toTheEnd = -1
)

// PlanMirrorRound asks what changed at the source between two snapshots, and
// writes down in which order the target is to follow.
func (a *Mirror) PlanMirrorRound(ctx context.Context, in MirrorRoundInput) (MirrorRoundPlan, error) {
	defer beat(ctx).end()
	source, _, err := a.trees(in.MirrorAt)
	if err != nil {
		return MirrorRoundPlan{}, err
	}
	way, err := a.planChanges(ctx, in.MirrorAt, source, in.From, in.To)
	if err != nil {
		return MirrorRoundPlan{}, advice.On(err)
	}
	dir := a.manifestsDir(in.MirrorAt, in.To)
	// What cannot be brought is told before anything is done to the target.
	copies, err := writeManifest(dir, copiesFile, func(each func(plan.Copy) error) error {
		return advice.On(copy.Supported(ctx, source.At(in.To), way.Copies(), each))
	})
	if err != nil {
		return MirrorRoundPlan{}, err
	}
	ops, err := writeManifest(dir, opsFile, func(each func(plan.Op) error) error {
		for op := range way.Ops() {
			if err := each(op); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return MirrorRoundPlan{}, err
	}
	n := way.Counts()
	return MirrorRoundPlan{
		Created: int64(n.Created), Deleted: int64(n.Deleted), Renamed: int64(n.Renamed), Modified: int64(n.Modified),
		Operations: ops.Count, Copies: copies.Count, Digest: ops.SHA256[:32] + copies.SHA256[:32],
	}, nil
}

// writeManifest writes what items gives, as it is given.
func writeManifest[T any](dir, name string, items func(each func(T) error) error) (manifest.Summary, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return manifest.Summary{}, fmt.Errorf("make the directory of a round's manifests: %w", err)
	}
	w, err := manifest.Create(filepath.Join(dir, name))
	if err != nil {
		return manifest.Summary{}, err
	}
	if err := items(func(item T) error { return w.Append(item) }); err != nil {
		return manifest.Summary{}, errors.Join(err, w.Discard())
	}
	return w.Commit()
}

// round reads a range of a round's manifest.
func round[T any](ctx context.Context, a *Mirror, in MirrorRoundInput, digest, name string, first, last int64) ([]T, error) {
	var items []T
	err := roundEach(ctx, a, in, digest, name, first, last, func(item T) error {
		items = append(items, item)
		return nil
	})
	return items, err
}

// roundEach calls each with a range of a round's manifest. One that is gone, or
// is not the one the range was cut from, is made again: snapshots do not change.
func roundEach[T any](ctx context.Context, a *Mirror, in MirrorRoundInput, digest, name string, first, last int64, each func(T) error) error {
	path := filepath.Join(a.manifestsDir(in.MirrorAt, in.To), name)
	var refused error // by each, whatever it wraps
	tell := func(i int64, item T) error {
		first, refused = i+1, each(item)
		return refused
	}
	err := readRange(path, first, last, tell)
	if refused != nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, manifest.ErrDamaged) {
		return err
	}
	again, err := a.PlanMirrorRound(ctx, in)
	if err != nil {
		return err
	}
	if again.Digest != digest {
		return fault.As(fault.Mismatch, fmt.Errorf("the plan of the round from %s to %s came out differently: was one of these snapshots deleted and taken anew?", in.From, in.To))
	}
	return readRange(path, first, last, tell)
}

func readRange[T any](path string, first, last int64, each func(i int64, item T) error) error {
	r, err := manifest.Open(path)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	if last == toTheEnd {
		last = r.Summary().Count
	}
	return manifest.Range(r, first, last, each)
}

// ApplyMirrorOperations carries out a range of a round's operations, in order.
// Those that are done already are recognised.
func (a *Mirror) ApplyMirrorOperations(ctx context.Context, in MirrorOperationsInput) (string, error) {
	defer beat(ctx).end()
	_, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return "", err
	}
	ops, err := round[plan.Op](ctx, a, in.MirrorRoundInput, in.Digest, opsFile, in.First, in.Last)
	if err != nil {
		return "", err
	}
	// The common snapshot is the one to come back to: the target was proved
	// unchanged since, so another would hold the same.
	staging, err := apply.PrepareStaging(ctx, target.NN, target.Root, in.To, in.From)
	if err != nil {
		return "", advice.On(err)
	}
	return "", advice.On(apply.Ops(ctx, target.NN, target.Root, staging, ops, 0, func(int) error { return ctx.Err() }))
}

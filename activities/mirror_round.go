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
	"drover/internal/mirror/diff"
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
	d, err := diff.Between(ctx, source.NN, source.Root, in.From, in.To)
	if err != nil {
		return MirrorRoundPlan{}, advice.On(err)
	}
	p, err := plan.Build(d)
	if err != nil {
		return MirrorRoundPlan{}, fault.As(fault.Unsupported, fmt.Errorf("plan the round from %s to %s: %w", in.From, in.To, err))
	}
	// What cannot be brought is told before anything is done to the target.
	if err := copy.Supported(ctx, source.At(in.To), p.Copies); err != nil {
		return MirrorRoundPlan{}, advice.On(err)
	}
	ops, err := writeManifest(a.manifestsDir(in.MirrorAt, in.To), opsFile, p.Ops)
	if err != nil {
		return MirrorRoundPlan{}, err
	}
	copies, err := writeManifest(a.manifestsDir(in.MirrorAt, in.To), copiesFile, p.Copies)
	if err != nil {
		return MirrorRoundPlan{}, err
	}
	return MirrorRoundPlan{
		Created: int64(p.Counts.Created), Deleted: int64(p.Counts.Deleted), Renamed: int64(p.Counts.Renamed), Modified: int64(p.Counts.Modified),
		Operations: ops.Count, Copies: copies.Count, Digest: ops.SHA256[:32] + copies.SHA256[:32],
	}, nil
}

func writeManifest[T any](dir, name string, items []T) (manifest.Summary, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return manifest.Summary{}, fmt.Errorf("make the directory of a round's manifests: %w", err)
	}
	w, err := manifest.Create(filepath.Join(dir, name))
	if err != nil {
		return manifest.Summary{}, err
	}
	for _, item := range items {
		if err := w.Append(item); err != nil {
			return manifest.Summary{}, errors.Join(err, w.Discard())
		}
	}
	return w.Commit()
}

// round reads a range of a round's manifest. One that is gone, or is not the
// one the range was cut from, is made again: snapshots do not change.
func round[T any](ctx context.Context, a *Mirror, in MirrorRoundInput, digest, name string, first, last int64) ([]T, error) {
	items, err := readRange[T](filepath.Join(a.manifestsDir(in.MirrorAt, in.To), name), first, last)
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, manifest.ErrDamaged) {
		return items, err
	}
	again, err := a.PlanMirrorRound(ctx, in)
	if err != nil {
		return nil, err
	}
	if again.Digest != digest {
		return nil, fault.As(fault.Mismatch, fmt.Errorf("the plan of the round from %s to %s came out differently: was one of these snapshots deleted and taken anew?", in.From, in.To))
	}
	return readRange[T](filepath.Join(a.manifestsDir(in.MirrorAt, in.To), name), first, last)
}

func readRange[T any](path string, first, last int64) ([]T, error) {
	r, err := manifest.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read
	if last == toTheEnd {
		last = r.Summary().Count
	}
	var items []T
	err = manifest.Range(r, first, last, func(_ int64, item T) error {
		items = append(items, item)
		return nil
	})
	return items, err
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

package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"drover/internal/fault"
	"drover/internal/mirror/ledger"
	"drover/internal/mirror/retention"
	"drover/internal/mirror/tree"
	"drover/internal/mirror/verify"
	"drover/internal/report"
)

// ledgered is a mirror whose target keeps no snapshots.
type ledgered struct {
	source  tree.Tree
	target  ledger.Target
	ledger  *ledger.Ledger
	dresses bool // the target keeps modification times
}

// ledger opens a mirror to a place without snapshots. Nothing is dialled here.
func (a *Mirror) ledger(at MirrorAt) (*ledgered, error) {
	source, err := a.tree(TreeAt{Site: at.Source, Path: at.SourcePath})
	if err != nil {
		return nil, err
	}
	s, err := a.sites.fileSystem(at.Target)
	if err != nil {
		return nil, err
	}
	place, err := a.sites.cfg.Locate(at.Target + ":" + at.TargetPath)
	if err != nil {
		return nil, err
	}
	kept, err := a.sites.cfg.LedgerOf(at.Target)
	if err != nil {
		return nil, err
	}
	name := ledgerName(at.TargetPath)
	return &ledgered{
		source: source, target: ledger.Target{Store: s.store, Root: place.Path},
		ledger: &ledger.Ledger{
			Store: s.store, Dir: path.Join(kept.Path, name),
			Scratch: filepath.Join(a.sites.cfg.Worker.StateDir, "ledger", at.Target, name),
		},
		dresses: place.Local(),
	}, nil
}

// ledgerName is that of a mirrored tree: the end of its path for people, and a
// digest, because a path is no name.
func ledgerName(targetPath string) string {
	sum := sha256.Sum256([]byte(targetPath))
	base := path.Base(targetPath)
	return base[:min(len(base), 100)] + "-" + hex.EncodeToString(sum[:6])
}

// keepsSnapshots reports whether a site's file system does.
func (s *Sites) keepsSnapshots(site string) bool { return s.cfg.Sites[site].HasSnapshots() }

// probeStore says that a worker reaches a place without snapshots.
func (a *Mirror) probeStore(ctx context.Context, in TreeAt) (ProbeSiteResult, error) {
	s, err := a.sites.fileSystem(in.Site)
	if err != nil {
		return ProbeSiteResult{}, err
	}
	at, err := a.sites.cfg.LedgerOf(in.Site)
	if err != nil {
		return ProbeSiteResult{}, err
	}
	if _, err := s.store.Stat(ctx, at.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ProbeSiteResult{Problem: err.Error()}, nil //nolint:nilerr // preflight reports it
	}
	return ProbeSiteResult{}, nil
}

func ledgerOptions(in LedgerInput, p *pulse) ledger.Options {
	count := p.counter("copy", "files")
	return ledger.Options{Parallel: in.Parallel, BytesPerSecond: in.BytesPerSecond, Done: func(ledger.Record) { count(1) }}
}

// CopyLedgerBaseline brings everything of a snapshot and commits the ledger's
// first generation. Run again after a crash it goes on where it was.
func (a *Mirror) CopyLedgerBaseline(ctx context.Context, in LedgerInput) (MirrorCopied, error) {
	p := beat(ctx)
	defer p.end()
	m, err := a.ledger(in.MirrorAt)
	if err != nil {
		return MirrorCopied{}, err
	}
	g, err := ledger.Baseline(ctx, m.target, m.ledger, ledger.Snapshot(m.source, in.Snapshot), in.Snapshot, ledgerOptions(in, p))
	return MirrorCopied{Files: g.Totals.Files, Copied: g.Totals.Files, Bytes: g.Totals.Bytes}, err
}

// ApplyLedgerRound brings what changed between two snapshots of the source and
// commits the ledger's next generation.
func (a *Mirror) ApplyLedgerRound(ctx context.Context, in LedgerInput) (LedgerRoundResult, error) {
	p := beat(ctx)
	defer p.end()
	m, err := a.ledger(in.MirrorAt)
	if err != nil {
		return LedgerRoundResult{}, err
	}
	way, err := a.planChanges(ctx, in.MirrorAt, m.source, in.From, in.Snapshot)
	if err != nil {
		return LedgerRoundResult{}, err
	}
	planned := way.Plan()
	done, err := ledger.Apply(ctx, m.target, m.ledger, ledger.Snapshot(m.source, in.Snapshot), ledger.Round{From: in.From, To: in.Snapshot, Plan: planned}, ledgerOptions(in, p))
	if err != nil {
		return LedgerRoundResult{}, err
	}
	n := planned.Counts
	return LedgerRoundResult{
		Plan: MirrorRoundPlan{
			Created: int64(n.Created), Deleted: int64(n.Deleted), Renamed: int64(n.Renamed), Modified: int64(n.Modified),
			Operations: done.Copied + done.Removed, Copies: done.Brought, Bytes: done.Bytes,
		},
		Copied: MirrorCopied{Files: done.Brought + done.Copied, Copied: done.Brought, Adopted: done.Copied, Bytes: done.Bytes},
	}, nil
}

// FindLedgerDrift compares a listing of the target with the ledger.
func (a *Mirror) FindLedgerDrift(ctx context.Context, in LedgerInput) (DriftResult, error) {
	defer beat(ctx).end()
	m, err := a.ledger(in.MirrorAt)
	if err != nil {
		return DriftResult{}, err
	}
	g, err := m.ledger.Current(ctx)
	if err != nil {
		return DriftResult{}, err
	}
	if g.Snapshot != in.Snapshot {
		return DriftResult{}, fault.As(fault.Conflict, fmt.Errorf("the ledger of %s at %s is at snapshot %q, not %q: another run mirrors there, or the ledger was removed", in.TargetPath, in.Target, g.Snapshot, in.Snapshot))
	}
	var out DriftResult
	err = ledger.Drift(ctx, m.target, m.ledger, g, func(d ledger.Drifted) error {
		if out.Changed++; len(out.First) < toldDifferences {
			out.First = append(out.First, d.String())
		}
		return nil
	})
	return out, err
}

// RestoreLedgerTarget brings the target back to the ledger's newest generation,
// from the source's snapshot of it. Without a generation it does nothing.
func (a *Mirror) RestoreLedgerTarget(ctx context.Context, in LedgerInput) (string, error) {
	p := beat(ctx)
	defer p.end()
	m, err := a.ledger(in.MirrorAt)
	if err != nil {
		return "", err
	}
	g, err := m.ledger.Current(ctx)
	if err != nil || g.Number == 0 {
		return "", err
	}
	n, err := ledger.Restore(ctx, m.target, m.ledger, ledger.Snapshot(m.source, g.Snapshot), g.Snapshot, ledgerOptions(in, p))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("brought %s at %s back to snapshot %s: %d entries had changed", in.TargetPath, in.Target, g.Snapshot, n), nil
}

// RemoveLedgerMirror deletes the tree that this run made, and its ledger; the
// preflight saw that there was neither.
func (a *Mirror) RemoveLedgerMirror(ctx context.Context, in LedgerInput) (string, error) {
	defer beat(ctx).end()
	m, err := a.ledger(in.MirrorAt)
	if err != nil {
		return "", err
	}
	if err := errors.Join(m.target.Store.RemoveAll(ctx, m.target.Root), m.ledger.Drop(ctx)); err != nil {
		return "", err
	}
	return fmt.Sprintf("deleted %s at %s and its ledger", in.TargetPath, in.Target), nil
}

// VerifyLedgerMirror compares the whole target with the source's snapshot, byte
// by byte where no checksum proves it. What no snapshot diff reports is brought,
// and everything is compared once more.
func (a *Mirror) VerifyLedgerMirror(ctx context.Context, in LedgerInput) (MirrorVerifyResult, error) {
	p := beat(ctx)
	defer p.end()
	m, err := a.ledger(in.MirrorAt)
	if err != nil {
		return MirrorVerifyResult{}, err
	}
	source := m.source.At(in.Snapshot)
	count, seen := p.counter("verify", "entries"), int64(0)
	o := verify.Options{Parallel: in.Parallel, Times: m.dresses, Max: toldDifferences, Progress: func(now verify.Progress) {
		count(now.Files + now.Dirs - seen)
		seen = now.Files + now.Dirs
	}}
	var differ []verify.Difference
	o.Found = func(d verify.Difference) {
		if len(differ) <= mendable {
			differ = append(differ, d)
		}
	}
	res, err := compared(verify.Stores(ctx, source.Store, source.Root, m.target.Store, m.target.Root, o))
	if err != nil || res.Verdict != report.Differ || !unreported(differ) {
		return verified(res), err
	}
	var paths []string
	for _, d := range differ {
		paths = append(paths, d.Path)
	}
	slices.Sort(paths)
	if _, err := ledger.Mend(ctx, m.target, m.ledger, ledger.Snapshot(m.source, in.Snapshot), in.Snapshot, slices.Compact(paths), ledgerOptions(in, p)); err != nil {
		return MirrorVerifyResult{}, err
	}
	o.Found, seen = nil, 0
	res, err = compared(verify.Stores(ctx, source.Store, source.Root, m.target.Store, m.target.Root, o))
	return verified(res), err
}

// PruneSourceSnapshots deletes at the source what the policy lets go.
func (a *Mirror) PruneSourceSnapshots(ctx context.Context, in RetentionInput) (RetentionResult, error) {
	defer beat(ctx).end()
	source, err := a.tree(TreeAt{Site: in.Source, Path: in.SourcePath})
	if err != nil {
		return RetentionResult{}, err
	}
	policy := retention.Policy{Keep: in.Keep, MaxAge: in.MaxAge, Protected: in.Protected, LastCommon: in.LastCommon, Prefix: in.Prefix}
	var out RetentionResult
	err = pruneSide(ctx, in.Source, source, policy, &out)
	return out, err
}

package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"drover/internal/fault"
	"drover/internal/hbase"
)

// PauseSplitMerge switches splits and merges of a cluster off and waits for
// those of the given tables that run: a split during the fence makes the fence
// wait, and a fence that waits is a longer freeze.
func (a *HBase) PauseSplitMerge(ctx context.Context, in SplitMergeInput) (string, error) {
	defer beat(ctx).end()
	s, err := a.sites.get(in.Site)
	if err != nil {
		return "", err
	}
	tables, err := tableNames(in.Tables)
	if err != nil {
		return "", err
	}
	if err := s.cluster.SetSplitMerge(ctx, false, false); err != nil {
		return "", err
	}
	for _, t := range tables {
		if err := s.cluster.AwaitNoSplits(ctx, t); err != nil {
			return "", err
		}
	}
	return "", nil
}

// RestoreSplitMerge puts both switches back as they were found.
func (a *HBase) RestoreSplitMerge(ctx context.Context, in SplitMergeInput) (string, error) {
	defer beat(ctx).end()
	s, err := a.sites.get(in.Site)
	if err != nil {
		return "", err
	}
	split, merge, err := s.cluster.SplitMergeEnabled(ctx)
	if err != nil || split == in.Split && merge == in.Merge {
		return "", err
	}
	if err := s.cluster.SetSplitMerge(ctx, in.Split, in.Merge); err != nil {
		return "", err
	}
	return fmt.Sprintf("splits and merges at %s are %t and %t again", in.Site, in.Split, in.Merge), nil
}

// FenceTables sets READONLY on the tables, all at once. When it returns no
// region acknowledges a write any more; reads go on. Bulk loads are not
// stopped by READONLY: the drain and delta proofs find them.
func (a *HBase) FenceTables(ctx context.Context, in FenceInput) (FenceResult, error) {
	defer beat(ctx).end()
	called := time.Now()
	if err := a.setReadOnly(ctx, in); err != nil {
		return FenceResult{}, err
	}
	return FenceResult{Called: called, Held: time.Now()}, nil
}

// LiftFence accepts writes again.
func (a *HBase) LiftFence(ctx context.Context, in FenceInput) (string, error) {
	defer beat(ctx).end()
	in.ReadOnly = false
	if err := a.setReadOnly(ctx, in); err != nil {
		return "", err
	}
	return "writes to " + strings.Join(in.Tables, ", ") + " at " + in.Site + " are accepted again", nil
}

func (a *HBase) setReadOnly(ctx context.Context, in FenceInput) error {
	s, err := a.sites.get(in.Site)
	if err != nil {
		return err
	}
	tables, err := tableNames(in.Tables)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, t := range tables {
		g.Go(func() error {
			_, err := s.cluster.EnsureReadOnly(ctx, t, in.ReadOnly, hbase.NonceFor(in.Key+"/"+t.String()))
			return err
		})
	}
	return g.Wait()
}

// OpenTarget checks that every table at the target is enabled and writable:
// from the moment it returns clients may write there.
func (a *HBase) OpenTarget(ctx context.Context, in OpenTargetInput) (OpenTargetResult, error) {
	defer beat(ctx).end()
	s, err := a.sites.get(in.Site)
	if err != nil {
		return OpenTargetResult{}, err
	}
	tables, err := tableNames(in.Tables)
	if err != nil {
		return OpenTargetResult{}, err
	}
	for _, t := range tables {
		state, err := s.cluster.TableState(ctx, t)
		if err != nil {
			return OpenTargetResult{}, err
		}
		table, err := s.cluster.Table(ctx, t)
		if err != nil {
			return OpenTargetResult{}, err
		}
		if state != hbase.TableEnabled || table.ReadOnly() {
			return OpenTargetResult{}, fault.As(fault.Unavailable, fmt.Errorf("table %s at %s does not take writes (state %v, READONLY %t): enable it", t, in.Site, state, table.ReadOnly()))
		}
	}
	return OpenTargetResult{Opened: time.Now()}, nil
}

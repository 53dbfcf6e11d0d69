package activities

import (
	"cmp"
	"context"
	"time"

	"drover/internal/hbase/compare"
)

// compareInFull is the size in bytes up to which a table is simply compared
// again, unless the run says another: that takes about a second, and rests on
// nothing but what is read then.
const compareInFull = 256 << 20

// ProveDelta proves, under the fence, that a table which VerifyTable found
// equal is equal still. Small tables, and those of which a base snapshot is
// missing, are compared in full; of others only what changed since the base.
func (a *HBase) ProveDelta(ctx context.Context, in DeltaInput) (DeltaResult, error) {
	defer beat(ctx).end()
	job, err := a.deltaJob(in)
	if err != nil {
		return DeltaResult{}, err
	}
	began := time.Now()
	out := DeltaResult{Table: in.Table}
	if in.Bytes <= cmp.Or(in.FullBelow, compareInFull) || in.SourceBase == "" || in.TargetBase == "" {
		res, err := compare.Tables(ctx, job.Source, job.Target, compare.Options{Parallel: in.Parallel, MaxDifferences: toldDifferences})
		if err != nil {
			return DeltaResult{}, err
		}
		out.Method, out.Verdict, out.RowsCompared = "full", string(res.Verdict), res.Rows
		out.Regions, out.RegionsFull = res.Ranges, res.Ranges
		out.Differing, out.Differences = res.Differing, told(res.Differences)
	} else {
		res, err := compare.Delta(ctx, job)
		if err != nil {
			return DeltaResult{}, err
		}
		full := res.Ranges.Rewritten + res.Ranges.Small + res.Ranges.Dense
		out.Method, out.Verdict, out.RowsCompared = "delta", string(res.Verdict), res.Rows
		out.Regions, out.RegionsFull = full+res.Ranges.ByRow+res.Ranges.Unchanged, full
		out.NewFiles = res.NewFiles.Source + res.NewFiles.Target
		out.Differing, out.Differences = res.Differing, told(res.Differences)
		for _, s := range res.Steps {
			out.Parts = append(out.Parts, ProofPart{Name: s.Name, Millis: s.Duration.Milliseconds()})
		}
	}
	out.Millis = time.Since(began).Milliseconds()
	return out, nil
}

// DropDelta removes the temporary tables and snapshots of a delta proof, also
// of one whose worker died.
func (a *HBase) DropDelta(ctx context.Context, in DeltaInput) (string, error) {
	defer beat(ctx).end()
	job, err := a.deltaJob(in)
	if err != nil {
		return "", err
	}
	return "", compare.CleanDelta(ctx, job)
}

func (a *HBase) deltaJob(in DeltaInput) (compare.DeltaJob, error) {
	source, target, err := a.sites.pair(in.Pair)
	if err != nil {
		return compare.DeltaJob{}, err
	}
	names, err := tableNames([]string{in.Table})
	if err != nil {
		return compare.DeltaJob{}, err
	}
	return compare.DeltaJob{
		Source:      compare.Side{Cluster: source.cluster, Table: names[0]},
		Target:      compare.Side{Cluster: target.cluster, Table: names[0]},
		SourceStore: source.store, TargetStore: target.store, SourceBase: in.SourceBase, TargetBase: in.TargetBase,
		RunKey: in.RunKey, KeepTemporary: true, Parallel: in.Parallel, MaxDifferences: toldDifferences,
	}, nil
}

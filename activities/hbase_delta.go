package activities

import (
	"context"

	"drover/internal/hbase/compare"
)

// ProveDelta proves, under the fence, that a table which was compared equal is
// still equal.
func (a *HBase) ProveDelta(ctx context.Context, in DeltaInput) (DeltaResult, error) {
	p := beat(ctx)
	defer p.end()
	source, target, err := a.sites.pair(in.Pair)
	if err != nil {
		return DeltaResult{}, err
	}
	names, err := tableNames([]string{in.Table})
	if err != nil {
		return DeltaResult{}, err
	}
	res, err := compare.Tables(ctx, compare.Side{Cluster: source.cluster, Table: names[0]}, compare.Side{Cluster: target.cluster, Table: names[0]},
		compare.Options{Parallel: in.Parallel, MaxDifferences: toldDifferences})
	if err != nil {
		return DeltaResult{}, err
	}
	return DeltaResult{Table: in.Table, Verdict: string(res.Verdict), RowsCompared: res.Rows, RegionsFull: res.Ranges, Regions: res.Ranges, Differences: told(res.Differences), Differing: res.Differing}, nil
}

// DropDelta removes what the delta proof made.
func (a *HBase) DropDelta(ctx context.Context, in BaseInput) (string, error) {
	return "", nil
}

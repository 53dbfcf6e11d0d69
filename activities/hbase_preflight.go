package activities

import (
	"context"

	"drover/internal/hbase/check"
	"drover/internal/preflight"
)

// PreflightHBase looks at both clusters and changes nothing: all findings at
// once, and the state that abort returns to. `drover plan` calls it too.
func (a *HBase) PreflightHBase(ctx context.Context, in PreflightInput) (PreflightResult, error) {
	defer beat(ctx).end()
	source, target, err := a.sites.pair(in.Pair)
	if err != nil {
		return PreflightResult{}, err
	}
	tables, err := tableNames(in.Tables)
	if err != nil {
		return PreflightResult{}, err
	}
	facts, err := check.Gather(ctx, check.Request{
		Source: source.side(), Target: target.side(), Tables: tables, PeerID: in.PeerID, RunKey: in.RunKey,
	})
	if err != nil {
		return PreflightResult{}, err
	}
	out := PreflightResult{Findings: check.Judge(facts)}
	if len(preflight.Blocking(out.Findings)) == 0 || facts.Source.Unreachable["hbase"] == "" {
		out.Baseline, err = baseline(ctx, source, facts)
	}
	return out, err
}

func (s *site) side() check.Side {
	return check.Side{
		Site: s.name, Cluster: s.cluster, Store: s.store, Usage: s.store.Usage, Root: s.root,
		NameNode: s.nameNode, ByName: s.byName,
	}
}

func baseline(ctx context.Context, source *site, facts check.Facts) (Baseline, error) {
	b := Baseline{SourceVersion: facts.Source.Version, TargetVersion: facts.Target.Version}
	var err error
	if b.SplitEnabled, b.MergeEnabled, err = source.cluster.SplitMergeEnabled(ctx); err != nil {
		return b, err
	}
	for _, t := range facts.Tables {
		tb := TableBaseline{Table: t.Name.String(), Scopes: map[string]int{}, ReadOnly: t.ReadOnly, Regions: t.Regions, NamespaceAbsent: !t.TargetNamespace}
		for _, f := range t.Families {
			tb.Scopes[f.Name] = f.Scope
		}
		b.Tables = append(b.Tables, tb)
	}
	return b, nil
}

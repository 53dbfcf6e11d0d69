package activities

import (
	"context"
	"fmt"
	"strings"

	"drover/internal/fault"
	"drover/internal/hbase"
)

// HBase holds the activities on HBase clusters. Its methods are registered
// under their own names, which are unique across all structs and never change.
type HBase struct{ sites *Sites }

// NewHBase makes the activities over the sites of a worker's configuration.
func NewHBase(sites *Sites) *HBase { return &HBase{sites: sites} }

// SnapshotName names a snapshot of a run: everything a run makes carries its
// key, so that a later attempt adopts it and a later run recognises it.
func SnapshotName(runKey, table, purpose string) string {
	return fmt.Sprintf("drover-%s-%s-%s", runKey, strings.ReplaceAll(table, ":", "."), purpose)
}

// ProbeSite answers that a worker serves the site's queue, and whether it
// reaches the cluster; preflight says more about what it does not reach.
func (a *HBase) ProbeSite(ctx context.Context, in ProbeSiteInput) (ProbeSiteResult, error) {
	defer beat(ctx).end()
	s, err := a.sites.get(in.Site)
	if err != nil {
		return ProbeSiteResult{}, err
	}
	status, err := s.cluster.Status(ctx)
	if err != nil {
		return ProbeSiteResult{Problem: err.Error()}, nil
	}
	return ProbeSiteResult{Version: status.Version}, nil
}

// table opens a site and parses a table name.
func (a *HBase) table(at TableAt) (*site, hbase.TableName, error) {
	s, err := a.sites.get(at.Site)
	if err != nil {
		return nil, hbase.TableName{}, err
	}
	t, err := hbase.ParseTableName(at.Table)
	return s, t, fault.As(fault.InvalidInput, err)
}

func tableNames(names []string) ([]hbase.TableName, error) {
	out := make([]hbase.TableName, len(names))
	for i, n := range names {
		t, err := hbase.ParseTableName(n)
		if err != nil {
			return nil, fault.As(fault.InvalidInput, err)
		}
		out[i] = t
	}
	return out, nil
}

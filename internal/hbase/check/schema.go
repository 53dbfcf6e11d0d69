package check

import (
	"context"
	"errors"
	"slices"
	"strings"

	"drover/internal/hbase"
	"drover/internal/hbase/hbasepb"
)

// sanityChecks is the key under which a table or cluster turns off what its
// master checks in a schema (TableDescriptorChecker.TABLE_SANITY_CHECKS).
const sanityChecks = "hbase.table.sanity.checks"

// askSchema lets the target's master judge the source's schema without
// creating anything: a create request under the name of a table that exists
// passes the master's TableDescriptorChecker (codecs, coprocessors, policies,
// encryption are loaded there) before it fails with TableExistsException.
func askSchema(ctx context.Context, target *hbase.Cluster, schema *hbase.Table, t *TableFacts) error {
	taken, err := anyTable(ctx, target)
	if err != nil {
		return err
	}
	if taken == (hbase.TableName{}) {
		t.SchemaUnseen = "it has no table whose name could be borrowed for the question"
		return nil
	}
	// A table may carry the switch that turns these checks off.
	probe := schema.WithAttribute(sanityChecks, "true")
	probe.Schema.TableName = taken.Proto()
	probe.Schema.Configuration = slices.DeleteFunc(probe.Schema.Configuration, func(p *hbasepb.NameStringPair) bool { return p.GetName() == sanityChecks })
	err = target.CreateTable(ctx, probe, nil, 0)
	var remote *hbase.RemoteError
	switch {
	case errors.Is(err, hbase.ErrTableExists):
	case errors.As(err, &remote):
		msg, _, _ := strings.Cut(remote.Message, " Set hbase.table.sanity.checks")
		t.SchemaErrors = append(t.SchemaErrors, msg)
	case err == nil:
		t.SchemaUnseen = "the master took the question for a request; look at table " + taken.String()
	default:
		return err
	}
	return nil
}

// anyTable gives a table that certainly exists: hbase:namespace on 2.x, else
// one of the users'.
func anyTable(ctx context.Context, c *hbase.Cluster) (hbase.TableName, error) {
	system := hbase.TableName{Namespace: "hbase", Qualifier: "namespace"}
	_, err := c.TableState(ctx, system)
	if err == nil {
		return system, nil
	}
	if !errors.Is(err, hbase.ErrTableNotFound) {
		return hbase.TableName{}, err
	}
	names, err := c.TableNames(ctx)
	if err != nil || len(names) == 0 {
		return hbase.TableName{}, err
	}
	return names[0], nil
}

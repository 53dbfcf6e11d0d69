package bench

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"drover/internal/hbase"
	"drover/internal/hbase/compare"
	"drover/internal/hbase/scan"
)

// The names under which the program compares two tables once, and scans them
// once without comparing. Arguments: quorum, znode parent and root directory of
// source and target, table.
const (
	VerifyChild = "verify-once"
	ScanChild   = "scan-once"
)

// HBaseOnce runs ExportChild, VerifyChild or ScanChild.
func HBaseOnce(ctx context.Context, name string, args []string) error {
	if name == ExportChild {
		return exportOnce(ctx, args)
	}
	return verifyOnce(ctx, name, args)
}

func verifyOnce(ctx context.Context, name string, args []string) error {
	if len(args) != 7 {
		return fmt.Errorf("%s: got %d arguments, want quorum, parent and root of both sides, and a table", name, len(args))
	}
	table, err := hbase.ParseTableName(args[6])
	if err != nil {
		return err
	}
	var sides [2]compare.Side
	for i := range sides {
		c, err := hbase.Open(hbase.Config{Quorum: args[3*i], ZNodeParent: args[3*i+1], RootDir: args[3*i+2]})
		if err != nil {
			return err
		}
		defer c.Close() //nolint:errcheck // the process ends
		sides[i] = compare.Side{Cluster: c, Table: table}
	}
	if name == ScanChild {
		return scanOnce(ctx, sides[0], sides[1])
	}
	return compareOnce(ctx, sides[0], sides[1])
}

// scanOnce reads what compareOnce reads, in the same ranges and as many at a
// time, and does nothing with it.
func scanOnce(ctx context.Context, source, target compare.Side) error {
	ranges, err := compare.Plan(ctx, source, target)
	if err != nil {
		return err
	}
	tables := []*scan.Table{scan.Cluster(source.Cluster, source.Table), scan.Cluster(target.Cluster, target.Table)}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, r := range ranges {
		g.Go(func() error {
			var both errgroup.Group
			for _, t := range tables {
				both.Go(func() error { return drain(t.Scan(gctx, scan.Spec{Start: r.Start, Stop: r.Stop})) })
			}
			return both.Wait()
		})
	}
	return g.Wait()
}

func drain(s *scan.Scanner) error {
	defer s.Close()
	for {
		c, err := s.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		c.Release()
	}
}

package compare

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"drover/internal/hbase"
)

// Plan cuts the key space at the region borders of both sides. The ranges cover
// every possible key, from before the first row to after the last, so that rows
// which only one side has are seen wherever they are.
func Plan(ctx context.Context, source, target Side) ([]KeyRange, error) {
	var regions [2][]hbase.Region
	g, gctx := errgroup.WithContext(ctx)
	for i, s := range []Side{source, target} {
		g.Go(func() (err error) {
			regions[i], err = s.Cluster.ServingRegions(gctx, s.Table)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("plan comparison of %s: %w", source.Table, err)
	}
	return cutAt(append(borders(regions[0]), borders(regions[1])...)), nil
}

func borders(regions []hbase.Region) [][]byte {
	var out [][]byte
	for _, r := range regions {
		out = append(out, r.Start, r.End)
	}
	return out
}

// cutAt gives the ranges between the borders. An empty border is no cut: as a
// start and as an end it means the end of the key space.
func cutAt(borders [][]byte) []KeyRange {
	slices.SortFunc(borders, bytes.Compare)
	ranges := []KeyRange{{}}
	for _, b := range borders {
		last := &ranges[len(ranges)-1]
		if bytes.Equal(b, last.Start) {
			continue
		}
		last.Stop = b
		ranges = append(ranges, KeyRange{Start: b})
	}
	return ranges
}

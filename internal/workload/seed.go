package workload

import (
	"context"
	"crypto/rand"
	"fmt"
	mrand "math/rand/v2"
	"strconv"

	"golang.org/x/sync/errgroup"

	"drover/internal/hbase"
	"drover/internal/hbase/rows"
)

const (
	seedBatch   = 200
	seedWorkers = 4
)

// Seed creates the table of spec, which must not exist, and fills it: the
// versions of every cell go to different files (one flush between them), the
// deletes to the last. It returns when everything is in files and the split,
// if any, has ended.
func Seed(ctx context.Context, cluster *hbase.Cluster, client *rows.Client, spec Spec) (Stats, error) {
	spec = spec.withDefaults()
	if err := spec.validate(); err != nil {
		return Stats{}, err
	}
	attrs := map[string]string{"VERSIONS": strconv.Itoa(spec.Versions)}
	for k, v := range spec.Attributes {
		attrs[k] = v
	}
	table := hbase.NewTable(spec.Table, spec.Families, attrs).WithAttribute("COMPACTION_ENABLED", "false")
	if err := cluster.CreateTable(ctx, table, spec.splits(), hbase.NonceFor(rand.Text())); err != nil {
		return Stats{}, err
	}
	stats := Stats{Rows: spec.Rows, Deletes: spec.Deletes}
	for v := range spec.Versions {
		cells, err := spec.load(ctx, client, spec.Rows, func(i int) rows.Mutation { return spec.version(i, v) })
		if err != nil {
			return stats, err
		}
		stats.Cells += cells
		stats.Bytes += int64(cells) * int64(spec.ValueSize)
		if err := cluster.FlushTable(ctx, spec.Table); err != nil {
			return stats, err
		}
	}
	if spec.Deletes > 0 {
		if _, err := spec.load(ctx, client, spec.Deletes, spec.deletion); err != nil {
			return stats, err
		}
		if err := cluster.FlushTable(ctx, spec.Table); err != nil {
			return stats, err
		}
	}
	if spec.SplitAfterLoad {
		if err := splitFirst(ctx, cluster, spec); err != nil {
			return stats, err
		}
	}
	return stats, stats.countRegions(ctx, cluster, spec.Table)
}

// load writes n mutations in batches, several at a time, and counts the cells.
func (s Spec) load(ctx context.Context, client *rows.Client, n int, at func(i int) rows.Mutation) (int, error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(seedWorkers)
	cells := 0
	for first := 0; first < n; first += seedBatch {
		batch := make([]rows.Mutation, 0, seedBatch)
		for i := first; i < min(first+seedBatch, n); i++ {
			m := at(i)
			cells += len(m.Cells)
			batch = append(batch, m)
		}
		g.Go(func() error { return client.Put(ctx, s.Table.String(), batch) })
	}
	if err := g.Wait(); err != nil {
		return 0, fmt.Errorf("seed table %s: %w", s.Table, err)
	}
	return cells, nil
}

// version gives version v of row i: one column in every family, and a second
// one in the first family of every third row.
func (s Spec) version(i, v int) rows.Mutation {
	m := rows.Mutation{Row: seedRow(i)}
	for f, family := range s.Families {
		m.Cells = append(m.Cells, s.cell(family, "c1", i, f, v))
		if f == 0 && i%3 == 0 {
			m.Cells = append(m.Cells, s.cell(family, "c2", i, len(s.Families), v))
		}
	}
	return m
}

func (s Spec) cell(family, qualifier string, row, column, v int) rows.Cell {
	value := make([]byte, s.ValueSize)
	src := mrand.New(mrand.NewPCG(uint64(s.Seed), uint64(row)<<16|uint64(column)<<8|uint64(v)))
	for i := range value {
		value[i] = byte(src.Uint32())
	}
	return rows.Cell{Family: family, Qualifier: qualifier, Timestamp: versionTime(v), Value: value}
}

func versionTime(v int) uint64 { return seedTime + uint64(v)*1000 }

// deletion gives the i-th delete, the four kinds in turn. All leave traces
// that only their markers explain: the cells stay in older files.
func (s Spec) deletion(i int) rows.Mutation {
	last := versionTime(s.Versions - 1)
	family := s.Families[i%len(s.Families)]
	cell := rows.Cell{Family: family, Qualifier: "c1", Timestamp: last}
	switch i % 4 {
	case 0:
		cell.Delete = rows.DeleteVersion
	case 1:
		cell.Delete = rows.DeleteColumn
	case 2:
		cell.Delete, cell.Qualifier = rows.DeleteFamily, ""
	case 3:
		cell.Delete, cell.Qualifier = rows.DeleteFamilyVersion, ""
	}
	return rows.Mutation{Row: seedRow(i), Cells: []rows.Cell{cell}}
}

func splitFirst(ctx context.Context, cluster *hbase.Cluster, spec Spec) error {
	regions, err := cluster.ServingRegions(ctx, spec.Table)
	if err != nil {
		return err
	}
	return cluster.SplitRegion(ctx, regions[0], spec.splitAt(), hbase.NonceFor(rand.Text()))
}

func (s *Stats) countRegions(ctx context.Context, cluster *hbase.Cluster, t hbase.TableName) error {
	regions, err := cluster.Regions(ctx, t)
	for _, r := range regions {
		if r.Serving() {
			s.Regions++
			continue
		}
		s.Parents++
	}
	return err
}

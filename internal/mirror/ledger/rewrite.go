package ledger

import (
	"context"
	"slices"

	"drover/internal/mirror/tree"
)

// edit is how the records of one generation become those of the next.
type edit struct {
	removed map[string]bool // paths of records that go
	put     []Record        // new ones, and those that replace one of the same path
}

// rewrite returns the generation after g. Shards that nothing changes in are
// taken over as they are, so the cost is that of the change. Nothing is
// committed.
func (l *Ledger) rewrite(ctx context.Context, g Generation, snapshot string, e edit) (Generation, error) {
	next := Generation{Number: g.Number + 1, Snapshot: snapshot, Totals: g.Totals}
	slices.SortFunc(e.put, func(a, b Record) int { return ComparePaths(a.Path, b.Path) })
	gone := make([]string, 0, len(e.removed))
	for path := range e.removed {
		gone = append(gone, path)
	}
	slices.SortFunc(gone, ComparePaths)
	put := e.put
	for i, s := range g.Shards {
		n, m := len(put), len(gone) // what falls into this shard
		if i+1 < len(g.Shards) {
			n = countBelow(put, g.Shards[i+1].First, func(r Record) string { return r.Path })
			m = countBelow(gone, g.Shards[i+1].First, func(p string) string { return p })
		}
		if n == 0 && m == 0 {
			next.Shards = append(next.Shards, s)
			continue
		}
		merged, err := l.merge(ctx, g, i, e.removed, put[:n], &next.Totals)
		if err != nil {
			return Generation{}, err
		}
		if err := l.append(ctx, &next, merged); err != nil {
			return Generation{}, err
		}
		put, gone = put[n:], gone[m:]
	}
	for _, r := range put {
		count(&next.Totals, r, 1)
	}
	return next, l.append(ctx, &next, put)
}

// countBelow returns how many of the sorted items lie before path.
func countBelow[T any](items []T, path string, of func(T) string) int {
	n, _ := slices.BinarySearchFunc(items, path, func(item T, path string) int { return ComparePaths(of(item), path) })
	return n
}

// merge reads a shard's records without what goes and with what is put.
func (l *Ledger) merge(ctx context.Context, g Generation, i int, removed map[string]bool, put []Record, totals *tree.Totals) ([]Record, error) {
	merged := make([]Record, 0, len(put)+shardRecords)
	for _, r := range put {
		count(totals, r, 1)
	}
	next := put
	err := l.each(ctx, g, i, i+1, func(r Record) error {
		for len(next) > 0 && ComparePaths(next[0].Path, r.Path) < 0 {
			merged, next = append(merged, next[0]), next[1:]
		}
		if removed[r.Path] || len(next) > 0 && next[0].Path == r.Path {
			count(totals, r, -1)
			return nil
		}
		merged = append(merged, r)
		return nil
	})
	return append(merged, next...), err
}

// append writes records as shards behind those of g.
func (l *Ledger) append(ctx context.Context, g *Generation, records []Record) error {
	for len(records) > 0 {
		n := min(len(records), shardRecords)
		if rest := len(records) - n; rest > 0 && rest < shardRecords/2 {
			n = len(records) / 2 // two halves rather than a shard of a few
		}
		s, err := l.writeShard(ctx, records[:n])
		if err != nil {
			return err
		}
		g.Shards = append(g.Shards, s)
		records = records[n:]
	}
	return nil
}

func count(t *tree.Totals, r Record, sign int64) {
	if r.IsDir() {
		t.Dirs += sign
		return
	}
	t.Files += sign
	t.Bytes += sign * r.Size
}

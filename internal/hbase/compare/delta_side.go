package compare

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"drover/internal/hbase"
	"drover/internal/hbase/hbasepb"
	"drover/internal/hbase/scan"
	"drover/internal/hbase/snapshot"
	"drover/internal/storage"
)

// deltaSide is one of the two tables in a proof.
type deltaSide struct {
	Side
	store     storage.Store
	root      string
	base      string
	temporary string // name of snapshots and tables of this job

	now   *snapshot.Manifest // the files open at the proof
	delta snapshot.Delta
	// undecidable says why file lists prove nothing here; empty when they do.
	undecidable string
	// rows are the rows that new files name, by stretch.
	rows map[int][][]byte
}

// The names of what a proof makes on a cluster.
func (s *deltaSide) newSnapshot() string { return s.temporary + "-new" }

func (s *deltaSide) clonedTable() hbase.TableName {
	return hbase.TableName{Namespace: s.Table.Namespace, Qualifier: s.temporary}
}

// look asks which files are open now and compares them with the base's. Their
// names are enough, and region servers tell those at once, where a snapshot to
// read them from takes seconds that writers wait.
//
// A file that is compacted away after that stays in the archive for minutes: long
// enough to be cloned from, or the restore of the temporary table fails.
func (s *deltaSide) look(ctx context.Context) error {
	table, err := s.Cluster.Table(ctx, s.Table)
	if err != nil {
		return err
	}
	base, err := snapshot.Read(ctx, s.store, s.root, s.base)
	if err != nil {
		return err
	}
	if got := base.Description.GetTable(); got != s.Table.String() {
		return fmt.Errorf("base snapshot %s is of table %s, not of %s", s.base, got, s.Table)
	}
	open, err := s.Cluster.OpenFiles(ctx, s.Table)
	if err != nil {
		return err
	}
	if s.now, err = snapshot.Live(base, table.Schema, open); err != nil {
		return err
	}
	if s.delta, err = snapshot.Diff(base, s.now); err != nil {
		return err
	}
	s.undecidable = undecidable(base.Schema, s.now.Schema)
	return s.weigh(ctx, base)
}

func (s *deltaSide) newFiles() int {
	n := 0
	for _, r := range s.delta.Regions {
		n += len(r.New)
	}
	return n
}

// undecidable says why the file lists of a table prove nothing: the schema
// changed what is visible of the same files, or a family's files cannot be read
// through a plain table.
func undecidable(base, now *hbasepb.TableSchema) string {
	was, is := families(base), families(now)
	for name, f := range is {
		if f.MOB || was[name].MOB {
			return "family " + name + " holds MOBs"
		}
		if f.Encryption != "" {
			return "family " + name + " is encrypted"
		}
		before, ok := was[name]
		if !ok || !maps.Equal(visible(before), visible(f)) {
			return "family " + name + " was changed"
		}
		delete(was, name)
	}
	if len(was) > 0 {
		return "a family was removed"
	}
	return ""
}

func families(s *hbasepb.TableSchema) map[string]hbase.Family {
	out := map[string]hbase.Family{}
	for _, f := range (&hbase.Table{Schema: s}).Families() {
		out[f.Name] = f
	}
	return out
}

// visible gives the attributes that decide what a reader sees of a file.
func visible(f hbase.Family) map[string]string {
	out := map[string]string{}
	for _, key := range []string{"VERSIONS", "MIN_VERSIONS", "TTL", "KEEP_DELETED_CELLS", "NEW_VERSION_BEHAVIOR"} {
		out[key] = f.Attributes[key]
	}
	return out
}

// clone makes a temporary table of nothing but the new files of the regions
// that need it. Its region servers do the reading, whatever the encoding.
func (s *deltaSide) clone(ctx context.Context, cuts []*stretch) error {
	part := s.wanted(cuts)
	if len(part.Regions) == 0 {
		return nil
	}
	raw := *s.now
	raw.Schema = rawSchema(s.now.Schema)
	if err := snapshot.WriteDelta(ctx, s.store, s.root, &raw, part, s.newSnapshot()); err != nil {
		return err
	}
	return s.Cluster.RestoreSnapshot(ctx, s.newSnapshot(), s.clonedTable(), freshNonce())
}

// wanted cuts the delta down to the regions whose rows have to be found. The
// temporary table then has gaps between its regions, which nobody reads.
func (s *deltaSide) wanted(cuts []*stretch) snapshot.Delta {
	var part snapshot.Delta
	for _, r := range s.delta.Regions {
		if len(r.New) > 0 && len(s.stretchesOf(r, cuts)) > 0 {
			part.Regions = append(part.Regions, r)
		}
	}
	return part
}

// stretchesOf gives those parts of a region that are proved row by row.
func (s *deltaSide) stretchesOf(r snapshot.RegionDelta, cuts []*stretch) []int {
	var out []int
	start, end := r.Region.Info.GetStartKey(), r.Region.Info.GetEndKey()
	i, _ := slices.BinarySearchFunc(cuts, start, func(c *stretch, key []byte) int { return bytes.Compare(c.Start, key) })
	for ; i < len(cuts) && (len(end) == 0 || bytes.Compare(cuts[i].Start, end) < 0); i++ {
		if cuts[i].how == byRow {
			out = append(out, i)
		}
	}
	return out
}

// rawSchema describes a table whose only purpose is to be read raw: every cell
// of its files shows, nobody writes, nothing is compacted, copied or replicated.
func rawSchema(of *hbasepb.TableSchema) *hbasepb.TableSchema {
	names := (&hbase.Table{Schema: of}).FamilyNames()
	t := hbase.NewTable(hbase.TableNameOf(of.GetTableName()), names, map[string]string{
		"VERSIONS": "2147483647", "TTL": "2147483647", "REPLICATION_SCOPE": "0", "BLOCKCACHE": "false",
	})
	for key, value := range map[string]string{
		"READONLY": "true", "COMPACTION_ENABLED": "false", "SPLIT_ENABLED": "false", "MERGE_ENABLED": "false",
	} {
		t = t.WithAttribute(key, value)
	}
	return t.Schema
}

// touched reads which rows the temporary table has: delete markers name a row
// as well as values do. Of a stretch that turns out dense only the first rows
// are kept, one more than is affordable.
func (s *deltaSide) touched(ctx context.Context, cuts []*stretch) error {
	s.rows = map[int][][]byte{}
	filter, err := scan.KeysOnly()
	if err != nil {
		return err
	}
	table := scan.Cluster(s.Cluster, s.clonedTable())
	for _, r := range s.wanted(cuts).Regions {
		for _, i := range s.stretchesOf(r, cuts) {
			// A row's key pins on the server what the filter cuts off, until the
			// answer is sent: bounded, for rows of a megabyte.
			spec := scan.Spec{Start: cuts[i].Start, Stop: cuts[i].Stop, Raw: true, Filter: filter, Rows: 500}
			if s.rows[i], err = rowKeys(ctx, table, spec, cuts[i].affordable()+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowKeys lists the rows a scan returns, at most so many.
func rowKeys(ctx context.Context, table *scan.Table, spec scan.Spec, most int) ([][]byte, error) {
	sc := table.Scan(ctx, spec)
	defer sc.Close()
	var rows [][]byte
	for {
		chunk, err := sc.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		for block := chunk.Block; len(block) > 0; {
			var cell scan.Cell
			if cell, block, err = scan.SplitCell(block); err != nil {
				return nil, err
			}
			if n := len(rows); n > 0 && bytes.Equal(rows[n-1], cell.Row()) {
				continue
			}
			if rows = append(rows, bytes.Clone(cell.Row())); len(rows) >= most {
				return rows, nil
			}
		}
	}
}

// clean removes this side's temporary table and snapshots. An attempt that was
// killed may have left the master still at work on the table.
func (s *deltaSide) clean(ctx context.Context) error {
	if err := s.Cluster.AwaitTableSettled(ctx, s.clonedTable()); err != nil {
		return err
	}
	err := s.Cluster.DropTable(ctx, s.clonedTable(), freshNonce())
	return errors.Join(err, s.Cluster.DeleteSnapshot(ctx, s.newSnapshot()))
}

func freshNonce() hbase.Nonce { return hbase.NonceFor(rand.Text()) }

//go:build cluster

package compare

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"drover/internal/config"
	"drover/internal/hbase"
	"drover/internal/hbase/export"
	"drover/internal/hbase/rows"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage/open"
)

// world is both clusters of the shared sandbox and names of this test's own.
type world struct {
	sandbox *sandbox.Sandbox
	a, b    site
	suffix  string
}

// site is one cluster with all that tests do to it.
type site struct {
	name    string
	cluster *hbase.Cluster
	rows    *rows.Client
	store   open.Store
	root    string
}

func newWorld(t *testing.T) (context.Context, *world) {
	t.Helper()
	s := sandboxtest.Shared(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	w := &world{sandbox: s, suffix: strings.ToLower(rand.Text()[:8])}
	w.a, w.b = openSite(t, s, "a"), openSite(t, s, "b")
	return ctx, w
}

func openSite(t *testing.T, s *sandbox.Sandbox, name string) site {
	t.Helper()
	at, err := s.Site(name)
	if err != nil {
		t.Fatal(err)
	}
	cfg := hbase.Config{Quorum: at.Quorum, ZNodeParent: at.ZNodeParent, RootDir: at.RootDir}
	c, err := hbase.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rows.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store, root, err := open.Root(at.RootDir, config.HDFS{NameNodes: []string{at.NameNode}, User: "hbase"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		if err := c.Close(); err != nil {
			t.Errorf("close cluster %s: %v", name, err)
		}
		if err := store.Close(); err != nil {
			t.Errorf("close store of %s: %v", name, err)
		}
	})
	return site{name: name, cluster: c, rows: r, store: store, root: root}
}

// table makes a table at the source and drops it, on both sides, with the test.
func (w *world) table(ctx context.Context, t *testing.T, families []string, splits ...string) hbase.TableName {
	t.Helper()
	name := hbase.TableName{Namespace: "default", Qualifier: "cmp_" + w.suffix}
	var keys [][]byte
	for _, s := range splits {
		keys = append(keys, []byte(s))
	}
	desc := hbase.NewTable(name, families, map[string]string{"VERSIONS": "5"})
	must(t, w.a.cluster.CreateTable(ctx, desc, keys, hbase.NonceFor("create "+name.String())))
	for _, s := range []site{w.a, w.b} {
		sandboxtest.Afterwards(t, fmt.Sprintf("drop %s at %s", name, s.name), func(ctx context.Context) error {
			return s.cluster.DropTable(ctx, name, hbase.NonceFor("drop "+s.name+name.String()))
		})
	}
	return name
}

// copyTable makes the target's table from a snapshot of the source's.
func (w *world) copyTable(ctx context.Context, t *testing.T, name hbase.TableName) {
	t.Helper()
	snap := "copy_" + name.Qualifier
	must(t, w.a.cluster.Snapshot(ctx, hbase.SnapshotSpec{Name: snap, Table: name, Nonce: hbase.NonceFor(snap)}))
	w.dropSnapshot(t, snap)
	_, err := export.Run(ctx, export.Job{Source: w.a.store, Target: w.b.store, SourceRoot: w.a.root, TargetRoot: w.b.root, Snapshot: snap})
	must(t, err)
	must(t, w.b.cluster.RestoreSnapshot(ctx, snap, name, hbase.NonceFor("restore "+snap)))
}

func (w *world) dropSnapshot(t *testing.T, snap string) {
	for _, s := range []site{w.a, w.b} {
		sandboxtest.Afterwards(t, fmt.Sprintf("delete snapshot %s at %s", snap, s.name), func(ctx context.Context) error {
			return s.cluster.DeleteSnapshot(ctx, snap)
		})
	}
}

func (w *world) sides(name hbase.TableName) (source, target Side) {
	return Side{Cluster: w.a.cluster, Table: name}, Side{Cluster: w.b.cluster, Table: name}
}

func (s site) put(ctx context.Context, t *testing.T, table hbase.TableName, row string, cells ...rows.Cell) {
	t.Helper()
	must(t, s.rows.Put(ctx, table.String(), []rows.Mutation{{Row: row, Cells: cells}}))
}

func cell(family, qualifier string, timestamp uint64, value string) rows.Cell {
	return rows.Cell{Family: family, Qualifier: qualifier, Timestamp: timestamp, Value: []byte(value)}
}

// fill writes n rows with three versions of one column and one of another.
func (w *world) fill(ctx context.Context, t *testing.T, table hbase.TableName, n int) {
	t.Helper()
	var batch []rows.Mutation
	for i := range n {
		m := rows.Mutation{Row: fmt.Sprintf("row%06d", i)}
		for v := range 3 {
			m.Cells = append(m.Cells, cell("f", "q", uint64(1000+v), fmt.Sprintf("value %d.%d", i, v)))
		}
		m.Cells = append(m.Cells, cell("g", "other", 2000, strings.Repeat("x", i%50)))
		batch = append(batch, m)
	}
	must(t, w.a.rows.Put(ctx, table.String(), batch))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

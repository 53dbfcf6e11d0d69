//go:build cluster

package hbase_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drover/internal/hbase"
	"drover/internal/hbase/rows"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
)

// fixture is both clusters of the shared sandbox and names of this test's own.
type fixture struct {
	a, b   *hbase.Cluster
	rowsA  *rows.Client
	rowsB  *rows.Client
	suffix string
}

func newFixture(t *testing.T) (context.Context, *fixture) {
	t.Helper()
	return fixtureOn(t, sandboxtest.Shared(t))
}

func fixtureOn(t *testing.T, s *sandbox.Sandbox) (context.Context, *fixture) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	f := &fixture{suffix: strings.ToLower(rand.Text()[:8])}
	open := func(name string) (*hbase.Cluster, *rows.Client) {
		site, err := s.Site(name)
		if err != nil {
			t.Fatal(err)
		}
		cfg := hbase.Config{Quorum: site.Quorum, ZNodeParent: site.ZNodeParent, RootDir: site.RootDir}
		c, err := hbase.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		r, err := rows.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			r.Close()
			if err := c.Close(); err != nil {
				t.Errorf("close cluster %s: %v", name, err)
			}
		})
		return c, r
	}
	f.a, f.rowsA = open("a")
	f.b, f.rowsB = open("b")
	return ctx, f
}

func (f *fixture) nonce(what string) hbase.Nonce { return hbase.NonceFor(f.suffix + "/" + what) }

// table creates a table of a unique name with 3 regions on c and drops it
// after the test.
func (f *fixture) table(ctx context.Context, t *testing.T, c *hbase.Cluster, name string) hbase.TableName {
	t.Helper()
	n := hbase.TableName{Namespace: "default", Qualifier: "c_" + name + "_" + f.suffix}
	f.dropLater(t, c, n)
	table := hbase.NewTable(n, []string{"f", "g"}, map[string]string{"VERSIONS": "5"})
	if err := c.CreateTable(ctx, table, [][]byte{[]byte("h"), []byte("p")}, f.nonce("create "+name)); err != nil {
		t.Fatal(err)
	}
	return n
}

func (f *fixture) dropLater(t *testing.T, c *hbase.Cluster, n hbase.TableName) {
	sandboxtest.Afterwards(t, "drop "+n.String(), func(ctx context.Context) error {
		return c.DropTable(ctx, n, hbase.NonceFor(rand.Text()))
	})
}

// fill writes n rows spread over the whole key space.
func fill(ctx context.Context, t *testing.T, r *rows.Client, table hbase.TableName, n int) {
	t.Helper()
	var ms []rows.Mutation
	for i := range n {
		ms = append(ms, rows.Mutation{
			Row:   fmt.Sprintf("%c%06d", 'a'+rune(i%26), i),
			Cells: []rows.Cell{{Family: "f", Qualifier: "q", Timestamp: uint64(1000 + i), Value: []byte("v")}},
		})
	}
	if err := r.Put(ctx, table.String(), ms); err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStatus(t *testing.T) {
	ctx, f := newFixture(t)
	s := must(f.a.Status(ctx))(t)
	if !strings.HasPrefix(s.Version, "2.") || s.Master.Port == 0 || len(s.Live) == 0 {
		t.Errorf("status %+v: want a version, a master and live servers", s)
	}
	if id := must(f.a.ClusterID(ctx))(t); id != s.ClusterID || id == "" {
		t.Errorf("cluster id %q from ZooKeeper, %q from the master", id, s.ClusterID)
	}
	if a, b := must(f.a.ClusterID(ctx))(t), must(f.b.ClusterID(ctx))(t); a == b {
		t.Errorf("both clusters have id %s", a)
	}
	live := must(f.a.LiveServers(ctx))(t)
	if len(live) != len(s.Live) || live[0] != s.Live[0].Name {
		t.Errorf("live servers %v, status %v", live, s.Live)
	}
	for _, p := range must(f.b.ServerPorts(ctx))(t) {
		if p.Err != nil {
			t.Errorf("%s %s: %v", p.Role, p.Addr, p.Err)
		}
	}
	if m := must(f.a.Master(ctx))(t); m != s.Master {
		t.Errorf("master %s, status %s", m, s.Master)
	}
}

func TestTables(t *testing.T) {
	ctx, f := newFixture(t)
	n := f.table(ctx, t, f.a, "tables")
	// The same nonce again is the same procedure, not a second table.
	check(t, f.a.CreateTable(ctx, hbase.NewTable(n, []string{"f", "g"}, map[string]string{"VERSIONS": "5"}), [][]byte{[]byte("h"), []byte("p")}, f.nonce("create tables")))
	if err := f.a.CreateTable(ctx, hbase.NewTable(n, []string{"x"}, nil), nil, f.nonce("other")); !errors.Is(err, hbase.ErrTableExists) {
		t.Errorf("create again: %v, want ErrTableExists", err)
	}
	table := must(f.a.Table(ctx, n))(t)
	t.Logf("schema: %v", table.Schema)
	if got := table.FamilyNames(); !slices.Equal(got, []string{"f", "g"}) {
		t.Errorf("families %v", got)
	}
	if got := table.Families()[0].Versions; got != 5 {
		t.Errorf("versions %d, want 5", got)
	}
	if !slices.Contains(must(f.a.TableNames(ctx))(t), n) {
		t.Errorf("table list lacks %s", n)
	}
	check(t, f.a.DisableTable(ctx, n, f.nonce("d1")))
	check(t, f.a.DisableTable(ctx, n, f.nonce("d2")))
	if s := must(f.a.TableState(ctx, n))(t); s != hbase.TableDisabled {
		t.Errorf("state %s", s)
	}
	check(t, f.a.EnableTable(ctx, n, f.nonce("e1")))
	check(t, f.a.EnableTable(ctx, n, f.nonce("e2")))
	none := hbase.TableName{Namespace: "default", Qualifier: "none_" + f.suffix}
	for what, err := range map[string]error{
		"table": second(f.a.Table(ctx, none)), "state": second(f.a.TableState(ctx, none)),
		"regions": second(f.a.Regions(ctx, none)), "disable": f.a.DisableTable(ctx, none, f.nonce("d3")),
		"enable": f.a.EnableTable(ctx, none, f.nonce("e3")),
	} {
		if !errors.Is(err, hbase.ErrTableNotFound) {
			t.Errorf("%s of an absent table: %v, want ErrTableNotFound", what, err)
		}
	}
	check(t, f.a.DeleteTable(ctx, none, f.nonce("del")))
}

func second[T any](_ T, err error) error { return err }

func TestEnsureComparesFirst(t *testing.T) {
	ctx, f := newFixture(t)
	n := f.table(ctx, t, f.a, "ensure")
	fill(ctx, t, f.rowsA, n, 100)
	before := must(f.a.Table(ctx, n))(t)
	was := must(f.a.EnsureScopes(ctx, n, hbase.AllScopes(1), f.nonce("scope")))(t)
	if was["f"] != 0 || was["g"] != 0 {
		t.Errorf("previous scopes %v, want 0", was)
	}
	began := time.Now()
	again := must(f.a.EnsureScopes(ctx, n, hbase.AllScopes(1), f.nonce("scope")))(t)
	t.Logf("second EnsureScopes took %s", time.Since(began))
	if again["f"] != 1 {
		t.Errorf("scopes after %v, want 1", again)
	}
	if ro := must(f.a.EnsureReadOnly(ctx, n, true, f.nonce("fence")))(t); ro {
		t.Error("table was read only before")
	}
	err := f.rowsA.Put(ctx, n.String(), []rows.Mutation{
		{Row: "a", Cells: []rows.Cell{{Family: "f", Qualifier: "q", Value: []byte("x")}}},
		{Row: "x", Cells: []rows.Cell{{Family: "f", Qualifier: "q", Delete: rows.DeleteColumn}}},
	})
	var be *rows.BatchError
	if !errors.Is(err, hbase.ErrReadOnly) || !errors.As(err, &be) || len(be.Rows) != 2 {
		t.Errorf("write to a fenced table: %v, want ErrReadOnly for both rows", err)
	}
	t.Logf("refusal reads: %v", err)
	if ro := must(f.a.EnsureReadOnly(ctx, n, false, f.nonce("fence")))(t); !ro {
		t.Error("table was not read only before")
	}
	must(f.a.EnsureScopes(ctx, n, hbase.ScopesOf(was), f.nonce("scope")))(t)
	after := must(f.a.Table(ctx, n))(t)
	if d := before.Diff(after); len(d) > 0 {
		t.Errorf("schema after undoing differs: %v", d)
	}
	if run := must(f.a.RunningProcedures(ctx, n))(t); len(run) > 0 {
		t.Errorf("procedures still run: %v", run)
	}
}

func TestRegions(t *testing.T) {
	ctx, f := newFixture(t)
	n := f.table(ctx, t, f.a, "regions")
	fill(ctx, t, f.rowsA, n, 500)
	regions := must(f.a.Regions(ctx, n))(t)
	if len(regions) != 3 || string(regions[1].Start) != "h" || string(regions[1].End) != "p" || regions[1].State != "OPEN" {
		t.Fatalf("regions %+v", regions)
	}
	// A table whose name continues this one's must not show up.
	place := must(f.rowsA.Locate(ctx, n.String(), "m"))(t)
	if place.Region != string(regions[1].Name) || place.Server != regions[1].Server {
		t.Errorf("row m is in %+v, hbase:meta says %s on %s", place, regions[1], regions[1].Server)
	}
	check(t, f.a.FlushTable(ctx, n))
	check(t, f.a.SplitRegion(ctx, regions[1], []byte("k"), f.nonce("split")))
	all := must(f.a.Regions(ctx, n))(t)
	serving := must(f.a.ServingRegions(ctx, n))(t)
	if len(serving) != 4 {
		t.Errorf("%d serving regions after the split, want 4: %v", len(serving), serving)
	}
	t.Logf("%d regions in hbase:meta, %d serving", len(all), len(serving))
	check(t, f.a.MajorCompact(ctx, n))
	for _, r := range serving {
		for _, file := range must(f.a.StoreFiles(ctx, r, []string{"f", "g"}))(t) {
			if name := file[strings.LastIndexByte(file, '/')+1:]; strings.Contains(name, ".") {
				t.Errorf("region %s still holds reference %s", r, file)
			}
		}
	}
	// A fresh daughter cannot be merged; regions that were never split can.
	fresh := f.table(ctx, t, f.a, "merge")
	check(t, f.a.MergeRegions(ctx, must(f.a.ServingRegions(ctx, fresh))(t)[:2], f.nonce("merge")))
	if got := must(f.a.ServingRegions(ctx, fresh))(t); len(got) != 2 || string(got[1].Start) != "p" {
		t.Errorf("regions after the merge %v, want 2", got)
	}
}

//go:build cluster

package activities_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	"drover/activities"
	"drover/internal/config"
	"drover/internal/fault"
	"drover/internal/hbase"
	"drover/internal/sandbox/sandboxtest"
)

// onHBase is both clusters of the shared sandbox, the activities on them, and
// names of one test's own.
type onHBase struct {
	t    *testing.T
	ctx  context.Context
	acts *activities.HBase
	at   map[string]*hbase.Cluster
	key  string // of the run
}

func newOnHBase(t *testing.T) *onHBase {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	h := &onHBase{t: t, ctx: ctx, at: map[string]*hbase.Cluster{}, key: strings.ToLower(rand.Text()[:10])}
	box := sandboxtest.Shared(t)
	cfg, err := config.Load(box.ConfigPath())
	h.must(err)
	sites := activities.NewSites(cfg)
	t.Cleanup(func() { h.must(sites.Close()) })
	h.acts = activities.NewHBase(sites)
	for name, site := range box.Sites() {
		c, err := hbase.Open(hbase.Config{Quorum: site.Quorum, ZNodeParent: site.ZNodeParent, RootDir: site.RootDir})
		h.must(err)
		t.Cleanup(func() { h.must(c.Close()) })
		h.at[name] = c
	}
	return h
}

func (h *onHBase) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// table creates a table with the family f at a site.
func (h *onHBase) table(site string) hbase.TableName {
	h.t.Helper()
	n := hbase.TableName{Namespace: "default", Qualifier: "act_" + h.key}
	sandboxtest.Afterwards(h.t, "drop "+n.String(), func(ctx context.Context) error {
		err := h.at[site].DropTable(ctx, n, hbase.NonceFor(rand.Text()))
		if errors.Is(err, hbase.ErrTableNotFound) {
			return nil
		}
		return err
	})
	h.must(h.at[site].CreateTable(h.ctx, hbase.NewTable(n, []string{"f"}, map[string]string{"VERSIONS": "5"}), nil, hbase.NonceFor(h.key+"/create/"+site)))
	return n
}

func (h *onHBase) snapshot(site, name string, of hbase.TableName) string {
	h.t.Helper()
	sandboxtest.Afterwards(h.t, "delete snapshot "+name, func(ctx context.Context) error { return h.at[site].DeleteSnapshot(ctx, name) })
	h.must(h.at[site].Snapshot(h.ctx, hbase.SnapshotSpec{Name: name, Table: of, Nonce: hbase.NonceFor(h.key + "/" + site + name)}))
	return name
}

// snapshots lists those of a table.
func (h *onHBase) snapshots(site string, of hbase.TableName) []string {
	h.t.Helper()
	all, err := h.at[site].Snapshots(h.ctx)
	h.must(err)
	var names []string
	for _, s := range all {
		if s.Table == of {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

// TestCleanupLeavesForeignSnapshots: the vendor's delete_table_snapshots would
// take all of them.
func TestCleanupLeavesForeignSnapshots(t *testing.T) {
	h := newOnHBase(t)
	pair := activities.Pair{Source: "a", Target: "b"}
	in := activities.CleanupInput{Pair: pair, RunKey: h.key}
	foreign := []string{"backup_" + h.key, "drover-" + h.key + "0-of.another-base"}
	var own []string
	var tables []hbase.TableName
	for _, site := range []string{"a", "b"} {
		n := h.table(site)
		for _, name := range foreign {
			h.snapshot(site, name, n)
		}
		own = append(own, "snapshot "+h.snapshot(site, activities.SnapshotName(h.key, n.String(), "base"), n)+" at "+site)
		tables = append(tables, n)
	}
	left, err := h.acts.ListLeftovers(h.ctx, in)
	h.must(err)
	if !slices.Equal(left.Items, own) {
		t.Errorf("leftovers %v, want this run's: %v", left.Items, own)
	}
	said, err := h.acts.Cleanup(h.ctx, in)
	h.must(err)
	if !strings.Contains(said, "deleted 2 snapshots of this run") {
		t.Errorf("it says %q", said)
	}
	for i, site := range []string{"a", "b"} {
		if got := h.snapshots(site, tables[i]); !slices.Equal(got, foreign) {
			t.Errorf("snapshots left at %s: %v, want those of others: %v", site, got, foreign)
		}
	}
}

// TestARestoredTableIsHeldAgainstItsSnapshot alters the table between two
// attempts of the same restore.
func TestARestoredTableIsHeldAgainstItsSnapshot(t *testing.T) {
	h := newOnHBase(t)
	n := h.table("a")
	snap := h.snapshot("a", activities.SnapshotName(h.key, n.String(), "base"), n)
	h.must(h.at["a"].DropTable(h.ctx, n, hbase.NonceFor(h.key+"/drop")))
	in := activities.RestoreInput{TableAt: activities.TableAt{Site: "a", Table: n.String()}, Snapshot: snap, Scopes: map[string]int{"f": 1}, Key: h.key + "/restore"}
	for range 2 { // the second attempt adopts
		res, err := h.acts.RestoreSnapshot(h.ctx, in)
		h.must(err)
		if res.Regions != 1 {
			t.Errorf("restored %+v, want one region", res)
		}
	}
	altered := hbase.NewTable(n, []string{"f"}, map[string]string{"VERSIONS": "2", "REPLICATION_SCOPE": "1"})
	h.must(h.at["a"].ModifyTable(h.ctx, altered, hbase.NonceFor(h.key+"/alter")))
	_, err := h.acts.RestoreSnapshot(h.ctx, in)
	if fault.KindOf(err) != fault.Mismatch || !strings.Contains(err.Error(), "family f has VERSIONS 2, ") {
		t.Errorf("of an altered table: %v, want that its family has other versions", err)
	}
}

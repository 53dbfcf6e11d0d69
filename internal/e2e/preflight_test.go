//go:build cluster

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drover/activities"
	"drover/internal/config"
	"drover/internal/hbase"
	"drover/internal/preflight"
	"drover/workflows"
	"drover/workflows/step"
)

// TestPreflight looks at one table that is as it should be, then spoils it.
func TestPreflight(t *testing.T) {
	m := newRig(t).newTable(small())
	t.Run("names an unreachable cluster and the same cluster", func(t *testing.T) { m.part(t).wrongClusters() })
	t.Run("a blocked run changes nothing", func(t *testing.T) { m.part(t).blockedRun() })
	t.Run("reports everything at once", func(t *testing.T) { m.part(t).everythingAtOnce() })
}

// everythingAtOnce plants several problems and finds each named, in one go,
// with what to do.
func (m *moved) everythingAtOnce() {
	t := m.t
	ctx := t.Context()
	other := hbase.NewTable(m.name, []string{"f"}, nil)
	if _, err := m.target.CreateNamespace(ctx, m.name.Namespace, 0); err != nil {
		t.Fatal(err)
	}
	if err := m.target.CreateTable(ctx, other, nil, 0); err != nil {
		t.Fatal(err)
	}
	left := "drover-leftover-" + m.name.Namespace
	if err := m.source.Snapshot(ctx, hbase.SnapshotSpec{Name: left, Table: m.name}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.source.DeleteSnapshot(context.Background(), left); err != nil {
			t.Error(err)
		}
	})
	if err := m.source.AddPeer(ctx, hbase.Peer{ID: "taken_" + m.name.Namespace, ClusterKey: m.target.Config().ClusterKey(), Tables: []hbase.TableName{m.name}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.source.RemovePeer(context.Background(), "taken_"+m.name.Namespace); err != nil {
			t.Error(err)
		}
	})
	m.alter(map[string]string{"COPROCESSOR$1": "|no.such.Coprocessor|1|"})
	found := m.preflight(m.cfg, activities.PreflightInput{
		Pair: activities.Pair{Source: m.from, Target: m.to}, Tables: []string{m.name.String(), "no:such"},
		PeerID: "taken_" + m.name.Namespace, RunKey: "none",
	})
	for _, want := range []string{"target-table-exists", "leftover", "peer-taken", "table-missing", "schema-refused", "table-disabled", "bulkload-replication-off"} {
		if !slices.ContainsFunc(found, func(f preflight.Finding) bool { return f.ID == want && f.Seen != "" && f.Do != "" }) {
			t.Errorf("no finding %s among %s", want, asJSON(found))
		}
	}
}

// alter sets attributes of the source table that its own master would refuse.
// The table is disabled first: a region server that opens a region with a
// coprocessor it cannot load aborts.
func (m *moved) alter(attributes map[string]string) {
	m.t.Helper()
	if err := m.source.DisableTable(m.t.Context(), m.name, 0); err != nil {
		m.t.Fatal(err)
	}
	table, err := m.source.Table(m.t.Context(), m.name)
	if err != nil {
		m.t.Fatal(err)
	}
	table = table.WithAttribute("hbase.table.sanity.checks", "false")
	for k, v := range attributes {
		table = table.WithAttribute(k, v)
	}
	if err := m.source.ModifyTable(m.t.Context(), table, 0); err != nil {
		m.t.Fatal(err)
	}
}

func (m *moved) preflight(cfg config.Config, in activities.PreflightInput) []preflight.Finding {
	m.t.Helper()
	sites := activities.NewSites(cfg)
	defer func() {
		if err := sites.Close(); err != nil {
			m.t.Error(err)
		}
	}()
	res, err := activities.NewHBase(sites).PreflightHBase(m.t.Context(), in)
	if err != nil {
		m.t.Fatal(err)
	}
	return res.Findings
}

func (m *moved) wrongClusters() {
	t := m.t
	a := m.cfg.Sites[m.from].HBase
	file := filepath.Join(t.TempDir(), "drover.yaml")
	yaml := fmt.Sprintf("sites:\n  a: {hbase: {quorum: %q, znodeParent: %s, rootDir: %s}}\n  same: {hbase: {quorum: %q, znodeParent: %s, rootDir: %s}}\n  gone: {hbase: {quorum: \"127.0.0.1:1\", rootDir: \"hdfs://127.0.0.1:1/hbase\"}}\n",
		a.Quorum, a.ZNodeParent, a.RootDir, a.Quorum, a.ZNodeParent, a.RootDir)
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{"same": "same-cluster", "gone": "cluster-unreachable"} {
		found := m.preflight(cfg, activities.PreflightInput{Pair: activities.Pair{Source: "a", Target: target}, Tables: []string{m.name.String()}, PeerID: "p", RunKey: "none"})
		if !slices.ContainsFunc(found, func(f preflight.Finding) bool { return f.ID == want && f.Severity == preflight.Block }) {
			t.Errorf("target %s: no finding %s among %s", target, want, asJSON(found))
		}
	}
}

// blockedRun ends with the findings and both clusters as they were.
func (m *moved) blockedRun() {
	t := m.t
	before := m.worldState()
	input := m.input()
	input["tables"] = []string{m.name.String(), "no:such"}
	res := m.result(m.start(m.id, input))
	if res.Outcome != workflows.OutcomeBlocked || !strings.Contains(res.Reason, "table-missing") {
		t.Errorf("outcome %s (%s), want blocked by table-missing", res.Outcome, res.Reason)
	}
	if res.Outcome == step.Completed {
		t.Error("a blocked run completed")
	}
	m.asFound(before)
}

//go:build cluster

package e2e

import (
	"testing"

	"go.temporal.io/api/enums/v1"

	"drover/internal/hbase/compare"
	"drover/internal/workload"
	"drover/workflows"
)

// TestTenTablesInOneRun moves ten tables with one decision; the history stays
// under 4,000 events.
func TestTenTablesInOneRun(t *testing.T) {
	r := newRig(t)
	tables := r.newTables(10, workload.Spec{Regions: 1, Rows: 100, Versions: 2, Seed: 3})
	var names []string
	for _, m := range tables {
		names = append(names, m.name.String())
	}
	id := r.runID("ten")
	input := tables[0].input()
	input["tables"] = names
	run := r.start(id, input)
	r.approve(id, workflows.GateCutover)
	r.approve(id, workflows.GateCleanup)
	res := r.result(run)
	if res.Verdict != string(compare.Match) || len(res.Verified) != len(names) || len(res.Delta) != len(names) {
		t.Errorf("verdict %s for %d tables verified and %d proved, want match for %d", res.Verdict, len(res.Verified), len(res.Delta), len(names))
	}
	for _, m := range tables {
		m.sourceHeld()
	}
	events := 0
	it := r.client.GetWorkflowHistory(t.Context(), id, run.GetRunID(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		if _, err := it.Next(); err != nil {
			t.Fatal(err)
		}
		events++
	}
	t.Logf("%d events", events)
	if events == 0 || events >= 4000 {
		t.Errorf("history of %d events, want under 4000", events)
	}
}

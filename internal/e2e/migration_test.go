//go:build cluster

package e2e

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"

	"drover/internal/hbase/compare"
	"drover/workflows"
	"drover/workflows/step"
)

// completed checks the end that every migration comes to, however it got
// there.
func (m *moved) completed(res workflows.HBaseMigrationResult) {
	m.t.Helper()
	if res.Outcome != step.Completed || res.Verdict != string(compare.Match) {
		m.t.Errorf("outcome %s, verdict %s, want completed and match: %s", res.Outcome, res.Verdict, asJSON(res))
	}
	state := m.worldState()
	for _, gone := range []string{"source peers", "source snapshots", "target snapshots"} {
		for _, name := range state[gone] {
			if strings.Contains(name, m.key) {
				m.t.Errorf("%s: %s is still there", gone, name)
			}
		}
	}
}

// phases are those of a run that goes straight to its end.
var phases = []string{
	workflows.PhasePreflight, workflows.PhasePeer, workflows.PhaseScope, workflows.PhaseSnapshot, workflows.PhaseExport,
	workflows.PhaseRestore, workflows.PhaseCatchUp, workflows.PhaseVerify, workflows.PhaseFence, workflows.PhaseDrain,
	workflows.PhaseDelta, workflows.PhaseSwitch, workflows.PhaseCleanup,
}

// lengths is how long the phases of a small table last at least, less the time
// it takes to see them begin.
var lengths = map[string]time.Duration{
	workflows.PhasePreflight: 20 * time.Millisecond, workflows.PhasePeer: 200 * time.Millisecond, workflows.PhaseScope: time.Second,
	workflows.PhaseSnapshot: 800 * time.Millisecond, workflows.PhaseExport: 150 * time.Millisecond, workflows.PhaseRestore: 1500 * time.Millisecond,
	workflows.PhaseCatchUp: 700 * time.Millisecond, workflows.PhaseVerify: 2 * time.Second, workflows.PhaseFence: time.Second,
	workflows.PhaseDrain: 300 * time.Millisecond, workflows.PhaseDelta: time.Second, workflows.PhaseSwitch: 700 * time.Millisecond,
	workflows.PhaseCleanup: 500 * time.Millisecond,
}

// TestWorkerKilledInEveryPhase kills the worker at a random moment of each
// phase and starts another: same end, nothing twice, nothing lost.
func TestWorkerKilledInEveryPhase(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	m := firstRig(t).newTable(small())
	m.byDelta = true // which has more to leave behind than a comparison
	m.write()
	run := m.begin()
	kills := map[string]time.Time{}
	for _, phase := range phases {
		m.awaitPhase(m.id, phase)
		moment := time.Duration(random.Int64N(int64(lengths[phase])))
		<-time.After(moment) // the random moment under test
		kills[phase] = m.replaceWorker()
		t.Logf("worker killed %s into phase %s", moment, phase)
		switch phase {
		case workflows.PhaseVerify:
			m.approve(m.id, workflows.GateCutover)
		case workflows.PhaseCleanup:
			m.sourceHeld()
			m.switched()
			m.approve(m.id, workflows.GateCleanup)
		}
	}
	res := m.result(run)
	m.completed(res)
	if len(res.Delta) != 1 || res.Delta[0].Method != "delta" || res.Delta[0].RegionsFull+res.Delta[0].NewFiles == 0 {
		t.Errorf("proof under the fence %+v, want it by what changed, and something changed", res.Delta)
	}
	hit := hits(res.Report.Phases, kills)
	t.Logf("killed within %d of %d phases: %v", len(hit), len(phases), hit)
	// How long a phase lasts, and how late its begin is seen, is up to the
	// machine: fewer than most would be a dull test, not a fault of the run.
	if len(hit) <= len(phases)/2 {
		t.Errorf("the worker was killed within the phases %v, want most of %v", hit, phases)
	}
}

// hits lists the phases that were under way when their kill came. A kill may
// come late when a phase is short.
func hits(ran []step.Phase, kills map[string]time.Time) []string {
	var hit []string
	for _, p := range ran {
		name, _, _ := strings.Cut(p.Name, "-1")
		if at, ok := kills[name]; ok && at.After(p.Started) && (p.Ended == nil || at.Before(*p.Ended)) {
			hit = append(hit, name)
		}
	}
	return hit
}

// awaitPhase waits until the run is in a phase, or has already left it: a kill
// may land late, but no phase is passed over. It reads the history as it grows,
// which shows a phase at once and is no work for the worker.
func (r *rig) awaitPhase(id, phase string) {
	r.t.Helper()
	r.await("phase "+phase, func(ctx context.Context) (bool, error) {
		it := r.client.GetWorkflowHistory(ctx, id, "", true, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for it.HasNext() {
			event, err := it.Next()
			if err != nil {
				return false, err
			}
			var name string
			attribute := event.GetUpsertWorkflowSearchAttributesEventAttributes().GetSearchAttributes().GetIndexedFields()[step.PhaseAttribute.GetName()]
			if attribute == nil {
				continue
			}
			if err := converter.GetDefaultDataConverter().FromPayload(attribute, &name); err != nil {
				return false, err
			}
			if name == phase || strings.HasPrefix(name, phase+"-") {
				return true, nil
			}
		}
		r.t.Fatalf("the run ended before phase %s: %s", phase, asJSON(r.status(id)))
		return false, nil
	})
}

// TestTemporalKilledOnce kills the Temporal server while files are copied and
// starts it again on its database.
func TestTemporalKilledOnce(t *testing.T) {
	m := newRig(t).newTable(small())
	m.write()
	run := m.begin()
	m.awaitPhase(m.id, workflows.PhaseExport)
	if err := m.server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := m.server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.approve(m.id, workflows.GateCutover)
	m.awaitGate(m.id, workflows.GateCleanup)
	m.switched()
	m.approve(m.id, workflows.GateCleanup)
	m.completed(m.result(run))
}

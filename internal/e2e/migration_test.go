//go:build cluster

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"drover/internal/hbase/compare"
	"drover/workflows"
	"drover/workflows/step"
)

func TestLiveTableMoves(t *testing.T) {
	m := newRig(t).newTable(small())
	m.write(500)
	run := m.begin()
	s := m.awaitGate(m.id, workflows.GateCutover)
	if len(s.Evidence.Facts) == 0 || s.ApproveCommand == "" {
		t.Errorf("gate shows no evidence or no command: %s", asJSON(s))
	}
	m.approve(m.id, workflows.GateCutover)
	m.awaitGate(m.id, workflows.GateCleanup)
	m.sourceHeld()
	m.switched()
	m.approve(m.id, workflows.GateCleanup)
	res := m.result(run)
	m.completed(res)
	if res.Freeze == nil || res.Freeze.TotalMillis <= 0 || res.Exported.Files == 0 {
		t.Errorf("result lacks the freeze or the export: %s", asJSON(res))
	}
}

// completed checks the end that every migration comes to, however it got
// there.
func (m *moved) completed(res workflows.HBaseMigrationResult) {
	m.t.Helper()
	if res.Outcome != step.Completed || res.Verdict != string(compare.Match) {
		m.t.Errorf("outcome %s, verdict %s, want completed and match: %s", res.Outcome, res.Verdict, asJSON(res))
	}
	state := m.worldState()
	for _, gone := range []string{"a peers", "a snapshots", "b snapshots"} {
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
	workflows.PhaseDrain: 300 * time.Millisecond, workflows.PhaseDelta: 100 * time.Millisecond, workflows.PhaseSwitch: 700 * time.Millisecond,
	workflows.PhaseCleanup: 500 * time.Millisecond,
}

// TestWorkerKilledInEveryPhase kills the worker at a random moment of each
// phase and starts another: same end, nothing twice, nothing lost.
func TestWorkerKilledInEveryPhase(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	m := newRig(t).newTable(small())
	m.write(300)
	run := m.begin()
	kills := map[string]time.Time{}
	for _, phase := range phases {
		m.awaitPhase(m.id, phase)
		moment := time.Duration(random.Int64N(int64(lengths[phase])))
		<-time.After(moment) // the random moment under test
		m.killWorker()
		kills[phase] = time.Now()
		t.Logf("worker killed %s into phase %s", moment, phase)
		m.startWorker()
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
	if hit := hits(res.Report.Phases, kills); len(hit) < len(phases)-2 {
		t.Errorf("the worker was killed within the phases %v, want nearly all of %v", hit, phases)
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
// may land late, but no phase is passed over.
func (r *rig) awaitPhase(id, phase string) step.Status {
	r.t.Helper()
	var s step.Status
	r.await("phase "+phase, func(context.Context) (bool, error) {
		s = r.status(id)
		for _, p := range s.Phases {
			if p.Name == phase || strings.HasPrefix(p.Name, phase+"-") {
				return true, nil
			}
		}
		return false, fmt.Errorf("status: phase %s, waiting: %s", s.Phase, s.Waiting)
	})
	return s
}

// TestTemporalKilledOnce kills the Temporal server while files are copied and
// starts it again on its database.
func TestTemporalKilledOnce(t *testing.T) {
	m := newRig(t).newTable(small())
	m.write(300)
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

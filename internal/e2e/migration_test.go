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

// TestWorkerKilledInEveryPhase kills the worker at a random moment of each
// phase and starts another: same end, nothing twice, nothing lost.
func TestWorkerKilledInEveryPhase(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	m := newRig(t).newTable(small())
	m.write(300)
	run := m.begin()
	killed := map[string]bool{}
	for _, phase := range phases {
		s := m.awaitPhase(m.id, phase)
		moment := time.Duration(random.Int64N(int64(700 * time.Millisecond)))
		t.Logf("phase %s since %s: worker killed %s later", s.Phase, s.Since.Format(time.TimeOnly), moment)
		<-time.After(moment) // the random moment under test
		m.killWorker()
		m.startWorker()
		killed[phase] = true
		switch phase {
		case workflows.PhaseVerify:
			m.approve(m.id, workflows.GateCutover)
		case workflows.PhaseCleanup:
			m.sourceHeld()
			m.switched()
			m.approve(m.id, workflows.GateCleanup)
		}
	}
	m.completed(m.result(run))
	if len(killed) != len(phases) {
		t.Errorf("worker was killed in %d phases, want %d", len(killed), len(phases))
	}
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

//go:build cluster

package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"drover/activities"
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

// dooms are the activities of each phase, each with a few more steps than it was
// seen to take.
var dooms = map[string][]doom{
	workflows.PhasePreflight: {{Activity: "ProbeSite", Steps: 20}, {Activity: "PreflightHBase", Steps: 40}},
	workflows.PhasePeer:      {{Activity: "AddReplicationPeer", Steps: 80}},
	workflows.PhaseScope:     {{Activity: "SetReplicationScopes", Steps: 35}},
	workflows.PhaseSnapshot:  {{Activity: "TakeSnapshot", Steps: 140}},
	workflows.PhaseExport:    {{Activity: "PublishSnapshot", Steps: 90}, {Activity: "CopySnapshotFiles", Millis: 800}, {Activity: "VerifySnapshotCopy", Steps: 50}},
	workflows.PhaseRestore:   {{Activity: "CreateNamespace", Steps: 50}, {Activity: "RestoreSnapshot", Steps: 300}},
	workflows.PhaseCatchUp:   {{Activity: "EnableReplicationPeer", Steps: 80}, {Activity: "AwaitCatchUp", Steps: 150}},
	workflows.PhaseVerify:    {{Activity: "VerifyTable", Steps: 110}},
	workflows.PhaseFence:     {{Activity: "PauseSplitMerge", Steps: 30}, {Activity: "FenceTables", Steps: 15}},
	workflows.PhaseDrain:     {{Activity: "ProveDrain", Steps: 130}},
	workflows.PhaseDelta:     {{Activity: "ProveDelta", Steps: 330}},
	workflows.PhaseSwitch: {
		{Activity: "OpenTarget", Steps: 18},
		{Activity: "RemoveReplicationPeer", Steps: 120},
		{Activity: "DropDelta", Steps: 20},
		{Activity: "RestoreSplitMerge", Steps: 20},
	},
	workflows.PhaseCleanup: {{Activity: "Cleanup", Steps: 60}},
}

// TestWorkerKilledInEveryPhase kills the worker at a random step of a random
// activity of each phase and starts another: same end, nothing twice, nothing
// lost. DROVER_TEST_SEED repeats the kills of a run that logged its seed.
func TestWorkerKilledInEveryPhase(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("DROVER_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("DROVER_TEST_SEED: %v", err)
		}
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	m := firstRig(t).newTable(small())
	m.byDelta = true // which has more to leave behind than a comparison
	m.write()
	account := m.account()
	if err := m.worker.kill(); err != nil { // the one of the test before
		t.Fatal(err)
	}
	var run client.WorkflowRun
	want := map[taken]bool{}
	for _, phase := range phases {
		d := dooms[phase][random.IntN(len(dooms[phase]))]
		d.Steps, d.Millis = random.Int64N(d.Steps+1), random.Int64N(d.Millis+1)
		m.startDoomed(t, d)
		switch phase {
		case workflows.PhasePreflight:
			run = m.begin()
		case workflows.PhaseFence:
			m.awaitGate(m.id, workflows.GateCutover)
			account.made()
			m.approve(m.id, workflows.GateCutover)
		case workflows.PhaseCleanup:
			m.awaitGate(m.id, workflows.GateCleanup)
			m.heldExactly()
			m.switched()
			m.approve(m.id, workflows.GateCleanup)
		}
		where := m.died(d.Activity)
		t.Logf("phase %s: worker killed in %s %s", phase, d.Activity, where)
		want[taken{phase, d.Activity}] = true
		account.enter()
		if phase == workflows.PhaseRestore {
			account.exported()
		}
	}
	m.startWorker(t)
	res := m.result(run)
	account.enter()
	m.completed(res)
	if len(res.Delta) != 1 || res.Delta[0].Method != "delta" || res.Delta[0].RegionsFull+res.Delta[0].NewFiles == 0 {
		t.Errorf("proof under the fence %+v, want it by what changed, and something changed", res.Delta)
	}
	if n := res.Exported; n.Files == 0 || n.Copied+n.Adopted != n.Files || len(account.written) < n.Files {
		t.Errorf("export %+v of %d files seen, want each counted once", n, len(account.written))
	}
	account.once(oneRun)
	var ran []string
	for _, p := range res.Report.Phases {
		ran = append(ran, plain(p.Name))
	}
	if diff := cmp.Diff(phases, ran); diff != "" {
		t.Errorf("phases of the run, in each of which a worker was killed (-killed +ran):\n%s", diff)
	}
	for _, got := range m.takenOver() {
		delete(want, got)
	}
	if len(want) > 0 {
		t.Errorf("the history shows no second attempt of %v", want)
	}
}

// oneRun is what the masters carry out for one table and one run: at the source
// the scope, the fence and the scope as it was, at the target the scope of the
// clone. Enabling a peer does not say which tables that peer carries.
var oneRun = map[string]map[string]int{
	"source": {"AddPeerProcedure": 1, "ModifyTableProcedure": 3, "RemovePeerProcedure": 1},
	"target": {"CloneSnapshotProcedure": 1, "ModifyTableProcedure": 1},
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
			if r.phaseOf(event) == phase {
				return true, nil
			}
		}
		r.t.Fatalf("the run ended before phase %s: %s", phase, asJSON(r.status(id)))
		return false, nil
	})
}

// TestTemporalKilledOnce kills the Temporal server while a file is half copied
// and starts it again on its database.
func TestTemporalKilledOnce(t *testing.T) {
	m := newRig(t).newTable(small())
	m.exportRate = 150_000 // the copy takes a quarter of a minute
	m.write()
	run := m.begin()
	m.awaitPhase(m.id, workflows.PhaseExport)
	copied := m.inFlight("CopySnapshotFiles")
	killed := time.Now()
	if err := m.server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := m.server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.approve(m.id, workflows.GateCutover)
	m.awaitGate(m.id, workflows.GateCleanup)
	m.heldExactly()
	m.switched()
	m.approve(m.id, workflows.GateCleanup)
	res := m.result(run)
	m.completed(res)
	if n := res.Exported; n.Files == 0 || n.Copied+n.Adopted != n.Files {
		t.Errorf("export %+v, want each file counted once", n)
	}
	phase, open := m.standing(killed)
	t.Logf("killed in phase %s with %d of %d bytes copied, open: %v", phase, copied.Done, copied.Total, open)
	if phase != workflows.PhaseExport || !slices.Equal(open, []string{"CopySnapshotFiles"}) {
		t.Errorf("Temporal was killed in phase %s with %v open, want the copy of phase %s", phase, open, workflows.PhaseExport)
	}
}

// inFlight waits until a worker has told that it is in the middle of an
// activity of the run.
func (m *moved) inFlight(name string) activities.Progress {
	m.t.Helper()
	var p activities.Progress
	m.await(name+" under way", func(ctx context.Context) (bool, error) {
		d, err := m.client.DescribeWorkflowExecution(ctx, m.id, "")
		if err != nil {
			return false, err
		}
		for _, a := range d.GetPendingActivities() {
			if a.GetActivityType().GetName() != name || a.GetHeartbeatDetails() == nil {
				continue
			}
			p = activities.Progress{}
			if err := converter.GetDefaultDataConverter().FromPayloads(a.GetHeartbeatDetails(), &p); err != nil {
				return false, err
			}
			if p.Done > 0 && p.Done < p.Total {
				return true, nil
			}
		}
		return false, fmt.Errorf("pending: %v, progress %+v", d.GetPendingActivities(), p)
	})
	return p
}

// standing tells what the history of a run says of a moment: the phase, and the
// activities that had been ordered and had not ended.
func (m *moved) standing(moment time.Time) (phase string, open []string) {
	m.t.Helper()
	pending := map[int64]string{}
	it := m.client.GetWorkflowHistory(m.t.Context(), m.id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		event, err := it.Next()
		if err != nil {
			m.t.Fatal(err)
		}
		if event.GetEventTime().AsTime().After(moment) {
			break
		}
		if name := m.phaseOf(event); name != "" {
			phase = name
		}
		if s := event.GetActivityTaskScheduledEventAttributes(); s != nil {
			pending[event.GetEventId()] = s.GetActivityType().GetName()
		}
		delete(pending, event.GetActivityTaskCompletedEventAttributes().GetScheduledEventId())
	}
	return phase, slices.Sorted(maps.Values(pending))
}

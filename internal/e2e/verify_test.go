//go:build cluster

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"drover/activities"
	"drover/internal/hbase"
	"drover/internal/hbase/compare"
	"drover/internal/hbase/rows"
	"drover/workflows"
	"drover/workflows/step"
)

// TestADifferenceAtTheGateIsNoCutover has the verification fail for lack of the
// target's table, go on when that is there again, and then find a row that
// somebody wrote to the target: nobody can approve that, and the run is taken
// back.
func TestADifferenceAtTheGateIsNoCutover(t *testing.T) {
	m := newRig(t).newTable(small())
	before := m.worldState()
	run := m.begin()
	first := m.awaitGate(m.id, workflows.GateCutover)

	if err := m.target.DropTable(t.Context(), m.name, hbase.NonceFor("mischief "+m.key)); err != nil {
		t.Fatal(err)
	}
	m.remeasure()
	attempt, why := m.failing("VerifyTable")
	t.Logf("attempt %d failed: %s", attempt, why)
	if !strings.Contains(why, m.name.String()) {
		t.Errorf("the failed verification says %q, want it to name %s", why, m.name)
	}
	base := activities.SnapshotName(m.key, m.name.String(), "base")
	if err := m.target.RestoreSnapshot(t.Context(), base, m.name, hbase.NonceFor("mended "+m.key)); err != nil {
		t.Fatal(err)
	}
	second := m.evidenceAfter(first)
	if second.Evidence.Blocked != "" {
		t.Errorf("after the table was mended the evidence is blocked: %s", second.Evidence.Blocked)
	}

	stray := "stray-" + m.key
	if err := m.targetRows.Put(t.Context(), m.name.String(), []rows.Mutation{{Row: stray, Cells: []rows.Cell{{Family: m.family(), Qualifier: "q", Value: []byte("x")}}}}); err != nil {
		t.Fatal(err)
	}
	m.remeasure()
	third := m.evidenceAfter(second)
	text := asJSON(third.Evidence)
	t.Logf("evidence: %s", text)
	if want := m.name.String() + " is " + string(compare.Differ); !strings.Contains(third.Evidence.Blocked, want) {
		t.Errorf("the evidence is blocked by %q, want %q", third.Evidence.Blocked, want)
	}
	if !strings.Contains(text, stray) || third.ApproveCommand != "" {
		t.Errorf("the evidence names no row %s, or an approve command is offered: %q", stray, third.ApproveCommand)
	}
	err := m.decide(m.id, step.Decision{Gate: workflows.GateCutover, Digest: third.Digest, By: "e2e", Reason: "looks fine to me", Approved: true})
	if err == nil || !strings.Contains(err.Error(), "cannot be approved") || !strings.Contains(err.Error(), string(compare.Differ)) {
		t.Errorf("approval of tables that differ: %v, want it refused in words", err)
	}
	if s := m.status(m.id); s.WaitingAt != workflows.GateCutover || s.Committed != nil || len(s.Decisions) != 0 {
		t.Errorf("the refused approval changed the run: %s", asJSON(s))
	}
	if table, err := m.source.Table(t.Context(), m.name); err != nil || table.ReadOnly() {
		t.Errorf("the source's table is fenced: %v", err)
	}

	if err := m.order(m.id, step.AbortUpdate); err != nil {
		t.Fatal(err)
	}
	if res := m.result(run); res.Outcome != step.AbortedOutcome || res.Verdict == string(compare.Match) {
		t.Errorf("outcome %s, verdict %s, want %s and no match", res.Outcome, res.Verdict, step.AbortedOutcome)
	}
	m.asFound(before)
}

func (m *moved) remeasure() {
	m.t.Helper()
	if err := m.order(m.id, step.RemeasureUpdate); err != nil {
		m.t.Fatal(err)
	}
}

// evidenceAfter waits for evidence at the gate that is newer than was.
func (m *moved) evidenceAfter(was step.Status) step.Status {
	m.t.Helper()
	var s step.Status
	m.await("newer evidence", func(context.Context) (bool, error) {
		s = m.status(m.id)
		if s.Outcome != "" {
			m.t.Fatalf("the run ended: %s", asJSON(s))
		}
		return s.Evidence != nil && s.Evidence.MeasuredAt.After(was.Evidence.MeasuredAt), fmt.Errorf("waiting: %s", s.Waiting)
	})
	return s
}

// failing waits until an activity failed and is tried again.
func (m *moved) failing(name string) (attempt int32, why string) {
	m.t.Helper()
	m.await("a failed attempt of "+name, func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		d, err := m.client.DescribeWorkflowExecution(ctx, m.id, "")
		if err != nil {
			return false, err
		}
		for _, a := range d.GetPendingActivities() {
			if a.GetActivityType().GetName() == name && a.GetLastFailure() != nil {
				attempt, why = a.GetAttempt()-1, a.GetLastFailure().GetMessage()
				return true, nil
			}
		}
		return false, fmt.Errorf("pending: %v", d.GetPendingActivities())
	})
	return attempt, why
}

// family is one of the table's.
func (m *moved) family() string {
	m.t.Helper()
	table, err := m.source.Table(m.t.Context(), m.name)
	if err != nil {
		m.t.Fatal(err)
	}
	for family := range table.Scopes() {
		return family
	}
	m.t.Fatal("the table has no family")
	return ""
}

//go:build cluster

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"drover/internal/workload"
	"drover/workers"
	"drover/workflows"
	"drover/workflows/step"
)

// TestMalformedStartsAreAnswered starts over Temporal's HTTP API with JSON as
// people type it into the web UI. What cannot be a run says why, and changes
// neither cluster.
func TestMalformedStartsAreAnswered(t *testing.T) {
	r := newRig(t)
	m := r.newTable(workload.Spec{Regions: 1, Rows: 100, Versions: 1, Seed: 9})
	before := m.worldState()
	input := fmt.Sprintf(`{"source":"%s","target":"%s","tables":["%s"]}`, r.from, r.to, m.name)
	for name, c := range map[string]struct{ input, want string }{
		"an unknown field": {"[" + strings.Replace(input, `"source"`, `"sorce"`, 1) + "]", "sorce"},
		"a wrong type":     {"[" + strings.Replace(input, `"`+r.from+`"`, `7`, 1) + "]", "source"},
		"a bare string":    {`["orders"]`, "string"},
		"an empty object":  {`[{}]`, "source and target are required"},
		"no input":         {`[]`, "source and target are required"},
	} {
		t.Run(name, func(t *testing.T) {
			reason := r.with(t).startFails(c.input)
			t.Logf("answer: %s", reason)
			if !strings.Contains(reason, c.want) {
				t.Errorf("answer %q to %s, want it to name %q", reason, c.input, c.want)
			}
		})
	}
	m.asFound(before)
}

// TestLiveTableMoves starts and decides over Temporal's HTTP API with the JSON
// that the web UI sends, while the table is written to. What is malformed, early,
// stale or below the commit line is refused and changes nothing.
func TestLiveTableMoves(t *testing.T) {
	m := newRig(t).newTable(small())
	m.write()
	run := m.beginPlain()
	m.awaitPhase(m.id, workflows.PhasePreflight)
	m.signal(`{"gate":"cutover","digest":"000000000000","by":"ui","reason":"early","approved":true}`)
	m.awaitRefusal("not open")
	s := m.awaitGate(m.id, workflows.GateCutover)
	if len(s.Evidence.Facts) == 0 || s.ApproveCommand == "" {
		t.Errorf("gate shows no evidence or no command: %s", asJSON(s))
	}
	before := m.worldState()
	for name, c := range map[string]struct{ payload, want string }{
		"a string":         {`"yes"`, "JSON object"},
		"an unknown field": {decision(s, `,"aproved":true`), "aproved"},
		"a wrong type":     {strings.Replace(decision(s, ""), "true", `"true"`, 1), "approved"},
		"a stale digest":   {strings.Replace(decision(s, ""), s.Digest, "123456789abc", 1), "evidence changed"},
		"no reason":        {strings.Replace(decision(s, ""), `"reason":"read it",`, "", 1), "reason"},
	} {
		t.Run("signal with "+name, func(t *testing.T) {
			m := m.part(t)
			m.signal(c.payload)
			m.awaitRefusal(c.want)
			if now := m.status(m.id); now.WaitingAt != workflows.GateCutover || len(now.Decisions) != 0 {
				t.Errorf("the refused signal changed the run: %s", asJSON(now))
			}
		})
	}
	m.asFound(before)
	m.signal(decision(s, ""))
	m.awaitGate(m.id, workflows.GateCleanup)
	m.signal(decision(s, ""))
	err := m.decide(m.id, step.Decision{Gate: workflows.GateCutover, Digest: s.Digest, By: "somebody else", Reason: "me too", Approved: true})
	if err == nil || !strings.Contains(err.Error(), "already decided") {
		t.Errorf("second approval: %v, want it refused as already decided", err)
	}
	if err := m.order(m.id, step.AbortUpdate); err == nil || !strings.Contains(err.Error(), "commit line") {
		t.Errorf("abort below the commit line: %v, want it refused in words", err)
	}
	m.sourceHeld()
	m.switched()
	m.approve(m.id, workflows.GateCleanup)
	res := m.result(run)
	m.completed(res)
	if res.Freeze == nil || res.Freeze.TotalMillis <= 0 || res.Exported.Files == 0 {
		t.Errorf("result lacks the freeze or the export: %s", asJSON(res))
	}
}

// beginPlain starts a migration of the table as plain HTTP does.
func (m *moved) beginPlain() client.WorkflowRun {
	m.t.Helper()
	input, err := json.Marshal(m.input())
	if err != nil {
		m.t.Fatal(err)
	}
	m.postStart(m.id, workers.HBaseMigration, fmt.Sprintf(`[%s]`, input))
	run := m.client.GetWorkflow(m.t.Context(), m.id, "")
	m.key = workflows.RunKey(m.id, run.GetRunID())
	return run
}

func decision(s step.Status, more string) string {
	return fmt.Sprintf(`{"gate":"cutover","digest":"%s","by":"ui","reason":"read it","approved":true%s}`, s.Digest, more)
}

func (m *moved) awaitRefusal(want string) {
	m.t.Helper()
	m.await("a refusal that says "+want, func(context.Context) (bool, error) {
		s := m.status(m.id)
		for _, r := range s.Refusals {
			if strings.Contains(r.Reason, want) {
				return true, nil
			}
		}
		return false, fmt.Errorf("refusals: %s", asJSON(s.Refusals))
	})
}

// startFails starts a run that cannot be, and returns why it ended.
func (r *rig) startFails(input string) string {
	r.t.Helper()
	id := fmt.Sprintf("bad.%d", namespaces.Add(1))
	r.postStart(id, workers.HBaseMigration, input)
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if err := r.client.GetWorkflow(ctx, id, "").Get(ctx, nil); err != nil {
		return err.Error()
	}
	return ""
}

func (r *rig) postStart(id, workflow, input string) {
	r.t.Helper()
	r.post(id, fmt.Sprintf(`{"workflowType":{"name":%q},"taskQueue":{"name":%q},"input":%s}`, workflow, workflows.RunbooksQueue, input))
}

func (m *moved) signal(payload string) {
	m.t.Helper()
	m.postApproval(m.id, payload)
}

// postApproval sends what the UI sends for the signal `approve`.
func (r *rig) postApproval(id, payload string) {
	r.t.Helper()
	r.post(id+"/signal/"+step.ApproveSignal, fmt.Sprintf(`{"input":[%s]}`, payload))
}

// post calls Temporal's HTTP API. path is a workflow id, and what follows it.
func (r *rig) post(path, body string) {
	r.t.Helper()
	id, rest, _ := strings.Cut(path, "/signal/")
	target := r.server.HTTP + "/api/v1/namespaces/default/workflows/" + url.PathEscape(id)
	if rest != "" {
		target += "/signal/" + rest
	}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, target, bytes.NewBufferString(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("POST %s: %s: %s (%v)", target, resp.Status, answer, err)
	}
}

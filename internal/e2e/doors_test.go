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

	"drover/workers"
	"drover/workflows"
	"drover/workflows/step"
)

// TestPlainJSONDoors starts and decides over Temporal's HTTP API with the JSON
// that the web UI sends. What is malformed is answered and changes nothing.
func TestPlainJSONDoors(t *testing.T) {
	m := newRig(t).newTable(small())
	input, err := json.Marshal(m.input())
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"an unknown field": strings.Replace(string(input), `"source"`, `"sorce"`, 1),
		"a wrong type":     strings.Replace(string(input), `"a"`, `7`, 1),
		"a bare string":    `"orders"`,
		"an empty object":  `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			if reason := m.startFails(fmt.Sprintf(`[%s]`, bad)); reason == "" {
				t.Error("the run did not fail")
			} else {
				t.Logf("answer: %s", reason)
			}
		})
	}
	t.Run("no input", func(t *testing.T) {
		if reason := m.startFails(`[]`); !strings.Contains(reason, "source and target are required") {
			t.Errorf("answer %q, want it to name what is required", reason)
		}
	})

	m.postStart(m.id, fmt.Sprintf(`[%s]`, input))
	run := m.client.GetWorkflow(t.Context(), m.id, "")
	m.key = workflows.RunKey(m.id, run.GetRunID())
	m.awaitPhase(m.id, workflows.PhasePreflight)
	m.signal(`{"gate":"cutover","digest":"000000000000","by":"ui","reason":"early","approved":true}`)
	m.awaitRefusal("not open")
	s := m.awaitGate(m.id, workflows.GateCutover)
	for name, c := range map[string]struct{ payload, want string }{
		"a string":         {`"yes"`, "JSON object"},
		"an unknown field": {decision(s, `,"aproved":true`), "aproved"},
		"a wrong type":     {strings.Replace(decision(s, ""), "true", `"true"`, 1), "approved"},
		"a stale digest":   {strings.Replace(decision(s, ""), s.Digest, "123456789abc", 1), "evidence changed"},
		"no reason":        {strings.Replace(decision(s, ""), `"reason":"read it",`, "", 1), "reason"},
	} {
		t.Run("signal with "+name, func(t *testing.T) {
			m.t = t
			m.signal(c.payload)
			m.awaitRefusal(c.want)
			if now := m.status(m.id); now.WaitingAt != workflows.GateCutover || len(now.Decisions) != 0 {
				t.Errorf("the refused signal changed the run: %s", asJSON(now))
			}
		})
	}
	m.t = t
	m.signal(decision(s, ""))
	m.awaitGate(m.id, workflows.GateCleanup)
	m.signal(decision(s, ""))
	err = m.decide(m.id, step.Decision{Gate: workflows.GateCutover, Digest: s.Digest, By: "somebody else", Reason: "me too", Approved: true})
	if err == nil || !strings.Contains(err.Error(), "already decided") {
		t.Errorf("second approval: %v, want it refused as already decided", err)
	}
	m.approve(m.id, workflows.GateCleanup)
	m.completed(m.result(run))
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
func (m *moved) startFails(input string) string {
	m.t.Helper()
	id := fmt.Sprintf("bad.%s.%d", m.name.Qualifier, tables.Add(1))
	m.postStart(id, input)
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	if err := m.client.GetWorkflow(ctx, id, "").Get(ctx, nil); err != nil {
		return err.Error()
	}
	return ""
}

func (m *moved) postStart(id, input string) {
	m.t.Helper()
	m.post(id, fmt.Sprintf(`{"workflowType":{"name":%q},"taskQueue":{"name":%q},"input":%s}`, workers.HBaseMigration, workflows.RunbooksQueue, input))
}

func (m *moved) signal(payload string) {
	m.t.Helper()
	m.post(m.id+"/signal/"+step.ApproveSignal, fmt.Sprintf(`{"input":[%s]}`, payload))
}

// post calls Temporal's HTTP API. path is a workflow id, and what follows it.
func (m *moved) post(path, body string) {
	m.t.Helper()
	id, rest, _ := strings.Cut(path, "/signal/")
	target := m.server.HTTP + "/api/v1/namespaces/default/workflows/" + url.PathEscape(id)
	if rest != "" {
		target += "/signal/" + rest
	}
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, target, bytes.NewBufferString(body))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		m.t.Fatalf("POST %s: %s: %s (%v)", target, resp.Status, answer, err)
	}
}

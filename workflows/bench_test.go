package workflows_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"drover/activities"
	"drover/internal/preflight"
	"drover/workflows"
	"drover/workflows/step"
)

// script answers one activity: the n-th call (from 1), its input.
type script func(n int, in json.RawMessage) (any, error)

// bench runs a runbook against scripted activities and keeps the order in
// which they were called. No cluster is imitated: only answers are given.
type bench struct {
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment

	mu     sync.Mutex
	calls  []string
	counts map[string]int
	answer map[string]script
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return newBenchOf(t, workflows.HBaseMigration, defaults())
}

func newBenchOf(t *testing.T, runbook any, answers map[string]script) *bench {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	b := &bench{t: t, env: suite.NewTestWorkflowEnvironment(), counts: map[string]int{}, answer: answers}
	b.env.SetTestTimeout(30 * time.Second)
	b.env.RegisterWorkflow(runbook)
	for name := range b.answer {
		b.env.RegisterActivityWithOptions(func(_ context.Context, in json.RawMessage) (json.RawMessage, error) {
			return b.call(name, in)
		}, activity.RegisterOptions{Name: name})
	}
	return b
}

func (b *bench) call(name string, in json.RawMessage) (json.RawMessage, error) {
	b.mu.Lock()
	b.calls = append(b.calls, name)
	b.counts[name]++
	n, answer := b.counts[name], b.answer[name]
	b.mu.Unlock()
	out, err := answer(n, in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// called gives the calls so far: one that was cancelled may still begin.
func (b *bench) called() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

func always(v any) script { return func(int, json.RawMessage) (any, error) { return v, nil } }

// defaults are the answers of a migration in which all goes well.
func defaults() map[string]script {
	said := func(s string) script { return always(s) }
	return map[string]script{
		"ProbeSite": always(activities.ProbeSiteResult{Version: "2.5.13"}),
		"PreflightHBase": func(_ int, in json.RawMessage) (any, error) {
			return activities.PreflightResult{Baseline: baselineOf(in)}, nil
		},
		"AddReplicationPeer": said("peer"), "RemoveReplicationPeer": said("removed peer"), "EnableReplicationPeer": said(""),
		"SetReplicationScopes": said(""), "RestoreReplicationScopes": said("restored scopes"),
		"TakeSnapshot": said(""), "DeleteSnapshot": said("deleted snapshot"),
		"PublishSnapshot":   always(activities.ExportPlan{Files: 250, Bytes: 1000, Digest: "d"}),
		"CopySnapshotFiles": always(activities.CopyResult{Files: 1, Copied: 1, Bytes: 10}), "VerifySnapshotCopy": always(activities.ExportPlan{}),
		"CreateNamespace": said(""), "DeleteNamespace": said("deleted namespace"),
		"RestoreSnapshot": always(activities.RestoreResult{Regions: 4}), "DropRestoredTable": said("dropped table"),
		"AwaitCatchUp": always(activities.CatchUpResult{}), "VerifyTable": verified("match"), "DropBaseSnapshots": said("dropped base"),
		"PauseSplitMerge": said(""), "RestoreSplitMerge": said("switches back"),
		"FenceTables": always(activities.FenceResult{}), "LiftFence": said("fence lifted"), "ProveDrain": always(activities.DrainResult{}),
		"ProveDelta": delta("match"), "DropDelta": said("dropped delta"),
		"OpenTarget": always(activities.OpenTargetResult{}), "ListLeftovers": always(activities.Leftovers{}), "Cleanup": said("cleaned"),
	}
}

func baselineOf(in json.RawMessage) activities.Baseline {
	var asked activities.PreflightInput
	if err := json.Unmarshal(in, &asked); err != nil {
		panic(err)
	}
	b := activities.Baseline{SplitEnabled: true, MergeEnabled: true}
	for _, t := range asked.Tables {
		b.Tables = append(b.Tables, activities.TableBaseline{Table: t, Scopes: map[string]int{"f": 0}, Regions: 4, NamespaceAbsent: strings.Contains(t, ":")})
	}
	return b
}

func verified(verdict string) script {
	return func(_ int, in json.RawMessage) (any, error) {
		var asked activities.VerifyInput
		err := json.Unmarshal(in, &asked)
		base := fmt.Sprintf("base%d", asked.Base)
		return activities.VerifyResult{Table: asked.Table, Verdict: verdict, Rows: 10, Cells: 20, SourceBase: base, TargetBase: base}, err
	}
}

func delta(verdict string) script {
	return func(_ int, in json.RawMessage) (any, error) {
		var asked activities.DeltaInput
		err := json.Unmarshal(in, &asked)
		return activities.DeltaResult{Table: asked.Table, Verdict: verdict, Differing: 1}, err
	}
}

func found(id string, severity preflight.Severity) script {
	return func(_ int, in json.RawMessage) (any, error) {
		return activities.PreflightResult{Baseline: baselineOf(in), Findings: []preflight.Finding{{ID: id, Severity: severity, Subject: "t"}}}, nil
	}
}

func input(tables ...string) workflows.HBaseMigrationInput {
	return workflows.HBaseMigrationInput{Source: "a", Target: "b", Tables: tables}
}

// run executes the workflow; a run that ends without a result gives its error.
func (b *bench) run(in workflows.HBaseMigrationInput) (workflows.HBaseMigrationResult, error) {
	b.t.Helper()
	return runOf[workflows.HBaseMigrationResult](b, workflows.HBaseMigration, in)
}

func runOf[Result any](b *bench, runbook, in any) (Result, error) {
	b.t.Helper()
	b.env.ExecuteWorkflow(runbook, in)
	if !b.env.IsWorkflowCompleted() {
		b.t.Fatalf("the workflow did not end; called: %v", b.calls)
	}
	var out Result
	if err := b.env.GetWorkflowError(); err != nil {
		return out, err
	}
	return out, b.env.GetWorkflowResult(&out)
}

func (b *bench) status() step.Status {
	b.t.Helper()
	v, err := b.env.QueryWorkflow(step.StatusQuery)
	if err != nil {
		b.t.Fatal(err)
	}
	var s step.Status
	if err := v.Get(&s); err != nil {
		b.t.Fatal(err)
	}
	return s
}

// decideAt decides the open gates in turn, one an hour from an hour after the
// start: the gate is open by then, for the test clock stands while activities
// run.
func (b *bench) decideAt(approve ...bool) {
	for i, ok := range approve {
		b.decideAfter(time.Duration(i+1)*time.Hour, ok)
	}
}

func (b *bench) decideAfter(at time.Duration, approve bool) {
	b.env.RegisterDelayedCallback(func() {
		s := b.status()
		b.env.SignalWorkflow(step.ApproveSignal, step.Decision{Gate: s.WaitingAt, Digest: s.Digest, By: "ann", Reason: "read it", Approved: approve})
	}, at)
}

func (b *bench) wantCalls(want ...string) {
	b.t.Helper()
	if !slices.Equal(b.calls, want) {
		b.t.Errorf("calls\n got %s\nwant %s", strings.Join(b.calls, " "), strings.Join(want, " "))
	}
}

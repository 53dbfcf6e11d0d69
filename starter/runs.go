package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"drover/internal/nearest"
	"drover/internal/preflight"
	"drover/workflows"
	"drover/workflows/step"
)

// queryPatience is how long a worker may take to answer a query. The server
// itself holds a query without a worker for half a minute.
const queryPatience = 8 * time.Second

// runState is what Temporal says of a run, in the words drover prints.
type runState string

const (
	stateRunning    runState = "running"
	stateCompleted  runState = "completed"
	stateFailed     runState = "failed"
	stateCanceled   runState = "cancelled"
	stateTerminated runState = "terminated"
)

func stateOf(status enums.WorkflowExecutionStatus) runState {
	switch status {
	case enums.WORKFLOW_EXECUTION_STATUS_RUNNING, enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return stateRunning
	case enums.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return stateCompleted
	case enums.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return stateCanceled
	case enums.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return stateTerminated
	default:
		return stateFailed
	}
}

// view is all that is known of one run at one moment.
type view struct {
	WorkflowID string      `json:"workflowId"`
	RunID      string      `json:"runId"`
	Runbook    string      `json:"runbook"`
	State      runState    `json:"state"`
	UI         string      `json:"ui,omitempty"`
	Status     step.Status `json:"status"`
	// Verdict is the result's, empty while the run goes on.
	Verdict string `json:"verdict,omitempty"`
	// Problem says why Status is missing or why the run failed.
	Problem string `json:"problem,omitempty"`
	// Running is the progress of activities at this moment.
	Running []step.Progress `json:"running,omitempty"`
	// Retrying are the activities that failed and are tried again. A run that
	// waits for somebody to make room looks else like one that works.
	Retrying []retry `json:"retrying,omitempty"`

	started time.Time
	endedAt time.Time
	end     outcome
	result  json.RawMessage
	silent  bool // no worker answered
}

// retry is an activity that failed and is tried again.
type retry struct {
	Activity string `json:"activity"`
	Failed   int32  `json:"failed"` // times
	Last     string `json:"last"`   // what it failed with the last time
}

func (v view) closed() bool { return v.State != stateRunning }

// ended is the error a verb that waited for the run ends with.
func (v view) ended() error {
	switch {
	case v.Status.Outcome == workflows.OutcomeBlocked:
		return fail(codeRefused, "run %s changed nothing: %s", v.WorkflowID, v.Problem).try("drover report " + v.WorkflowID)
	case v.Status.Outcome == step.RejectedOutcome:
		return fail(codeRefused, "run %s was rejected and put back", v.WorkflowID).try("drover report " + v.WorkflowID)
	case v.Status.Outcome == step.AbortedOutcome || v.State == stateCanceled:
		return fail(codeRefused, "run %s was aborted", v.WorkflowID).try("drover report " + v.WorkflowID)
	case v.State == stateTerminated:
		return fail(codeFailed, "run %s was terminated: nothing was put back", v.WorkflowID).try("drover report " + v.WorkflowID)
	case v.State != stateCompleted:
		return fail(codeFailed, "run %s failed: %s", v.WorkflowID, v.Problem).try("drover report " + v.WorkflowID)
	case v.Verdict == "": // the run has a result, and nobody has read it
		return fail(codeFailed, "run %s has ended, and how is not known: %s", v.WorkflowID, v.Problem).try("drover report " + v.WorkflowID)
	case v.Verdict != "match":
		return fail(codeFailed, "run %s ended with the verdict %q", v.WorkflowID, v.Verdict).try("drover report " + v.WorkflowID)
	}
	return nil
}

// outcome is the part of every runbook's result that verbs read.
type outcome struct {
	Outcome  step.Outcome        `json:"outcome"`
	Reason   string              `json:"reason"`
	Verdict  string              `json:"verdict"`
	Findings []preflight.Finding `json:"findings"`
	Left     []string            `json:"left"`
	Report   step.Status         `json:"report"`
}

// look asks Temporal, then the run itself, where a run is.
func (a *app) look(ctx context.Context, s session, workflowID string) (view, error) {
	described, err := s.client.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		if exitCode(err) == codeNotFound {
			return view{}, a.noSuchRun(ctx, s, workflowID)
		}
		return view{}, fmt.Errorf("look at run %s: %w", workflowID, err)
	}
	info := described.GetWorkflowExecutionInfo()
	v := view{
		WorkflowID: workflowID, RunID: info.GetExecution().GetRunId(), Runbook: info.GetType().GetName(),
		State: stateOf(info.GetStatus()), started: info.GetStartTime().AsTime(),
	}
	if info.GetCloseTime() != nil {
		v.endedAt = info.GetCloseTime().AsTime()
	}
	v.UI = s.endpoint.RunLink(workflowID, v.RunID)
	if v.closed() {
		s.readResult(ctx, &v)
		return v, nil
	}
	v.Running, v.Retrying = beats(described), retries(described)
	if err := s.query(ctx, &v); err != nil {
		if ctx.Err() != nil {
			return v, context.Cause(ctx)
		}
		v.silent = true
		v.Problem = fmt.Sprintf("no worker answers: start one (drover dev, or the worker binary) (%s)", err)
	}
	return v, nil
}

// session is an open connection and where it leads.
type session struct {
	client   client.Client
	endpoint interface {
		RunLink(workflowID, runID string) string
	}
}

func (s session) query(ctx context.Context, v *view) error {
	ctx, cancel := context.WithTimeout(ctx, queryPatience)
	defer cancel()
	answer, err := s.client.QueryWorkflow(ctx, v.WorkflowID, v.RunID, step.StatusQuery)
	if err != nil {
		return err
	}
	return answer.Get(&v.Status)
}

// readResult fills in how a run ended. A failed run has no result; a worker can
// still tell its last status.
func (s session) readResult(ctx context.Context, v *view) {
	err := s.client.GetWorkflow(ctx, v.WorkflowID, v.RunID).Get(ctx, &v.result)
	if err == nil {
		if err = json.Unmarshal(v.result, &v.end); err == nil {
			v.Status, v.Verdict = v.end.Report, v.end.Verdict
			v.Status.Outcome, v.Problem = v.end.Outcome, v.end.Reason
			return
		}
		err = fmt.Errorf("read the result: %w", err)
	}
	v.Problem = innermost(err)
	if err := s.query(ctx, v); err != nil {
		v.silent = true
	}
}

// innermost drops the wrappers that Temporal puts around a failure's text.
func innermost(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || inner.Error() == "" {
			return err.Error()
		}
		err = inner
	}
}

// beats reads the progress that running activities report with their heartbeat.
func beats(described *workflowservice.DescribeWorkflowExecutionResponse) []step.Progress {
	var running []step.Progress
	for _, pending := range described.GetPendingActivities() {
		var p step.Progress
		details := pending.GetHeartbeatDetails()
		if details == nil || converter.GetDefaultDataConverter().FromPayloads(details, &p) != nil || p.Total <= 0 {
			continue
		}
		if p.Name == "" {
			p.Name = pending.GetActivityType().GetName()
		}
		running = append(running, p)
	}
	return running
}

// retries reads which pending activities have failed before.
func retries(described *workflowservice.DescribeWorkflowExecutionResponse) []retry {
	var list []retry
	for _, pending := range described.GetPendingActivities() {
		if failure := pending.GetLastFailure(); failure != nil {
			list = append(list, retry{
				Activity: pending.GetActivityType().GetName(), Failed: max(1, pending.GetAttempt()-1), Last: failure.GetMessage(),
			})
		}
	}
	return list
}

// drovers selects the runs of drover's own types.
func drovers(more string) string {
	var names []string
	for _, rb := range runbooks() {
		names = append(names, "'"+rb.name+"'")
	}
	query := "WorkflowType IN (" + strings.Join(names, ", ") + ")"
	if more != "" {
		query += " AND " + more
	}
	return query
}

func (s session) list(ctx context.Context, query string, limit int) ([]*workflow.WorkflowExecutionInfo, error) {
	var runs []*workflow.WorkflowExecutionInfo
	var next []byte
	for {
		page, err := s.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: int32(min(limit, 100)), NextPageToken: next,
		})
		if err != nil {
			return nil, fmt.Errorf("list runs: %w", err)
		}
		runs = append(runs, page.GetExecutions()...)
		next = page.GetNextPageToken()
		if len(runs) >= limit || len(next) == 0 {
			return runs[:min(limit, len(runs))], nil
		}
	}
}

// pick returns the run a verb is about: the argument, else the only one that
// runs. It never guesses between several.
func (a *app) pick(ctx context.Context, s session, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	running, err := s.list(ctx, drovers("ExecutionStatus = 'Running'"), namedAtMost+1)
	if err != nil {
		return "", err
	}
	switch n := len(running); {
	case n == 0:
		return "", s.nothingRuns(ctx)
	case n == 1:
		return running[0].GetExecution().GetWorkflowId(), nil
	case n > namedAtMost:
		return "", usage("more than %d runs are running: name the one you mean", namedAtMost).try("drover list --running")
	}
	return "", usage("%d runs are running: name the one you mean: %s", len(running), strings.Join(ids(running), ", ")).try("drover list --running")
}

// namedAtMost is how many runs an error names.
const namedAtMost = 10

// nothingRuns names the newest runs that ended: whoever has just followed one to
// its end means that one.
func (s session) nothingRuns(ctx context.Context) error {
	ended, err := s.list(ctx, drovers(""), 3)
	if err != nil || len(ended) == 0 { // the names are a courtesy
		return fail(codeNotFound, "nothing runs: name the run").try("drover list")
	}
	names := ids(ended)
	return fail(codeNotFound, "nothing runs: name the run, the newest that ended: %s", strings.Join(names, ", ")).try("drover report " + names[0])
}

// find connects and looks at the run a verb is about. The caller closes the
// session's client; on an error there is nothing to close.
func (a *app) find(ctx context.Context, args []string) (session, view, error) {
	s, err := a.session(ctx)
	if err != nil {
		return session{}, view{}, err
	}
	id, err := a.pick(ctx, s, args)
	if err == nil {
		var v view
		if v, err = a.look(ctx, s, id); err == nil {
			return s, v, nil
		}
	}
	s.client.Close()
	return session{}, view{}, err
}

func (a *app) noSuchRun(ctx context.Context, s session, workflowID string) error {
	recent, err := s.list(ctx, drovers(""), 100)
	if err != nil {
		recent = nil // the hint is a courtesy; the run is absent either way
	}
	hint := ""
	if guess, ok := nearest.Of(workflowID, ids(recent)); ok {
		hint = fmt.Sprintf(", did you mean %q?", guess)
	}
	return fail(codeNotFound, "there is no run %q%s", workflowID, hint).try("drover list")
}

func ids(runs []*workflow.WorkflowExecutionInfo) []string {
	var names []string
	for _, run := range runs {
		names = append(names, run.GetExecution().GetWorkflowId())
	}
	return names
}

// session connects; the caller closes the client.
func (a *app) session(ctx context.Context) (session, error) {
	c, endpoint, err := a.temporal(ctx)
	return session{client: c, endpoint: endpoint}, err
}

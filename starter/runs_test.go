package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

// standIn answers as a Temporal does that has these runs.
type standIn struct {
	client.Client
	running, ended int
}

func (s standIn) ListWorkflow(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	n, name := s.ended, "ended"
	if strings.Contains(r.GetQuery(), "Running") {
		n, name = s.running, "running"
	}
	answer := &workflowservice.ListWorkflowExecutionsResponse{}
	for i := range min(n, int(r.GetPageSize())) {
		answer.Executions = append(answer.Executions, &workflow.WorkflowExecutionInfo{
			Execution: &common.WorkflowExecution{WorkflowId: fmt.Sprintf("%s-%d", name, i+1)},
		})
	}
	return answer, nil
}

func (standIn) GetWorkflow(context.Context, string, string) client.WorkflowRun { return unreadable{} }

func (standIn) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	return nil, errors.New("nobody polls")
}

type unreadable struct{ client.WorkflowRun }

func (unreadable) Get(context.Context, any) error {
	return errors.New("payload of an unknown encoding")
}

// TestARunWhoseResultCannotBeReadIsNoSuccess: watch ended with exit code 0 for a
// run of which nobody knew how it had ended.
func TestARunWhoseResultCannotBeReadIsNoSuccess(t *testing.T) {
	v := view{WorkflowID: "x", State: stateCompleted}
	session{client: standIn{}}.readResult(t.Context(), &v)
	err := v.ended()
	if exitCode(err) != codeFailed || !strings.Contains(fmt.Sprint(err), "payload of an unknown encoding") {
		t.Errorf("it ended with %v, exit code %d, want %d and why", err, exitCode(err), codeFailed)
	}
}

// TestAVerbWithoutARunNamesThoseItMayMean: of forty runs it said that there were
// ten, and after the only one had ended nothing named that.
func TestAVerbWithoutARunNamesThoseItMayMean(t *testing.T) {
	for _, tc := range []struct {
		standIn
		code int
		says []string
	}{
		{standIn{running: 1}, codeOK, nil},
		{standIn{running: 10}, codeUsage, []string{"10 runs are running", "running-10", "try: drover list --running"}},
		{standIn{running: 40}, codeUsage, []string{"more than 10 runs are running", "try: drover list --running"}},
		{standIn{ended: 40}, codeNotFound, []string{"nothing runs", "ended-1, ended-2, ended-3", "try: drover report ended-1"}},
		{standIn{}, codeNotFound, []string{"nothing runs", "try: drover list"}},
	} {
		var talk strings.Builder
		a := newApp(strings.NewReader(""), &strings.Builder{}, &talk)
		id, err := a.pick(t.Context(), session{client: tc.standIn}, nil)
		if exitCode(err) != tc.code || (err == nil) != (id == "running-1") {
			t.Errorf("%+v: picked %q, %v, want exit code %d", tc.standIn, id, err, tc.code)
		}
		if err != nil {
			a.complain(err)
		}
		for _, words := range tc.says {
			if !strings.Contains(talk.String(), words) {
				t.Errorf("%+v: it says %q, want %q in it", tc.standIn, talk.String(), words)
			}
		}
	}
}

package main

import (
	"context"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"

	"drover/workflows/step"
)

// listed is one line of list.
type listed struct {
	WorkflowID string     `json:"workflowId"`
	RunID      string     `json:"runId"`
	Runbook    string     `json:"runbook"`
	State      runState   `json:"state"`
	Phase      string     `json:"phase,omitempty"`
	Sites      string     `json:"sites,omitempty"`
	Started    time.Time  `json:"started"`
	Ended      *time.Time `json:"ended,omitempty"`
	UI         string     `json:"ui,omitempty"`
}

func newListCmd(a *app) *cobra.Command {
	var running bool
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list running and finished runs",
		Long: exits(`
List the runs of drover's runbooks, the newest first. The phase is the last one
a run wrote down; a run that has just been started has none yet.`, codeOK, codeUsage, codeUnreachable),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return usage("--limit %d: give at least 1", limit)
			}
			return a.list(cmd.Context(), running, limit)
		},
	}
	cmd.Flags().BoolVar(&running, "running", false, "only runs that are running")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many runs at most")
	return cmd
}

func (a *app) list(ctx context.Context, running bool, limit int) error {
	s, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer s.client.Close()
	condition := ""
	if running {
		condition = "ExecutionStatus = 'Running'"
	}
	found, err := s.list(ctx, drovers(condition), limit)
	if err != nil {
		return err
	}
	runs := []listed{}
	for _, info := range found {
		runs = append(runs, lineOf(info, s))
	}
	return a.answer(map[string][]listed{"runs": runs}, func(w io.Writer) error { return showRuns(w, runs) })
}

func lineOf(info *workflow.WorkflowExecutionInfo, s session) listed {
	line := listed{
		WorkflowID: info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId(),
		Runbook: info.GetType().GetName(), State: stateOf(info.GetStatus()), Started: info.GetStartTime().AsTime(),
		Phase: attribute(info, step.PhaseAttribute.GetName()), Sites: attribute(info, step.SiteAttribute.GetName()),
	}
	line.UI = s.endpoint.RunLink(line.WorkflowID, line.RunID)
	if info.GetCloseTime() != nil {
		ended := info.GetCloseTime().AsTime()
		line.Ended = &ended
	}
	return line
}

// attribute reads a keyword, "" when the run has not written it yet.
func attribute(info *workflow.WorkflowExecutionInfo, name string) string {
	var value string
	payload, ok := info.GetSearchAttributes().GetIndexedFields()[name]
	if !ok || converter.GetDefaultDataConverter().FromPayload(payload, &value) != nil {
		return ""
	}
	return value
}

func showRuns(w io.Writer, runs []listed) error {
	p := &page{w: w}
	if len(runs) == 0 {
		p.line("no runs yet: start one with drover start, or watch drover demo")
		return p.err
	}
	var rows []table.Row
	for _, run := range runs {
		rows = append(rows, table.Row{run.WorkflowID, run.State, orNone(run.Phase), orNone(run.Sites), ago(run.Started)})
	}
	p.table(table.Row{"run", "state", "phase", "sites", "started"}, rows)
	return p.err
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"drover/internal/nearest"
	"drover/workflows"
)

// startOptions are the flags of start that are no part of the input.
type startOptions struct {
	input string
	id    string
}

func newStartCmd(a *app) *cobra.Command {
	var o startOptions
	cmd := &cobra.Command{
		Use:   "start RUNBOOK (--input FILE | --source A --target B (--table T ... | --source-path DIR))",
		Short: "start a run",
		Long: exits(`
Start a run of a runbook. The input is checked by the same rules as in the
workflow before anything is sent; an unknown key is refused. The id of the run
is made of its subject, so a second start of the same migration or mirror is
refused while the first one runs. Flags that begin with the name of a runbook
are for that one.`, codeOK, codeUsage, codeRefused, codeNotFound, codeUnreachable),
		Example: `  drover start HBaseMigration --source a --target b --table shop:orders
  drover start HDFSMirror --source a --target b --source-path /data/a --interval 15m
  drover start HBaseMigration --input migration.json
  drover schema HBaseMigration    # every key of the input`,
		Args: oneArg("the name of a runbook, for instance HBaseMigration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.start(cmd.Context(), args[0], o, cmd.Flags())
		},
	}
	o.register(cmd.Flags())
	return cmd
}

func (o *startOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.input, "input", "", "file with the input as one JSON object, - for stdin")
	flags.StringVar(&o.id, "id", "", "id of the run (default: made of sites and tables or paths)")
	registerInput(flags)
}

// started is the answer of start.
type started struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	Title      string `json:"title"`
	UI         string `json:"ui,omitempty"`
}

func (a *app) start(ctx context.Context, name string, o startOptions, flags *pflag.FlagSet) error {
	rb, err := findRunbook(name)
	if err != nil {
		return err
	}
	text, err := a.startInput(rb, o, flags)
	if err != nil {
		return err
	}
	req, err := rb.parse(text)
	if err != nil {
		return err
	}
	if err := a.checkSites(req); err != nil {
		return err
	}
	if o.id != "" {
		req.id = o.id
	}
	c, endpoint, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       req.id,
		TaskQueue:                                workflows.RunbooksQueue,
		StaticSummary:                            req.title,
		WorkflowIDConflictPolicy:                 enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, rb.name, req.input)
	if err != nil {
		return startError(req.id, err)
	}
	a.warnWithoutWorker(ctx, c)
	answer := started{WorkflowID: run.GetID(), RunID: run.GetRunID(), Title: req.title, UI: endpoint.RunLink(run.GetID(), run.GetRunID())}
	return a.answer(answer, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "started %s\n  run     %s\n  UI      %s\n  follow  drover watch %s\n", answer.Title, answer.WorkflowID, orNone(answer.UI), answer.WorkflowID)
		return err
	})
}

// startInput is the JSON that will be parsed: the file's, or made of flags.
func (a *app) startInput(rb runbook, o startOptions, flags *pflag.FlagSet) ([]byte, error) {
	given := givenInput(flags)
	switch {
	case o.input != "" && len(given) > 0:
		return nil, usage("give either --input or flags such as --%s, not both", given[0].Name)
	case o.input == "-":
		text, err := io.ReadAll(a.in)
		if err != nil {
			return nil, fmt.Errorf("read the input from stdin: %w", err)
		}
		return text, nil
	case o.input != "":
		text, err := os.ReadFile(o.input)
		if err != nil {
			return nil, usage("read the input: %w", err)
		}
		return text, nil
	}
	return inputOfFlags(rb.name, given)
}

// checkSites compares with the configuration at hand. Without one the workers'
// configuration decides, in preflight.
func (a *app) checkSites(req request) error {
	cfg, err := a.optionalConfig()
	if err != nil {
		return err
	}
	known := cfg.SiteNames()
	if len(known) == 0 {
		return nil
	}
	for _, site := range req.sites {
		switch {
		case !slices.Contains(known, site):
			return fail(codeNotFound, "the configuration %s has no site %q%s", cfg.Path(), site, nearest.Hint(site, known))
		case req.hbase && !cfg.Sites[site].HasHBase():
			return fail(codeRefused, "site %s of %s has no HBase, and this runbook moves tables", site, cfg.Path()).
				try("drover schema HDFSMirror, which mirrors directories, or name the site's HBase in the configuration")
		}
	}
	return nil
}

func startError(id string, err error) error {
	if exitCode(err) == codeRefused {
		return fail(codeRefused, "run %s is running already: one subject has one run at a time", id).try("drover status " + id)
	}
	return fmt.Errorf("start run %s: %w", id, err)
}

// warnWithoutWorker says what Temporal does not: a run nobody works on looks
// like one that runs.
func (a *app) warnWithoutWorker(ctx context.Context, c client.Client) {
	queue, err := c.DescribeTaskQueue(ctx, workflows.RunbooksQueue, enums.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil || len(queue.GetPollers()) > 0 {
		return
	}
	a.say("no worker serves the queue %s: the run waits until one is started (drover dev, or the worker binary)", workflows.RunbooksQueue)
}

// whoami is the default for --by and --started-by.
func whoami() string {
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	if current, err := user.Current(); err == nil {
		return current.Username
	}
	return ""
}

func orNone(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

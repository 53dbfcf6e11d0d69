package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"drover/activities"
	"drover/internal/config"
	"drover/internal/hbase"
	"drover/internal/preflight"
	"drover/workflows"
)

// planned is the answer of plan.
type planned struct {
	Title    string              `json:"title"`
	Ready    bool                `json:"ready"`
	Blocking int                 `json:"blocking"`
	Findings []preflight.Finding `json:"findings"`
	// Commands are those of another program that a run would start.
	Commands *plannedCommands `json:"commands,omitempty"`
}

// plannedCommands are what distcp would be started with, were the key of the
// run "plan".
type plannedCommands struct {
	Host     string `json:"host"`
	Baseline string `json:"baseline,omitempty"`
	Round    string `json:"round"`
}

func newPlanCmd(a *app) *cobra.Command {
	var o startOptions
	cmd := &cobra.Command{
		Use:   "plan RUNBOOK (--input FILE | --source A --target B (--table T ... | --source-path DIR))",
		Short: "look at both sides and report every finding, changing nothing",
		Long: exits(`
Run the preflight of a runbook from here, without Temporal and without
changing anything: every finding at once, each with what was seen and what to
do. It takes the input of start. The run itself checks again, from its workers:
what those reach is what counts.`, codeOK, codeUsage, codeRefused, codeNotFound, codeUnreachable),
		Example: "  drover plan HBaseMigration --source a --target b --table shop:orders\n  drover plan HDFSMirror --source a --target b --source-path /data/a",
		Args:    oneArg("the name of a runbook, for instance HBaseMigration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.plan(cmd.Context(), args[0], o, cmd.Flags())
		},
	}
	o.register(cmd.Flags())
	// A plan starts nothing, so it has no id.
	cmd.Flags().Lookup("id").Hidden = true
	return cmd
}

func (a *app) plan(ctx context.Context, name string, o startOptions, flags *pflag.FlagSet) error {
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
	cfg, err := a.config()
	if err != nil {
		return err
	}
	if err := a.checkSites(req); err != nil {
		return err
	}
	var findings []preflight.Finding
	var commands *plannedCommands
	var accepted []string
	switch in := req.input.(type) {
	case workflows.HBaseMigrationInput:
		accepted = in.Accept
		findings, err = preflightHBase(ctx, cfg, in)
	case workflows.HDFSMirrorInput:
		accepted = in.Accept
		findings, commands, err = preflightMirror(ctx, cfg, in)
	}
	if err != nil {
		return err
	}
	answer := judge(req.title, findings, accepted)
	answer.Commands = commands
	return a.showPlan(answer)
}

func preflightMirror(ctx context.Context, cfg config.Config, in workflows.HDFSMirrorInput) ([]preflight.Finding, *plannedCommands, error) {
	sites := activities.NewSites(cfg)
	at := activities.MirrorAt{
		Pair:       activities.Pair{Source: in.Source, Target: in.Target},
		SourcePath: in.SourcePath, TargetPath: in.TargetPath, RunKey: "plan",
	}
	seen, err := activities.NewMirror(sites).PreflightMirror(ctx, activities.MirrorPreflightInput{
		MirrorAt: at, From: in.From, Freeze: in.Freeze, Hooks: slices.Concat(in.Hooks.BeforeSwitch, in.Hooks.AfterSwitch),
	})
	var commands *plannedCommands
	if err == nil && in.Engine.Kind == workflows.EngineDistcp {
		first, second := "drover-plan-00000", "drover-plan-00001"
		var engine activities.DistcpPreflightResult
		engine, err = activities.NewMirror(sites).PreflightMirrorDistcp(ctx, activities.MirrorDistcpInput{MirrorAt: at, Engine: in.Engine, From: in.From, Snapshot: first, Without: in.Without})
		seen.Findings = append(seen.Findings, engine.Findings...)
		if c := engine.Commands; c.Host != "" {
			commands = &plannedCommands{Host: c.Host, Baseline: c.FirstCopy(), Round: c.Between(cmp.Or(in.From, first), second)}
		}
	}
	return seen.Findings, commands, errors.Join(err, sites.Close())
}

// preflightHBase calls the activity as a function: the same code as in a run.
func preflightHBase(ctx context.Context, cfg config.Config, in workflows.HBaseMigrationInput) ([]preflight.Finding, error) {
	hbase.SilenceZooKeeper()
	sites := activities.NewSites(cfg)
	seen, err := activities.NewHBase(sites).PreflightHBase(ctx, activities.PreflightInput{
		Pair: activities.Pair{Source: in.Source, Target: in.Target}, Tables: in.Tables,
		PeerID: "drover_plan", RunKey: "plan",
	})
	if err := errors.Join(err, sites.Close()); err != nil {
		return nil, err
	}
	return seen.Findings, nil
}

func judge(title string, findings []preflight.Finding, accepted []string) planned {
	answer := planned{Title: title, Findings: slices.Clone(findings)}
	preflight.Sort(answer.Findings)
	for _, f := range preflight.Blocking(findings) {
		if !slices.Contains(accepted, f.ID) {
			answer.Blocking++
		}
	}
	answer.Ready = answer.Blocking == 0
	if answer.Findings == nil {
		answer.Findings = []preflight.Finding{}
	}
	return answer
}

func (a *app) showPlan(answer planned) error {
	err := a.answer(answer, func(w io.Writer) error {
		p := &page{w: w}
		p.line("plan of %s", answer.Title)
		if len(answer.Findings) > 0 {
			showFindings(p, answer.Findings)
		}
		if c := answer.Commands; c != nil {
			p.line("a run starts these commands on %s, with its own key for \"plan\":", c.Host)
			if c.Baseline != "" {
				p.line("  baseline  %s", c.Baseline)
			}
			p.line("  round     %s", c.Round)
		}
		if answer.Ready {
			p.line("nothing blocks: drover start takes the same flags")
		}
		return p.err
	})
	if err != nil {
		return err
	}
	if !answer.Ready {
		return fail(codeRefused, "a run would stop at its preflight: blocking findings: %d", answer.Blocking).
			try("drover plan again after you did what they say, or --accept ID for one you take on")
	}
	return nil
}

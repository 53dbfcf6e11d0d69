package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"drover/internal/nearest"
	"drover/internal/report"
)

// reportFormats are what --format takes.
func reportFormats() []string { return []string{"md", "json", "html"} }

func newReportCmd(a *app) *cobra.Command {
	var format, file string
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "print the report of a run",
		Long: exits(`
Print the report of a run: verdict, what was compared, who decided on which
evidence, how long writes were refused and where the time went, what was put
back and what is left. A run that goes on has a report too; its verdict is
unproven. The exit code says whether there is a report, not what it says.`,
			codeOK, codeFailed, codeUsage, codeNotFound, codeUnreachable),
		Example: "  drover report hbase-migration.a.b.shop~orders --format html --out report.html",
		Args:    optionalArg("the id of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.json {
				if cmd.Flags().Changed("format") && format != "json" {
					return usage("--json and --format %s contradict each other: give one", format)
				}
				format = "json"
			}
			if known := reportFormats(); !slices.Contains(known, format) {
				return usage("--format %s is unknown%s", format, nearest.Hint(format, known))
			}
			return a.report(cmd.Context(), args, format, file)
		},
	}
	cmd.Flags().StringVar(&format, "format", "md", "md, json or html")
	cmd.Flags().StringVar(&file, "out", "", "file to write instead of stdout")
	return cmd
}

func (a *app) report(ctx context.Context, args []string, format, file string) error {
	s, v, err := a.find(ctx, args)
	if err != nil {
		return err
	}
	defer s.client.Close()
	if v.silent && len(v.result) == 0 {
		a.say("no worker answers, so most of this report is missing: start one (drover dev, or the worker binary) and ask again")
	}
	record, err := recordOf(v)
	if err != nil {
		return err
	}
	text, err := render(record, format)
	if err != nil {
		return err
	}
	if file == "" {
		_, err = fmt.Fprintln(a.out, strings.TrimRight(text, "\n"))
		return err
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return a.answer(map[string]string{"workflowId": v.WorkflowID, "file": file}, func(io.Writer) error {
		a.say("report of %s written to %s", v.WorkflowID, file)
		return nil
	})
}

func render(record report.Record, format string) (string, error) {
	switch format {
	case "html":
		return report.HTML(record)
	case "json":
		text, err := report.JSON(record)
		return string(text), err
	default:
		return report.Markdown(record), nil
	}
}

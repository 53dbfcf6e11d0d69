package main

import (
	"io"
	"reflect"
	"time"

	"github.com/invopop/jsonschema"
	"github.com/spf13/cobra"

	"drover/workflows"
)

func newSchemaCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema RUNBOOK",
		Short: "print the JSON schema of a runbook's input",
		Long: exits(`
Print the JSON schema (draft 2020-12) of a runbook's input: what the start form
of the Temporal UI, the HTTP API and "drover start --input" accept. The answer
is JSON with and without --json.`, codeOK, codeUsage, codeNotFound),
		Example: "  drover schema HBaseMigration",
		Args:    oneArg("the name of a runbook, for instance HBaseMigration"),
		RunE: func(_ *cobra.Command, args []string) error {
			rb, err := findRunbook(args[0])
			if err != nil {
				return err
			}
			a.json = true
			return a.answer(schemaOf(rb), func(io.Writer) error { return nil })
		},
	}
}

func schemaOf(rb runbook) *jsonschema.Schema {
	reflector := jsonschema.Reflector{
		DoNotReference:             true,
		Anonymous:                  true,
		RequiredFromJSONSchemaTags: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if t != reflect.TypeFor[workflows.Duration]() && t != reflect.TypeFor[time.Duration]() {
				return nil
			}
			return &jsonschema.Schema{Type: "string", Examples: []any{"30m", "24h"}}
		},
	}
	schema := reflector.Reflect(rb.input)
	schema.Title = rb.name
	schema.Description = rb.about
	return schema
}

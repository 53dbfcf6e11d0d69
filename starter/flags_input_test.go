package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"drover/activities"
	"drover/workflows"
)

// keysOfFlags gives what the flags of a runbook set.
func keysOfFlags(runbook string) []string {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	registerInput(flags)
	keys := map[string]bool{}
	flags.VisitAll(func(flag *pflag.Flag) {
		if of := flag.Annotations[inputOf]; len(of) == 0 || slices.Contains(of, runbook) {
			key, _, _ := strings.Cut(flag.Annotations[inputKey][0], ".")
			keys[key] = true
		}
	})
	return slices.Sorted(maps.Keys(keys))
}

// TestEveryInputKeyHasAFlag: a key without one cannot be given on the command
// line, a flag without one is refused by the runbook whenever it is used.
func TestEveryInputKeyHasAFlag(t *testing.T) {
	for _, rb := range runbooks() {
		var keys []string
		for pair := schemaOf(rb).Properties.Oldest(); pair != nil; pair = pair.Next() {
			keys = append(keys, pair.Key)
		}
		slices.Sort(keys)
		if diff := cmp.Diff(keys, keysOfFlags(rb.name)); diff != "" {
			t.Errorf("%s: keys of the input (-) and what flags set (+); the flags are in flags_input.go:\n%s", rb.name, diff)
		}
	}
}

func TestFlagsMakeTheInputOfAFile(t *testing.T) {
	t.Setenv("USER", "olga")
	for _, tc := range []struct{ runbook, line, want string }{
		{
			"HBaseMigration", "--source a --target b --table t --table n:u --evidence-max-age 90m --export-bytes-per-second 50MB --two-persons",
			`{"evidenceMaxAge":"1h30m0s","exportBytesPerSecond":50000000,"source":"a","startedBy":"olga","tables":["t","n:u"],"target":"b","twoPersons":true}`,
		},
		{
			"HDFSMirror", "--source a --target b --source-path /x --interval 15m --converge-at 7 --keep-snapshots 9 --without acl --without times --keep-on-abort",
			`{"convergeAt":7,"interval":"15m0s","keepOnAbort":true,"keepSnapshots":9,"source":"a","sourcePath":"/x","startedBy":"olga","target":"b","without":["acl","times"]}`,
		},
		{
			"HDFSMirror", "--hook-before-switch stop-jobs --hook-after-switch x --hook-after-switch y --freeze quota --thaw --drift-samples 5",
			`{"driftSamples":5,"freeze":"quota","hooks":{"afterSwitch":["x","y"],"beforeSwitch":["stop-jobs"]},"startedBy":"olga","thaw":true}`,
		},
		{"HDFSMirror", "--started-by ann --bytes-per-second 1MiB", `{"bytesPerSecond":1048576,"startedBy":"ann"}`},
	} {
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		registerInput(flags)
		if err := flags.Parse(strings.Fields(tc.line)); err != nil {
			t.Fatalf("%s: %v", tc.line, err)
		}
		got, err := inputOfFlags(tc.runbook, givenInput(flags))
		if err != nil || string(got) != tc.want {
			t.Errorf("%s %s: input %s, %v, want %s", tc.runbook, tc.line, got, err, tc.want)
		}
		// The command that an input is written as makes the same input.
		line, err := startCommand(tc.runbook, json.RawMessage(tc.want))
		words := strings.Fields(line)
		if err != nil || len(words) < 3 || strings.Join(words[:3], " ") != "drover start "+tc.runbook {
			t.Errorf("%s is started with %q, %v", tc.want, line, err)
			continue
		}
		again := pflag.NewFlagSet("", pflag.ContinueOnError)
		registerInput(again)
		if err := again.Parse(words[3:]); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got, err := inputOfFlags(tc.runbook, givenInput(again)); err != nil || string(got) != tc.want {
			t.Errorf("%s: input %s, %v, want %s", line, got, err, tc.want)
		}
	}
}

// TestTheWayBackIsACommand: the report of a mirror says how to start it.
func TestTheWayBackIsACommand(t *testing.T) {
	got, err := startCommand("HDFSMirror", &workflows.HDFSMirrorInput{
		Source: "b", Target: "a", SourcePath: "/copies/of a", TargetPath: "/data/a", From: "s5", KeepOnAbort: true, Without: []string{"acl"},
		Engine: activities.MirrorEngine{Kind: "distcp", At: "source", Maps: 4},
	})
	want := "drover start HDFSMirror --engine distcp --engine-at source --engine-maps 4 --from s5 --keep-on-abort --source b --source-path '/copies/of a' --target a --target-path /data/a --without acl"
	if err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

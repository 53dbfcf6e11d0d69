package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"drover/internal/command"
	"drover/workflows"
)

// Annotations of a flag that stands for a key of a runbook's input.
const (
	inputKey = "drover-input-key"
	inputOf  = "drover-input-of" // runbooks that have the key; absent: all of them
)

// registerInput adds the flags that make an input on the command line. The
// runbook's own parser judges what they were given.
func registerInput(flags *pflag.FlagSet) {
	in := pflag.NewFlagSet("input", pflag.ContinueOnError)
	flagsOfEvery(in)
	mark(in)
	flagsOfHBaseMigration(in)
	mark(in, "HBaseMigration")
	flagsOfHDFSMirror(in)
	mark(in, "HDFSMirror")
	flags.AddFlagSet(in)
}

// mark says of the flags added last which key of which runbook they set.
func mark(in *pflag.FlagSet, runbooks ...string) {
	in.VisitAll(func(flag *pflag.Flag) {
		if flag.Annotations != nil {
			return
		}
		flag.Annotations = map[string][]string{inputKey: {keyOf(flag.Name)}}
		if len(runbooks) > 0 {
			flag.Annotations[inputOf] = runbooks
			flag.Usage = strings.Join(runbooks, ", ") + ": " + flag.Usage
		}
	})
}

// keyOf gives the key a flag sets. A flag is called like its key, in dashes; one
// that stands for an item of a list has the key's singular, and a point leads
// into an object.
func keyOf(flag string) string {
	special := map[string]string{
		"table":              "tables",
		"hook-before-switch": "hooks.beforeSwitch",
		"hook-after-switch":  "hooks.afterSwitch",
		"engine":             "engine.kind",
		"engine-at":          "engine.at",
		"engine-queue":       "engine.queue",
		"engine-maps":        "engine.maps",
		"engine-bandwidth":   "engine.bandwidthMB",
	}
	if key, ok := special[flag]; ok {
		return key
	}
	first, rest, _ := strings.Cut(flag, "-")
	for word := range strings.SplitSeq(rest, "-") {
		if word != "" {
			first += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return first
}

func flagsOfEvery(in *pflag.FlagSet) {
	in.String("source", "", "site to start from")
	in.String("target", "", "site to go to")
	in.StringArray("accept", nil, "id of a blocking preflight finding to accept; repeat for more")
	in.Bool("two-persons", false, "whoever approves must not be whoever starts the run")
	in.String("started-by", "", "who starts the run (default $USER)")
	in.Bool("rehearsal", false, "a run on test data")
	in.Bool("auto-approve", false, "decide every gate without a human, only with --rehearsal")
}

func flagsOfHBaseMigration(in *pflag.FlagSet) {
	in.StringArray("table", nil, "table to move, t or namespace:t; repeat for more")
	in.Var(new(durationFlag), "evidence-max-age", "age after which the evidence of a gate is measured again (default 24h)")
	in.Int("export-parallel", 0, "files copied at a time (default 4)")
	in.Var(new(bytesFlag), "export-bytes-per-second", "limit of the copy, for instance 50MB (default none)")
	in.Int("verify-parallel", 0, "key ranges compared at a time (default 2)")
	in.Var(new(bytesFlag), "full-proof-below", "table size up to which the proof under the fence compares all of it (default 256MiB)")
}

func flagsOfHDFSMirror(in *pflag.FlagSet) {
	in.String("source-path", "", "directory to mirror, an absolute path")
	in.String("target-path", "", "directory it becomes at the target (default: the same path)")
	in.String("from", "", "snapshot that both trees have, to continue from instead of a baseline")
	in.Var(new(durationFlag), "interval", "time between rounds while the cutover gate is open (default 1h)")
	in.Int64("converge-at", 0, "rounds follow each other until one has at most so many changes (0 is the default, 100)")
	in.Int("max-rounds", 0, "rounds in a row at most (default 5)")
	in.Int("keep-snapshots", 0, "snapshots kept on each side besides the baseline and the last common one (0 is the default, 3)")
	in.Var(new(durationFlag), "keep-for", "snapshots younger than this are kept too (default none)")
	in.Bool("keep-on-abort", false, "leave the copied tree and the last common snapshot when the run ends early")
	in.Int("files-parallel", 0, "files copied at a time in each batch; eight under 1 MB count as one (default 8)")
	in.Int("batches-parallel", 0, "batches copied at a time over all workers (default 2)")
	in.Var(new(bytesFlag), "bytes-per-second", "limit of each batch, for instance 50MB (default none)")
	in.Int("drift-samples", 0, "files of the target looked at before each round to find what others wrote (0 is the default, 100)")
	in.String("freeze", "", "what keeps writers off the source during the cutover: word (people do), permissions or quota (default word)")
	in.Bool("thaw", false, "lift the freeze of the source after the cutover")
	in.Var(new(durationFlag), "soak", "time after the switch in which the run's snapshots cannot be given up (default none)")
	in.StringArray("hook-before-switch", nil, "hook of the workers' configuration to run before the commit line; repeat for more")
	in.StringArray("hook-after-switch", nil, "hook of the workers' configuration to run behind the commit line; repeat for more")
	in.String("engine", "", "what copies the data: native or distcp (default native)")
	in.String("engine-at", "", "where distcp is started: target, source or a name of commandHosts (default target)")
	in.String("engine-queue", "", "YARN queue of distcp")
	in.Int("engine-maps", 0, "maps of distcp (default: its own)")
	in.Float64("engine-bandwidth", 0, "limit of each map of distcp, in MB a second (default: its own)")
	in.StringArray("without", nil, "attribute that is not kept: owner, acl, xattr or times; repeat for more")
}

// givenInput lists the input's flags that the command line has.
func givenInput(flags *pflag.FlagSet) []*pflag.Flag {
	var given []*pflag.Flag
	flags.Visit(func(flag *pflag.Flag) {
		if len(flag.Annotations[inputKey]) > 0 {
			given = append(given, flag)
		}
	})
	return given
}

// inputOfFlags makes the JSON object that a file would hold. A flag of another
// runbook is refused: its author meant something.
func inputOfFlags(runbook string, given []*pflag.Flag) ([]byte, error) {
	in := map[string]any{"startedBy": whoami()}
	for _, flag := range given {
		if of := flag.Annotations[inputOf]; len(of) > 0 && !slices.Contains(of, runbook) {
			return nil, usage("--%s is a flag of %s, not of %s", flag.Name, strings.Join(of, " and "), runbook).
				try("drover schema " + runbook + ", which lists every key")
		}
		value, err := jsonOf(flag.Value)
		if err != nil {
			return nil, usage("--%s: %w", flag.Name, err)
		}
		put(in, flag.Annotations[inputKey][0], value)
	}
	text, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("make the input of the flags: %w", err)
	}
	return text, nil
}

// put sets a key, in the object that it leads into.
func put(in map[string]any, key string, value any) {
	object, inner, nested := strings.Cut(key, ".")
	if !nested {
		in[key] = value
		return
	}
	within, ok := in[object].(map[string]any)
	if !ok {
		within = map[string]any{}
		in[object] = within
	}
	within[inner] = value
}

// jsonOf gives a flag's value as JSON has it.
func jsonOf(value pflag.Value) (any, error) {
	switch v := value.(type) {
	case pflag.SliceValue:
		return v.GetSlice(), nil
	case *durationFlag:
		return workflows.Duration(*v), nil
	}
	switch value.Type() {
	case "bool":
		return strconv.ParseBool(value.String())
	case "int", "int64", (*bytesFlag)(nil).Type():
		return strconv.ParseInt(value.String(), 10, 64)
	case "float64":
		return strconv.ParseFloat(value.String(), 64)
	}
	return value.String(), nil
}

// startCommand is the command line that starts a runbook with an input.
func startCommand(runbook string, input any) (string, error) {
	text, err := json.Marshal(input)
	if err != nil {
		return "", fmt.Errorf("write the input of %s: %w", runbook, err)
	}
	in := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&in); err != nil {
		return "", fmt.Errorf("write the input of %s: %w", runbook, err)
	}
	flags := pflag.NewFlagSet(runbook, pflag.ContinueOnError)
	registerInput(flags)
	argv := []string{"drover", "start", runbook}
	flags.VisitAll(func(flag *pflag.Flag) {
		if of := flag.Annotations[inputOf]; len(of) == 0 || slices.Contains(of, runbook) {
			argv = append(argv, argumentsOf(flag.Name, valueAt(in, flag.Annotations[inputKey][0]))...)
		}
	})
	return command.Printable(argv), nil
}

// valueAt gives what a key holds, nil when the input does not have it.
func valueAt(in map[string]any, key string) any {
	object, inner, nested := strings.Cut(key, ".")
	if !nested {
		return in[key]
	}
	within, _ := in[object].(map[string]any)
	return within[inner]
}

// argumentsOf gives a flag a value as decoded from JSON.
func argumentsOf(flag string, value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case bool:
		if v {
			return []string{"--" + flag}
		}
		return []string{"--" + flag + "=false"}
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, argumentsOf(flag, one)...)
		}
		return all
	}
	return []string{"--" + flag, fmt.Sprint(value)}
}

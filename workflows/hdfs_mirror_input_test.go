package workflows_test

import (
	"strings"
	"testing"

	"drover/workflows"
)

func TestParseHDFSMirrorInput(t *testing.T) {
	const start = `{"source":"a","target":"b","sourcePath":"/data/x"`
	for _, c := range []struct{ name, json, want string }{
		{"the least", start + `}`, ""},
		{"unknown key", start + `,"targetpath":"/y"}`, `did you mean "targetPath"`},
		{"wrong type", start + `,"maxRounds":"2"}`, "maxRounds"},
		{"empty", ``, "one JSON object is expected"},
		{"no path", `{"source":"a","target":"b"}`, "sourcePath are required"},
		{"no site name", `{"source":"A b","target":"b","sourcePath":"/x"}`, "no site name"},
		{"no site name of the target", `{"source":"a","target":"b/c","sourcePath":"/x"}`, "no site name"},
		{"relative path", `{"source":"a","target":"b","sourcePath":"x"}`, "not a clean absolute path"},
		{"slash at the end", `{"source":"a","target":"b","sourcePath":"/x/"}`, "without a slash at its end"},
		{"a snapshot", `{"source":"a","target":"b","sourcePath":"/x/.snapshot/s1"}`, "name the directory the snapshots are taken of"},
		{"the root", `{"source":"a","target":"b","sourcePath":"/"}`, "mirror the directories in it"},
		{"into itself", `{"source":"a","target":"a","sourcePath":"/x","targetPath":"/x/copy"}`, "hold one another"},
		{"beside itself", `{"source":"a","target":"a","sourcePath":"/x","targetPath":"/xcopy"}`, ""},
		{"from is a path", start + `,"from":"/x/.snapshot/s1"}`, "no snapshot name"},
		{"unknown attribute", start + `,"without":["mode"]}`, `"mode" is unknown`},
		{"short interval", start + `,"interval":"5s"}`, "at least 1m"},
		{"too many rounds", start + `,"maxRounds":101}`, "maxRounds is between"},
		{"too many snapshots", start + `,"keepSnapshots":60001}`, "keepSnapshots is between"},
		{"soak without a unit", start + `,"soak":24}`, "string with a unit"},
		{"soak that nobody ends", start + `,"soak":"24h","rehearsal":true,"autoApprove":true}`, "leave one out"},
		{"negative rate", start + `,"bytesPerSecond":-1}`, "negative"},
		{"unknown engine", start + `,"engine":{"kind":"yarn"}}`, `engine.kind "yarn" is unknown`},
		{"a queue for drover's own engine", start + `,"engine":{"queue":"x"}}`, "add engine.kind distcp"},
		{"unknown key of the engine", start + `,"engine":{"kind":"distcp","att":"source"}}`, `unknown key "engine.att"`},
		{"no machine for distcp", start + `,"engine":{"kind":"distcp","at":"a b"}}`, "name of commandHosts"},
		{"negative maps", start + `,"engine":{"kind":"distcp","maps":-1}}`, "not negative"},
		{"a rate that distcp would not keep", start + `,"engine":{"kind":"distcp"},"bytesPerSecond":1000}`, "engine.bandwidthMB"},
		{"distcp on a third machine", start + `,"engine":{"kind":"distcp","at":"edge","maps":3}}`, ""},
		{"auto approve in earnest", start + `,"autoApprove":true}`, "needs rehearsal"},
		{"two persons, nobody started", start + `,"twoPersons":true}`, "needs startedBy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := workflows.ParseHDFSMirrorInput([]byte(c.json))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
		})
	}
}

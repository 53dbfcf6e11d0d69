package workflows_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/workflows"
)

func TestParseHBaseMigrationInput(t *testing.T) {
	const start = `{"source":"a","target":"b","tables":["t"]`
	for _, c := range []struct{ name, json, want string }{
		{"the least", start + `}`, ""},
		{"unknown key", start + `,"exportParalel":2}`, `did you mean "exportParallel"`},
		{"wrong type", start + `,"exportParallel":"2"}`, "exportParallel"},
		{"empty", ``, "one JSON object is expected"},
		{"a list", `[1]`, "one JSON object is expected"},
		{"no source", `{"target":"b","tables":["t"]}`, "source and target are required"},
		{"same site", `{"source":"a","target":"a","tables":["t"]}`, "two sites"},
		{"no site name", `{"source":"A b","target":"b","tables":["t"]}`, "no site name"},
		{"no tables", `{"source":"a","target":"b","tables":[]}`, "name at least one table"},
		{"table twice", `{"source":"a","target":"b","tables":["t","default:t"]}`, "named twice"},
		{"system table", `{"source":"a","target":"b","tables":["hbase:meta"]}`, "system tables"},
		{"bad table", `{"source":"a","target":"b","tables":["a b"]}`, "may hold only"},
		{"duration without unit", start + `,"evidenceMaxAge":30}`, "string with a unit"},
		{"short age", start + `,"evidenceMaxAge":"5s"}`, "at least 1m"},
		{"auto approve in earnest", start + `,"autoApprove":true}`, "needs rehearsal"},
		{"two persons, nobody started", start + `,"twoPersons":true}`, "needs startedBy"},
		{"a cluster away, accepted", start + `,"accept":["wal-compression","cluster-unreachable"]}`, "accept cluster-unreachable: this finding cannot be accepted"},
		{"no table, accepted", start + `,"accept":["table-missing"]}`, "accept table-missing: this finding cannot be accepted"},
		{"negative rate", start + `,"exportBytesPerSecond":-1}`, "negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := workflows.ParseHBaseMigrationInput([]byte(c.json))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
		})
	}
}

// TestWire keeps the JSON of inputs and results: scripts, the UI and runs in
// flight depend on it. A field may be added, never renamed.
func TestWire(t *testing.T) {
	for name, v := range map[string]any{
		"hbase_migration_input.json":  &workflows.HBaseMigrationInput{},
		"hbase_migration_result.json": &workflows.HBaseMigrationResult{},
		"hdfs_mirror_input.json":      &workflows.HDFSMirrorInput{},
		"hdfs_mirror_result.json":     &workflows.HDFSMirrorResult{},
	} {
		t.Run(name, func(t *testing.T) {
			golden, err := os.ReadFile(filepath.Join("testdata", "wire", name))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(golden, v); err != nil {
				t.Fatal(err)
			}
			again, err := json.MarshalIndent(v, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(golden), string(again)+"\n"); diff != "" {
				t.Errorf("%s does not survive a round trip (-golden +now):\n%s", name, diff)
			}
		})
	}
}

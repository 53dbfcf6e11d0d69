package workflows

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"drover/internal/hbase"
	"drover/internal/strictjson"
	"drover/workflows/step"
)

// HBaseMigrationInput starts an HBaseMigration. Only source, target and tables
// are required; every other zero value is the cautious choice.
type HBaseMigrationInput struct {
	// Source and Target are site names of the workers' configuration.
	Source string `json:"source" jsonschema:"required,description=site to migrate from"`
	Target string `json:"target" jsonschema:"required,description=site to migrate to"`
	// Tables are moved together and cut over together, as "t" or "ns:t".
	Tables []string `json:"tables" jsonschema:"required,minItems=1,description=tables to move and cut over together"`
	// EvidenceMaxAge is how old the evidence at a gate may grow before it is
	// measured again. Default 24h.
	EvidenceMaxAge Duration `json:"evidenceMaxAge,omitempty" jsonschema:"description=age after which the evidence of an open gate is measured again (default 24h)"`
	// ExportParallel is how many files are copied at a time. Default 4.
	ExportParallel int `json:"exportParallel,omitempty" jsonschema:"minimum=0,maximum=64,description=files copied at a time (default 4)"`
	// ExportBytesPerSecond limits the copy; 0 is no limit.
	ExportBytesPerSecond int64 `json:"exportBytesPerSecond,omitempty" jsonschema:"minimum=0,description=limit of the copy in bytes a second (0: none)"`
	// VerifyParallel is how many key ranges are compared at a time. Default 2.
	VerifyParallel int `json:"verifyParallel,omitempty" jsonschema:"minimum=0,maximum=64,description=key ranges compared at a time (default 2)"`
	// FullProofBelow is the size in bytes of a table up to which the proof under
	// the fence compares all of it; of a larger one only what changed since it
	// was verified. Default 256 MiB.
	FullProofBelow int64 `json:"fullProofBelow,omitempty" jsonschema:"minimum=0,description=size in bytes up to which a table is compared in full under the fence; larger ones by what changed (default 256 MiB)"`
	// Accept lists ids of blocking preflight findings that the operator takes
	// on; they are shown at every gate and in the report. Those without which
	// there is nothing to work on cannot be: cluster-unreachable, table-missing.
	Accept []string `json:"accept,omitempty" jsonschema:"description=ids of blocking preflight findings to accept"`
	// TwoPersons asks that whoever approves is not whoever started the run.
	TwoPersons bool `json:"twoPersons,omitempty" jsonschema:"description=the approver must differ from startedBy"`
	// StartedBy names who started the run; required with TwoPersons.
	StartedBy string `json:"startedBy,omitempty" jsonschema:"description=who starts the run"`
	// Rehearsal marks a run that may decide its own gates.
	Rehearsal bool `json:"rehearsal,omitempty" jsonschema:"description=a run on test data whose gates may decide themselves"`
	// AutoApprove decides the gates without a human; only with Rehearsal.
	AutoApprove bool `json:"autoApprove,omitempty" jsonschema:"description=decide every gate without a human (only with rehearsal)"`

	// State carries a run over continue-as-new. Never set by people.
	State *step.State `json:"state,omitempty" jsonschema:"-"`
}

const (
	defaultEvidenceMaxAge = 24 * time.Hour
	defaultExportParallel = 4
	defaultVerifyParallel = 2
	maxTables             = 50
)

// neverAccepted are findings nobody can take on: of what does not answer or does
// not exist preflight cannot note the state that an abort returns to.
var neverAccepted = []string{"cluster-unreachable", "table-missing"}

var siteName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// ParseHBaseMigrationInput reads the JSON object strictly: an unknown key is an
// error that names the nearest known one. The result is normalised and valid.
func ParseHBaseMigrationInput(b []byte) (HBaseMigrationInput, error) {
	type plain HBaseMigrationInput // without UnmarshalJSON
	var p plain
	if err := strictjson.Unmarshal(b, &p); err != nil {
		return HBaseMigrationInput{}, fmt.Errorf("input of HBaseMigration: %w", err)
	}
	in := HBaseMigrationInput(p).normalised()
	return in, in.Validate()
}

// UnmarshalJSON implements json.Unmarshaler: see readInput.
func (in *HBaseMigrationInput) UnmarshalJSON(b []byte) error {
	type plain HBaseMigrationInput
	return readInput(b, (*plain)(in))
}

func (in HBaseMigrationInput) normalised() HBaseMigrationInput {
	if in.EvidenceMaxAge == 0 {
		in.EvidenceMaxAge = Duration(defaultEvidenceMaxAge)
	}
	if in.ExportParallel == 0 {
		in.ExportParallel = defaultExportParallel
	}
	if in.VerifyParallel == 0 {
		in.VerifyParallel = defaultVerifyParallel
	}
	return in
}

// Validate checks all that can be checked without asking a cluster.
func (in HBaseMigrationInput) Validate() error {
	switch {
	case in.Source == "" || in.Target == "":
		return fmt.Errorf("input of HBaseMigration: source and target are required: name two sites of the configuration")
	case !siteName.MatchString(in.Source):
		return fmt.Errorf("input of HBaseMigration: source %q is no site name (small letters, digits and -)", in.Source)
	case !siteName.MatchString(in.Target):
		return fmt.Errorf("input of HBaseMigration: target %q is no site name (small letters, digits and -)", in.Target)
	case in.Source == in.Target:
		return fmt.Errorf("input of HBaseMigration: source and target are both %q: a migration needs two sites", in.Source)
	case in.EvidenceMaxAge < 0 || in.EvidenceMaxAge.Std() < time.Minute && in.EvidenceMaxAge != 0:
		return fmt.Errorf("input of HBaseMigration: evidenceMaxAge %s is too short: give at least 1m", in.EvidenceMaxAge.Std())
	case in.ExportParallel < 0 || in.ExportParallel > 64 || in.VerifyParallel < 0 || in.VerifyParallel > 64:
		return fmt.Errorf("input of HBaseMigration: exportParallel and verifyParallel are between 1 and 64")
	case in.ExportBytesPerSecond < 0:
		return fmt.Errorf("input of HBaseMigration: exportBytesPerSecond %d is negative: give 0 for no limit", in.ExportBytesPerSecond)
	case in.FullProofBelow < 0:
		return fmt.Errorf("input of HBaseMigration: fullProofBelow %d is negative: give 1 to compare every table by what changed", in.FullProofBelow)
	case in.AutoApprove && !in.Rehearsal:
		return fmt.Errorf("input of HBaseMigration: autoApprove needs rehearsal: a real cutover is decided by a human")
	case in.TwoPersons && in.StartedBy == "":
		return fmt.Errorf("input of HBaseMigration: twoPersons needs startedBy")
	}
	for _, id := range neverAccepted {
		if slices.Contains(in.Accept, id) {
			return fmt.Errorf("input of HBaseMigration: accept %s: this finding cannot be accepted, there is nothing to migrate from or to: mend it and drop it from accept", id)
		}
	}
	return in.validateTables()
}

func (in HBaseMigrationInput) validateTables() error {
	if len(in.Tables) == 0 {
		return fmt.Errorf("input of HBaseMigration: tables is empty: name at least one table")
	}
	if len(in.Tables) > maxTables {
		return fmt.Errorf("input of HBaseMigration: %d tables in one run: the limit is %d", len(in.Tables), maxTables)
	}
	seen := map[hbase.TableName]bool{}
	for _, s := range in.Tables {
		t, err := hbase.ParseTableName(s)
		if err != nil {
			return fmt.Errorf("input of HBaseMigration: %w", err)
		}
		if t.Namespace == "hbase" {
			return fmt.Errorf("input of HBaseMigration: table %s: system tables are not migrated", t)
		}
		if seen[t] {
			return fmt.Errorf("input of HBaseMigration: table %s is named twice", t)
		}
		seen[t] = true
	}
	return nil
}

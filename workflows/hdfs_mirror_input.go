package workflows

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"drover/activities"
	"drover/internal/strictjson"
	"drover/workflows/step"
)

// HDFSMirrorInput starts an HDFSMirror. Only source, target and sourcePath are
// required; every other zero value is the cautious choice.
type HDFSMirrorInput struct {
	// Source and Target are site names of the workers' configuration.
	Source string `json:"source" jsonschema:"required,description=site to mirror from"`
	Target string `json:"target" jsonschema:"required,description=site to mirror to"`
	// SourcePath is the directory to mirror, TargetPath where it goes. Default
	// of TargetPath: the same path.
	SourcePath string `json:"sourcePath" jsonschema:"required,description=directory to mirror, an absolute path"`
	TargetPath string `json:"targetPath,omitempty" jsonschema:"description=directory it becomes at the target (default: the same path); must not exist unless from is given"`
	// From continues a mirror from a snapshot that both trees have under this
	// name, instead of copying everything: after a cutover with source and
	// target swapped this is the way back.
	From string `json:"from,omitempty" jsonschema:"description=snapshot that both trees have, to continue from instead of a baseline"`
	// Interval is how often a round is run while the cutover gate is open.
	// Default 1h.
	Interval Duration `json:"interval,omitempty" jsonschema:"description=time between rounds while the cutover gate is open (default 1h)"`
	// ConvergeAt ends a series of rounds once a round had at most so many
	// changes; MaxRounds ends it in any case. Defaults 100 and 5.
	ConvergeAt int64 `json:"convergeAt,omitempty" jsonschema:"minimum=0,description=rounds follow each other until one has at most so many changes (default 100)"`
	MaxRounds  int   `json:"maxRounds,omitempty" jsonschema:"minimum=0,maximum=100,description=rounds in a row at most (default 5)"`
	// DriftSamples is how many files of the target are looked at before each
	// round by file id, time and checksum, besides what the NameNode reports.
	// Default 100.
	DriftSamples int `json:"driftSamples,omitempty" jsonschema:"minimum=0,maximum=100000,description=files of the target compared before each round to find what others wrote (default 100)"`
	// KeepSnapshots and KeepFor say which snapshots of this mirror retention
	// leaves: the newest ones, and the young ones. Defaults 3 and none.
	KeepSnapshots int      `json:"keepSnapshots,omitempty" jsonschema:"minimum=0,maximum=60000,description=snapshots kept on each side besides the baseline and the last common one (default 3)"`
	KeepFor       Duration `json:"keepFor,omitempty" jsonschema:"description=snapshots younger than this are kept too"`
	// KeepOnAbort leaves what was mirrored, with its last common snapshot, for
	// a later run with from. Otherwise an abort removes the target tree.
	KeepOnAbort bool `json:"keepOnAbort,omitempty" jsonschema:"description=leave the copied tree and the last common snapshot when the run ends before its cutover"`
	// FilesParallel is how many files a batch copies at a time, BatchesParallel
	// how many batches run at a time. Defaults 8 and 2.
	FilesParallel   int `json:"filesParallel,omitempty" jsonschema:"minimum=0,maximum=256,description=files copied at a time in each batch; eight under 1 MB count as one (default 8)"`
	BatchesParallel int `json:"batchesParallel,omitempty" jsonschema:"minimum=0,maximum=64,description=batches copied at a time over all workers (default 2)"`
	// BytesPerSecond limits each batch; 0 is no limit.
	BytesPerSecond int64 `json:"bytesPerSecond,omitempty" jsonschema:"minimum=0,description=limit of each batch in bytes a second (0: none)"`
	// Freeze says what keeps writers off the source from the approval of the
	// cutover on: people's word, permissions or a quota. It is taken back when
	// the attempt fails, and after the cutover only with Thaw. Default word.
	Freeze string `json:"freeze,omitempty" jsonschema:"enum=word,enum=permissions,enum=quota,description=what keeps writers off the source during the cutover (default word: people do)"`
	Thaw   bool   `json:"thaw,omitempty" jsonschema:"description=lift the freeze of the source after the cutover"`
	// Soak is how long after the switch the way back is kept: gate cleanup
	// cannot be approved before. Default none.
	Soak Duration `json:"soak,omitempty" jsonschema:"description=time after the switch in which the run's snapshots cannot be given up (default none)"`
	// Hooks are run around the switch.
	Hooks MirrorHooks `json:"hooks,omitzero" jsonschema:"description=commands of the workers' configuration to run around the switch"`
	// Without lists attributes that are not kept and not compared.
	Without []string `json:"without,omitempty" jsonschema:"description=attributes not kept: owner; acl; xattr; times"`
	// Engine says what copies: drover itself, or distcp. Default native.
	Engine activities.MirrorEngine `json:"engine,omitzero" jsonschema:"description=what copies the data"`
	// Accept, TwoPersons, StartedBy, Rehearsal and AutoApprove
	// are those of every runbook.
	Accept      []string `json:"accept,omitempty" jsonschema:"description=ids of blocking preflight findings to accept"`
	TwoPersons  bool     `json:"twoPersons,omitempty" jsonschema:"description=the approver must differ from startedBy"`
	StartedBy   string   `json:"startedBy,omitempty" jsonschema:"description=who starts the run"`
	Rehearsal   bool     `json:"rehearsal,omitempty" jsonschema:"description=a run on test data whose gates may decide themselves"`
	AutoApprove bool     `json:"autoApprove,omitempty" jsonschema:"description=decide every gate without a human (only with rehearsal)"`

	// State carries a run over continue-as-new. Never set by people.
	State *step.State `json:"state,omitempty" jsonschema:"-"`
}

const (
	defaultInterval        = time.Hour
	defaultConvergeAt      = 100
	defaultMaxRounds       = 5
	defaultDriftSamples    = 100
	defaultKeepSnapshots   = 3
	defaultFilesParallel   = 8
	defaultBatchesParallel = 2
)

// ParseHDFSMirrorInput reads the JSON object strictly: an unknown key is an
// error that names the nearest known one. The result is normalised and valid.
func ParseHDFSMirrorInput(b []byte) (HDFSMirrorInput, error) {
	type plain HDFSMirrorInput // without UnmarshalJSON
	var p plain
	if err := strictjson.Unmarshal(b, &p); err != nil {
		return HDFSMirrorInput{}, fmt.Errorf("input of HDFSMirror: %w", err)
	}
	in := HDFSMirrorInput(p).normalised()
	return in, in.Validate()
}

// UnmarshalJSON implements json.Unmarshaler: see readInput.
func (in *HDFSMirrorInput) UnmarshalJSON(b []byte) error {
	type plain HDFSMirrorInput
	return readInput(b, (*plain)(in))
}

func (in HDFSMirrorInput) normalised() HDFSMirrorInput {
	orDefault := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	if in.TargetPath == "" {
		in.TargetPath = in.SourcePath
	}
	if in.Interval == 0 {
		in.Interval = Duration(defaultInterval)
	}
	if in.ConvergeAt == 0 {
		in.ConvergeAt = defaultConvergeAt
	}
	if in.Freeze == "" {
		in.Freeze = FreezeWord
	}
	orDefault(&in.MaxRounds, defaultMaxRounds)
	orDefault(&in.DriftSamples, defaultDriftSamples)
	orDefault(&in.KeepSnapshots, defaultKeepSnapshots)
	orDefault(&in.FilesParallel, defaultFilesParallel)
	orDefault(&in.BatchesParallel, defaultBatchesParallel)
	return in
}

// Validate checks all that can be checked without asking a cluster.
func (in HDFSMirrorInput) Validate() error {
	wrong := func(format string, args ...any) error { return fmt.Errorf("input of HDFSMirror: "+format, args...) }
	switch {
	case in.Source == "" || in.Target == "" || in.SourcePath == "":
		return wrong("source, target and sourcePath are required: name two sites of the configuration and a directory")
	case !siteName.MatchString(in.Source):
		return wrong("source %q is no site name (small letters, digits and -)", in.Source)
	case !siteName.MatchString(in.Target):
		return wrong("target %q is no site name (small letters, digits and -)", in.Target)
	case in.Interval.Std() < time.Minute:
		return wrong("interval %s is too short: give at least 1m", in.Interval.Std())
	case in.ConvergeAt < 0 || in.MaxRounds < 0 || in.MaxRounds > 100:
		return wrong("convergeAt is not negative, maxRounds is between 1 and 100")
	case in.DriftSamples < 0 || in.DriftSamples > 100_000:
		return wrong("driftSamples is between 1 and 100000")
	case in.KeepSnapshots < 0 || in.KeepSnapshots > 60000 || in.KeepFor < 0:
		return wrong("keepSnapshots is between 1 and 60000 and keepFor is not negative")
	case in.FilesParallel < 0 || in.FilesParallel > 256 || in.BatchesParallel < 0 || in.BatchesParallel > 64:
		return wrong("filesParallel is between 1 and 256, batchesParallel between 1 and 64")
	case in.BytesPerSecond < 0:
		return wrong("bytesPerSecond %d is negative: give 0 for no limit", in.BytesPerSecond)
	case in.Soak < 0:
		return wrong("soak %s is negative", in.Soak.Std())
	case in.Soak > 0 && in.AutoApprove:
		return wrong("soak and autoApprove: nobody is there who would decide after the soak, leave one out")
	case in.AutoApprove && !in.Rehearsal:
		return wrong("autoApprove needs rehearsal: a real cutover is decided by a human")
	case in.TwoPersons && in.StartedBy == "":
		return wrong("twoPersons needs startedBy")
	}
	return errors.Join(in.validateTrees(), in.validateFreeze(), in.Hooks.validate(), in.validateEngine())
}

// withoutNames are the attributes that a mirror may leave alone.
var withoutNames = []string{"owner", "acl", "xattr", "times"}

func (in HDFSMirrorInput) validateTrees() error {
	for _, tree := range [][2]string{{"sourcePath", in.SourcePath}, {"targetPath", in.TargetPath}} {
		key, dir := tree[0], tree[1]
		switch {
		case !path.IsAbs(dir) || path.Clean(dir) != dir:
			return fmt.Errorf("input of HDFSMirror: %s %q is not a clean absolute path: write it like /data/a, without a slash at its end", key, dir)
		case dir == "/":
			return fmt.Errorf("input of HDFSMirror: %s is the root: mirror the directories in it", key)
		case slices.Contains(strings.Split(dir, "/"), ".snapshot"):
			return fmt.Errorf("input of HDFSMirror: %s %s lies in a snapshot: name the directory the snapshots are taken of", key, dir)
		}
	}
	if in.Source == in.Target && (holds(in.SourcePath, in.TargetPath) || holds(in.TargetPath, in.SourcePath)) {
		return fmt.Errorf("input of HDFSMirror: %s and %s of site %s hold one another: a mirror needs two separate trees", in.SourcePath, in.TargetPath, in.Source)
	}
	if strings.ContainsAny(in.From, "/:") {
		return fmt.Errorf("input of HDFSMirror: from %q is no snapshot name", in.From)
	}
	for _, name := range in.Without {
		if !slices.Contains(withoutNames, name) {
			return fmt.Errorf("input of HDFSMirror: without %q is unknown: use %s", name, strings.Join(withoutNames, ", "))
		}
	}
	return nil
}

// holds reports whether dir is parent or lies below it.
func holds(parent, dir string) bool {
	return dir == parent || strings.HasPrefix(dir, parent+"/")
}

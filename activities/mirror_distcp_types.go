package activities

import (
	"slices"

	"drover/internal/command"
	"drover/internal/fault"
	"drover/internal/preflight"
)

// MirrorEngine says what moves the data of a mirror. The zero value is drover
// itself.
type MirrorEngine struct {
	// Kind is native or distcp. Default native.
	Kind string `json:"kind,omitempty" jsonschema:"enum=native,enum=distcp,description=what copies: drover itself or Hadoop's distcp (default native)"`
	// At is where distcp is started: beside the source, beside the target, or on
	// one of the configuration's command hosts. Default target.
	At string `json:"at,omitempty" jsonschema:"description=where distcp is started: source; target; a name of commandHosts (default target)"`
	// Queue, Maps and BandwidthMB keep the job from taking too much. 0 and ""
	// leave them to distcp and to the cluster.
	Queue       string  `json:"queue,omitempty" jsonschema:"description=YARN queue of the job"`
	Maps        int     `json:"maps,omitempty" jsonschema:"minimum=0,description=maps at a time at most (-m; distcp's default is 20)"`
	BandwidthMB float64 `json:"bandwidthMB,omitempty" jsonschema:"minimum=0,description=limit of each map in MB a second"`
}

// MirrorDistcpInput is one command: a baseline, or a round where From is set.
type MirrorDistcpInput struct {
	MirrorAt
	Engine MirrorEngine `json:"engine"`
	// From is the common snapshot of a round, "" in a baseline.
	From string `json:"from,omitempty"`
	// Snapshot is the source's that the target is to equal; to preflight the
	// first that the run takes.
	Snapshot string `json:"snapshot,omitempty"`
	// Attempt counts from 0. Each is a job of its own on the command's machine;
	// the same one again is the same job.
	Attempt int      `json:"attempt,omitempty"`
	Without []string `json:"without,omitempty"`
}

// MirrorDistcpResult says how a command ended.
type MirrorDistcpResult struct {
	Host    string `json:"host"`
	Command string `json:"command"` // for people
	JobID   string `json:"jobId,omitempty"`
	Seconds int64  `json:"seconds,omitempty"`
	// Copied counts the files and bytes that distcp says it copied.
	Copied MirrorCopied `json:"copied"`
	// Failure is set when the command did not do its work.
	Failure *DistcpFailure `json:"failure,omitempty"`
}

// DistcpFailure is why a command did not do its work. It is a result and no
// error: the same activity again finds the same ended command.
type DistcpFailure struct {
	ID       string     `json:"id"` // of the cause, stable
	Kind     fault.Kind `json:"kind"`
	Happened string     `json:"happened"`
	Do       string     `json:"do"` // what comes next
	// Touched says that the target may hold part of the work.
	Touched bool `json:"touched"`
}

// DistcpPreflightResult holds what was found of the command and its machine.
type DistcpPreflightResult struct {
	Findings []preflight.Finding `json:"findings"`
	// Commands are those the run will start.
	Commands DistcpCommands `json:"commands,omitzero"`
}

// DistcpCommands are the command lines of a run as they are before it starts
// them, so that people see them first.
type DistcpCommands struct {
	// Host is the machine they run on.
	Host string `json:"host"`
	// Baseline is the argv of the first copy, none in a run that goes on from a
	// common snapshot; Round is that of the first round. All rounds have the
	// same but for the names of their snapshots.
	Baseline []string `json:"baseline,omitempty"`
	Round    []string `json:"round"`
}

// FirstCopy is the command of the baseline, for people; "" where there is none.
func (c DistcpCommands) FirstCopy() string { return command.Printable(c.Baseline) }

// Between is the command of the round from one snapshot to the next, for people.
func (c DistcpCommands) Between(from, to string) string {
	argv := slices.Clone(c.Round)
	if at := slices.Index(argv, "-diff"); at >= 0 && at+2 < len(argv) {
		argv[at+1], argv[at+2] = from, to
	}
	return command.Printable(argv)
}

package distcp

import (
	"cmp"
	"fmt"
	"strings"

	"drover/internal/command"
	"drover/internal/fault"
)

// Failure is a run of distcp that did not end well. It is an error of the kind
// of its cause.
type Failure struct {
	Cause
	// ExitCode is -1 when the process left none.
	ExitCode int
	// Line is what distcp said of it.
	Line  string
	JobID string
	// TargetTouched says that the target may hold part of the work. A round
	// then needs a restore of the target before it can be repeated, a baseline
	// ResumeBaseline.
	TargetTouched bool
}

// Error tells what happened and what to do next.
func (f *Failure) Error() string { return fmt.Sprintf("distcp: %s; %s", f.Happened(), f.Do) }

// Happened tells what happened, with all that is known of it.
func (f *Failure) Happened() string {
	var out strings.Builder
	out.WriteString(f.Means)
	if f.ExitCode >= 0 {
		fmt.Fprintf(&out, " (exit code %d, %s)", f.ExitCode, ExitMeaning(f.ExitCode))
	}
	if f.JobID != "" {
		fmt.Fprintf(&out, ", job %s", f.JobID)
	}
	if f.Line != "" {
		fmt.Fprintf(&out, ": %s", clip(f.Line, 400))
	}
	return out.String()
}

// Classify turns what an ended run said into its failure, nil when there is
// none.
func Classify(stdout, stderr *Transcript, state command.State) error {
	cause, line := stderr.cause()
	if cause.ID == unknown {
		// Some installations log to stdout.
		if other, said := stdout.cause(); other.ID != unknown || line == "" {
			cause, line = other, said
		}
	}
	f := &Failure{Cause: cause, ExitCode: state.ExitCode, Line: line, JobID: cmp.Or(stderr.JobID, stdout.JobID)}
	f.TargetTouched = !cause.Early && touched(stdout, stderr, state)
	switch {
	case state.Phase == command.Cancelled:
		f.Cause = Cause{ID: "cancelled", Kind: fault.Aborted, Means: "cancelled", Do: "start it again if it is still wanted"}
	case state.Phase == command.Lost:
		f.Cause = Cause{
			ID: "lost", Kind: fault.Unavailable, Means: "its process is gone and left no exit code (SIGKILL, or the machine was restarted)",
			Do: "cancel the job, which kills what it left on YARN, then start it again",
		}
	case state.ExitCode == 0:
		failed := max(stderr.Counters.FilesFailed, stdout.Counters.FilesFailed)
		if failed == 0 {
			return nil
		}
		f.Cause, f.TargetTouched = Cause{
			ID: "files-failed", Kind: fault.Mismatch, Means: fmt.Sprintf("%d files failed and were ignored", failed),
			Do: "take distcp.ignore.failures out of the machine's configuration",
		}, true
	case state.ExitCode == 126 || state.ExitCode == 127:
		f.Cause = Cause{
			ID: "no-hadoop", Kind: fault.InvalidInput, Means: "the hadoop command was not found or is not executable", Early: true,
			Do: "correct the key hadoop.bin of the worker's configuration",
		}
		f.TargetTouched = false
	}
	return fault.As(f.Kind, f)
}

// touched says whether the target may have been changed. distcp refuses
// arguments (code 255) before it begins, and what it does is to be seen only
// where it logs at INFO.
func touched(stdout, stderr *Transcript, state command.State) bool {
	switch {
	case stdout.copying || stderr.copying || stdout.brokeOff() || stderr.brokeOff():
		return true
	case state.Phase != command.Exited || state.ExitCode > 128 && state.ExitCode < 165:
		return true
	case state.ExitCode == 255:
		return false
	}
	return !stdout.wordy && !stderr.wordy
}

// clip shortens a line for an error.
func clip(line string, limit int) string {
	if len(line) <= limit {
		return line
	}
	return strings.ToValidUTF8(line[:limit], "") + "…"
}

package distcp

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"drover/internal/command"
	"drover/internal/fault"
)

// recorded returns what a real run of distcp 3.4.2 wrote to stderr, stack traces
// left out, and its exit code, which is in the file's name.
func recorded(t *testing.T, name string) (said string, code int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", name+".*.log"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recording %s: %v, %v", name, files, err)
	}
	body, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	code, err = strconv.Atoi(strings.Split(filepath.Base(files[0]), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(body), code
}

func transcribe(t *testing.T, said string, piece int) *Transcript {
	t.Helper()
	got := NewTranscript()
	for len(said) > 0 {
		n := min(piece, len(said))
		got.take([]byte(said[:n]))
		said = said[n:]
	}
	got.end()
	return got
}

func TestRecordedFailuresAreClassified(t *testing.T) {
	for _, c := range []struct {
		recording, id string
		kind          fault.Kind
		touched       bool
	}{
		{"modified", "target-modified", fault.Mismatch, false},
		{"from_missing_target", "snapshot-missing", fault.Mismatch, false},
		{"from_missing_source", "snapshot-missing", fault.Mismatch, false},
		{"tosnap_missing", "input-snapshot-missing", fault.InvalidInput, false},
		{"notsnappable", "not-snapshottable", fault.InvalidInput, false},
		{"snapdiff_remote", "not-snapshottable", fault.InvalidInput, false},
		{"diff_reversed", "snapshot-order", fault.InvalidInput, false},
		{"localtarget", "not-hdfs", fault.InvalidInput, false},
		{"no_update", "diff-without-update", fault.InvalidInput, false},
		{"delete", "diff-with-delete", fault.InvalidInput, false},
		{"two_sources", "several-sources", fault.InvalidInput, false},
		{"unknown_ns", "unknown-host", fault.InvalidInput, false},
		{"refused", "unreachable", fault.Unavailable, false},
		{"standby", "standby", fault.Unavailable, false},
		{"denied", "permission", fault.Denied, false},
		{"superuser", "superuser", fault.Denied, false},
		{"base_missing", "source-missing", fault.InvalidInput, false},
		{"acl", "acls-unsupported", fault.Unsupported, false},
		{"xattr", "xattrs-unsupported", fault.Unsupported, false},
		{"dup", "duplicate-input", fault.InvalidInput, false},
		{"safemode", "safe-mode", fault.Unavailable, true},
		{"nsquota", "namespace-quota", fault.Denied, true},
		{"dsquota", "space-quota", fault.Denied, true},
		{"nospace", "no-space", fault.Unavailable, true},
		{"blocksize", "block-size", fault.InvalidInput, true},
	} {
		t.Run(c.recording, func(t *testing.T) {
			said, code := recorded(t, c.recording)
			err := Classify(NewTranscript(), transcribe(t, said, 1<<20), command.State{Phase: command.Exited, ExitCode: code})
			var f *Failure
			if !errors.As(err, &f) {
				t.Fatalf("got %v, want a failure", err)
			}
			if f.ID != c.id || f.TargetTouched != c.touched || fault.KindOf(err) != c.kind || f.ExitCode != code {
				t.Errorf("got %s, kind %s, touched %v, code %d; want %s, %s, %v, %d: %v",
					f.ID, fault.KindOf(err), f.TargetTouched, f.ExitCode, c.id, c.kind, c.touched, code, err)
			}
			if f.Line == "" || !strings.Contains(said, f.Line) || !strings.Contains(err.Error(), f.Do) {
				t.Errorf("evidence %q, error %v: want a line of the output and advice", f.Line, err)
			}
		})
	}
}

func TestEveryCauseCanBeActedOn(t *testing.T) {
	ids := map[string]bool{}
	for _, r := range rules() {
		if r.cause.ID == "" || r.cause.Means == "" || r.cause.Do == "" || !r.cause.Kind.Known() || len(r.texts) == 0 {
			t.Errorf("incomplete rule %+v", r)
		}
		if ids[r.cause.ID] {
			t.Errorf("cause %s is there twice", r.cause.ID)
		}
		ids[r.cause.ID] = true
	}
}

func TestRecordedRunIsUnderstood(t *testing.T) {
	said, _ := recorded(t, "baseline")
	want := Counters{FilesCopied: 2, Directories: 2, BytesCopied: 1827, BytesExpected: 1827}
	for _, piece := range []int{1 << 20, 7, 1} {
		got := transcribe(t, said, piece)
		if got.JobID != "job_local960115463_0001" || got.MapPercent != 100 || !got.HasCounters || got.Counters != want {
			t.Errorf("pieces of %d: job %q, %d %%, counters %+v", piece, got.JobID, got.MapPercent, got.Counters)
		}
	}
	state := command.State{Phase: command.Exited}
	if err := Classify(NewTranscript(), transcribe(t, said, 64), state); err != nil {
		t.Errorf("a good run: %v", err)
	}
	said, _ = recorded(t, "diff_ok")
	if got := transcribe(t, said, 64); got.Counters != (Counters{FilesCopied: 2, Directories: 1, BytesCopied: 1240, BytesExpected: 1240}) {
		t.Errorf("round: counters %+v", got.Counters)
	}
}

func TestYarnJobAndOldCounters(t *testing.T) {
	got := transcribe(t, "25/01/01 10:00:00 INFO tools.DistCp: DistCp job-id: job_1700000000000_0042\n"+
		"25/01/01 10:00:00 INFO mapreduce.Job: Running job: job_1700000000000_0042\n"+
		"25/01/01 10:00:09 INFO mapreduce.Job:  map 37% reduce 0%\n"+
		"25/01/01 10:00:10 INFO mapreduce.Job: Counters: 12\n\tDistCp Counters\n\t\tFiles Skipped=7\n\t\tBytes Skipped=70\n\t\tFiles Failed=1\n", 9)
	if got.JobID != "job_1700000000000_0042" || got.MapPercent != 37 || got.Counters.FilesSkipped != 7 || got.Counters.BytesSkipped != 70 {
		t.Errorf("got %+v", got)
	}
	err := Classify(NewTranscript(), got, command.State{Phase: command.Exited})
	if f := (*Failure)(nil); !errors.As(err, &f) || f.ID != "files-failed" || !f.TargetTouched {
		t.Errorf("a run that ignored a failure: %v, want it called one", err)
	}
}

func TestNamesOfFilesAreNoFailures(t *testing.T) {
	said := "INFO tools.DistCp: Input Options: sourcePaths=[hdfs://a/should be newer than/x]\n" +
		"ERROR tools.DistCp: Exception encountered \njava.io.IOException: odd\n"
	err := Classify(NewTranscript(), transcribe(t, said, 1<<10), command.State{Phase: command.Exited, ExitCode: 25})
	if f := (*Failure)(nil); !errors.As(err, &f) || f.ID != "unknown" || f.Line != "java.io.IOException: odd" || f.TargetTouched {
		t.Errorf("got %v, want an unknown cause with its line", err)
	}
}

func TestEndsWithoutAnAnswer(t *testing.T) {
	job := "INFO tools.DistCp: Input Options: x\nINFO tools.DistCp: DistCp job-id: job_1700000000000_0042\n"
	for _, c := range []struct {
		said    string
		state   command.State
		id      string
		kind    fault.Kind
		touched bool
	}{
		{job, command.State{Phase: command.Lost, ExitCode: -1}, "lost", fault.Unavailable, true},
		{job, command.State{Phase: command.Cancelled, ExitCode: 143}, "cancelled", fault.Aborted, true},
		{"", command.State{Phase: command.Exited, ExitCode: 137}, "unknown", fault.Unknown, true},
		{"sh: 1: hadoop: not found\n", command.State{Phase: command.Exited, ExitCode: 127}, "no-hadoop", fault.InvalidInput, false},
		{"ERROR: JAVA_HOME is not set and could not be found.\n", command.State{Phase: command.Exited, ExitCode: 1}, "no-java", fault.InvalidInput, false},
		{"WARN tools.DistCp: Failed to use snapshot diff for distcp\nException: DistCp sync failed, input options\n", command.State{Phase: command.Exited, ExitCode: 25}, "sync-broke-off", fault.Mismatch, true},
	} {
		err := Classify(NewTranscript(), transcribe(t, c.said, 1<<10), c.state)
		var f *Failure
		if !errors.As(err, &f) || f.ID != c.id || fault.KindOf(err) != c.kind || f.TargetTouched != c.touched {
			t.Errorf("%+v: got %v, %+v, want %s, %s, %v", c.state, err, f, c.id, c.kind, c.touched)
		}
	}
}

func TestExitCodes(t *testing.T) {
	// The constants of DistCpConstants as a process leaves them.
	for constant, want := range map[int]string{
		0: "success", -1: "invalid argument", -2: "duplicate input", -3: "ACLs not supported", -4: "XAttrs not supported", -999: "copy failed",
		127: "command not found or not executable", 137: "ended by a signal", 77: "unknown",
	} {
		if got := ExitMeaning(constant & 0xff); got != want {
			t.Errorf("%d: %q, want %q", constant, got, want)
		}
	}
}

func FuzzTranscript(f *testing.F) {
	f.Add("INFO mapreduce.Job: Counters: 1\n\tDistCp Counters\n\t\tFiles Copied=2\n", 3)
	f.Add("\t\t=\n\tx\nmapreduce.Job:  map 999999999999999999999% reduce", 1)
	f.Fuzz(func(t *testing.T, said string, piece int) {
		if piece <= 0 {
			piece = 1
		}
		whole, parts := transcribe(t, said, len(said)+1), transcribe(t, said, piece)
		if whole.JobID != parts.JobID || whole.Counters != parts.Counters || whole.MapPercent != parts.MapPercent {
			t.Errorf("read whole %+v, in parts %+v", whole, parts)
		}
		err := Classify(NewTranscript(), parts, command.State{Phase: command.Exited, ExitCode: 25})
		if f := (*Failure)(nil); !errors.As(err, &f) {
			t.Errorf("exit code 25 gave %v", err)
		}
	})
}

package distcp

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// Counters are those of the MapReduce job as it ends, group "DistCp Counters"
// (org.apache.hadoop.tools.mapred.CopyMapper.Counter). Directories count apart.
type Counters struct {
	FilesCopied   int64 `json:"filesCopied"`
	FilesSkipped  int64 `json:"filesSkipped"`
	FilesFailed   int64 `json:"filesFailed"`
	Directories   int64 `json:"directories"`
	BytesCopied   int64 `json:"bytesCopied"`
	BytesExpected int64 `json:"bytesExpected"`
	BytesSkipped  int64 `json:"bytesSkipped"`
	BytesFailed   int64 `json:"bytesFailed"`
}

// field finds a counter by the name distcp prints.
func (c *Counters) field(name string) *int64 {
	switch name {
	case "Files Copied":
		return &c.FilesCopied
	case "Files Skipped":
		return &c.FilesSkipped
	case "Files Failed":
		return &c.FilesFailed
	case "DIR_COPY":
		return &c.Directories
	case "Bytes Copied":
		return &c.BytesCopied
	case "Bytes Expected":
		return &c.BytesExpected
	case "Bytes Skipped":
		return &c.BytesSkipped
	case "Bytes Failed":
		return &c.BytesFailed
	}
	return nil
}

// Transcript takes in what a run of distcp says, piece by piece, and keeps what
// matters of it: its size does not grow with the output. Its stderr and its
// stdout have transcripts of their own.
type Transcript struct {
	// JobID is the MapReduce job's, such as job_1700000000000_0042, once there.
	JobID string
	// MapPercent is how many of the maps' work is done as the job says, -1
	// before it says anything.
	MapPercent int
	Counters   Counters
	// HasCounters says that the job ended and printed its counters.
	HasCounters bool

	partial   []byte // a line whose end is yet to come
	rules     []rule
	seen      map[string]string // the first line of each cause
	last      string            // the last line that tells of an error
	wordy     bool              // it logs at INFO, so what it does not say did not happen
	copying   bool              // the list of what to copy was made: sync is over
	inGroup   bool
	inSummary bool
	job       *regexp.Regexp
	percent   *regexp.Regexp
}

// maxLine bounds what is kept of a line without end.
const maxLine = 64 << 10

// NewTranscript returns an empty one.
func NewTranscript() *Transcript {
	return &Transcript{
		MapPercent: -1, rules: rules(), seen: map[string]string{},
		job:     regexp.MustCompile(`(?:Running job: |DistCp job-id: |Submitting tokens for job: )(job_(?:local)?\d+_\d+)`),
		percent: regexp.MustCompile(`mapreduce\.Job:  ?map (\d+)% reduce`),
	}
}

// take takes in the next piece of output.
func (t *Transcript) take(piece []byte) {
	for {
		line, rest, ended := bytes.Cut(piece, []byte{'\n'})
		if room := maxLine - len(t.partial); len(line) > room {
			line = line[:room]
		}
		t.partial = append(t.partial, line...)
		if !ended {
			return
		}
		t.line(strings.TrimRight(string(t.partial), "\r"))
		t.partial = t.partial[:0]
		piece = rest
	}
}

// end takes in a last line that has no end.
func (t *Transcript) end() {
	if len(t.partial) > 0 {
		t.line(string(t.partial))
		t.partial = t.partial[:0]
	}
}

func (t *Transcript) line(line string) {
	if strings.HasPrefix(line, "\tat ") || strings.HasPrefix(line, "    at ") {
		return // a stack
	}
	if t.summary(line) {
		return
	}
	if found := t.job.FindStringSubmatch(line); found != nil {
		t.JobID, t.copying = found[1], true
	}
	if found := t.percent.FindStringSubmatch(line); found != nil {
		if number, err := strconv.Atoi(found[1]); err == nil {
			t.MapPercent = number
		}
	}
	switch {
	case strings.Contains(line, "tools.DistCp: Input Options"):
		t.wordy = true
		return // it quotes paths and options, which may hold any text
	case strings.Contains(line, "Number of paths in the copy list"), strings.Contains(line, "Paths (files+dirs) cnt"):
		t.copying = true
	case strings.Contains(line, " ERROR "), strings.Contains(line, "Exception"), strings.HasPrefix(line, "ERROR"):
		t.last = line
	}
	for _, r := range t.rules {
		if r.matches(line) && t.seen[r.cause.ID] == "" {
			t.seen[r.cause.ID] = line
		}
	}
}

// summary reads the counters of the job. Each task prints the same block under
// another head before it.
func (t *Transcript) summary(line string) bool {
	switch {
	case strings.Contains(line, "mapreduce.Job: Counters:"):
		t.inSummary, t.inGroup = true, false
	case !strings.HasPrefix(line, "\t"):
		t.inSummary, t.inGroup = false, false
		return false
	case !t.inSummary:
		return true // of a task
	case !strings.HasPrefix(line, "\t\t"):
		t.inGroup = strings.TrimSpace(line) == "DistCp Counters"
	case t.inGroup:
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		number, err := strconv.ParseInt(value, 10, 64)
		if field := t.Counters.field(name); field != nil && err == nil {
			*field, t.HasCounters = number, true
		}
	}
	return true
}

// unknown is the id of the cause that is not in the table.
const unknown = "unknown"

// cause returns the most telling cause seen, and its line.
func (t *Transcript) cause() (Cause, string) {
	for _, r := range t.rules {
		if line, ok := t.seen[r.cause.ID]; ok {
			return r.cause, line
		}
	}
	return Cause{ID: unknown, Means: "for a reason that is not in the table", Do: "read the job's stderr"}, t.last
}

// brokeOff reports that renames and deletes at the target were begun and not
// finished.
func (t *Transcript) brokeOff() bool { return t.seen["sync-broke-off"] != "" }

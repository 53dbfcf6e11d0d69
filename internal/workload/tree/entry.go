package tree

import (
	"encoding/json"
	"iter"

	"drover/internal/workload/ledger"
)

// Entry is one acknowledged change of a Writer: a line of its ledger.
type Entry struct {
	Time   int64  `json:"t"`  // ms since 1970, of the acknowledgement
	Kind   Kind   `json:"op"` // Create, Append, Rename, Delete; or lost
	Path   string `json:"path"`
	To     string `json:"to,omitempty"`
	Size   int64  `json:"size,omitempty"`   // of the whole file now
	Digest string `json:"digest,omitempty"` // of the whole file now, see Digest
	Target bool   `json:"target,omitempty"` // after Switch
}

// lost marks a file whose last change failed, so that nobody knows whether it
// was made. It was never acknowledged and is not checked.
const lost Kind = "lost"

// line is the entry as it stands in the ledger.
func (e Entry) line() ([]byte, error) {
	b, err := json.Marshal(e)
	return append(b, '\n'), err
}

func parseEntry(line []byte) (e Entry, err error) {
	err = json.Unmarshal(line, &e)
	return e, err
}

// Entries reads a Writer's ledger from its beginning; see ledger.Entries.
func Entries(path string) iter.Seq2[Entry, error] { return ledger.Entries(path, parseEntry) }

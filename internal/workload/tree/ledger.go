package tree

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
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

// ledger is the file a Writer keeps: one line per acknowledged change, only
// ever appended to. It survives a crash of the writer, not of the machine.
type ledger struct {
	mu   sync.Mutex
	file *os.File
}

func createLedger(path string) (*ledger, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create ledger: %w", err)
	}
	return &ledger{file: f}, nil
}

// record returns when the entry is in the file: it counts only then.
func (l *ledger) record(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

func (l *ledger) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(l.file.Sync(), l.file.Close()); err != nil {
		return fmt.Errorf("close ledger: %w", err)
	}
	return nil
}

// Entries reads a ledger from its beginning. A last line without its end was
// being written when the writer died; it was never counted as acknowledged and
// is left out. Any other line that cannot be read is an error.
func Entries(path string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(Entry{}, fmt.Errorf("open ledger: %w", err))
			return
		}
		defer func() { _ = f.Close() }() // only read
		r := bufio.NewReaderSize(f, 1<<20)
		for n := 1; ; n++ {
			line, err := r.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Entry{}, fmt.Errorf("read ledger: %w", err))
				return
			}
			var e Entry
			if err = json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
				err = fmt.Errorf("ledger %s line %d: %w", path, n, err)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

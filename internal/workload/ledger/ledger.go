// Package ledger keeps what a writer was promised: a file with a line for each
// acknowledged change, only ever appended to.
package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
)

// File is a ledger being written. It survives a crash of the writer, not of the
// machine: a line is handed to the system when it counts, not synced to disk.
// Its methods are safe for use from many goroutines.
type File struct {
	mu   sync.Mutex
	file *os.File
}

// Create makes a new ledger. One that is there already is refused: it is
// somebody's record.
func Create(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create ledger: %w", err)
	}
	return &File{file: f}, nil
}

// Record returns when the lines are in the file: what they say counts only
// then. Each ends in a newline.
func (l *File) Record(lines []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.Write(lines); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// Close syncs and closes the file.
func (l *File) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(l.file.Sync(), l.file.Close()); err != nil {
		return fmt.Errorf("close ledger: %w", err)
	}
	return nil
}

// Entries reads a ledger from its beginning, each line as parse understands it,
// without its newline. A last line without its end was being written when the
// writer died; it was never counted as acknowledged and is left out. Any other
// line that cannot be read is an error, and the last thing that comes.
func Entries[E any](path string, parse func(line []byte) (E, error)) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		var none E
		f, err := os.Open(path)
		if err != nil {
			yield(none, fmt.Errorf("open ledger: %w", err))
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
				yield(none, fmt.Errorf("read ledger: %w", err))
				return
			}
			e, err := parse(bytes.TrimSuffix(line, []byte{'\n'}))
			if err != nil {
				err = fmt.Errorf("ledger %s line %d: %w", path, n, err)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

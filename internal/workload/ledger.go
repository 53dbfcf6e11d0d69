package workload

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Entry is one acknowledged write.
type Entry struct {
	Row       string
	Family    string
	Qualifier string
	Timestamp uint64 // ms since 1970
	Digest    string // of the value, see Digest
}

// Digest gives the first 16 hex digits of a value's SHA-256.
func Digest(value []byte) string {
	sum := sha256.Sum256(value)
	return hex.EncodeToString(sum[:8])
}

func (e Entry) append(b []byte) []byte {
	b = append(b, e.Row...)
	b = append(b, '\t')
	b = append(b, e.Family...)
	b = append(b, ':')
	b = append(b, e.Qualifier...)
	b = append(b, '\t')
	b = strconv.AppendUint(b, e.Timestamp, 10)
	b = append(b, '\t')
	b = append(b, e.Digest...)
	return append(b, '\n')
}

func parseEntry(line string) (Entry, error) {
	p := strings.Split(line, "\t")
	if len(p) != 4 {
		return Entry{}, fmt.Errorf("%q: not row, column, timestamp, digest", line)
	}
	family, qualifier, ok := strings.Cut(p[1], ":")
	ts, err := strconv.ParseUint(p[2], 10, 64)
	if !ok || err != nil || p[0] == "" || len(p[3]) != 16 {
		return Entry{}, fmt.Errorf("%q: not row, column, timestamp, digest", line)
	}
	return Entry{Row: p[0], Family: family, Qualifier: qualifier, Timestamp: ts, Digest: p[3]}, nil
}

// ledger is the file the writer keeps: one line per acknowledged write, only
// ever appended to. It survives a crash of the writer, not of the machine.
type ledger struct {
	mu   sync.Mutex
	file *os.File
	buf  []byte
}

func createLedger(path string) (*ledger, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create ledger: %w", err)
	}
	return &ledger{file: f}, nil
}

// record returns when all entries are in the file: they count only then.
func (l *ledger) record(es []Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = l.buf[:0]
	for _, e := range es {
		l.buf = e.append(l.buf)
	}
	if _, err := l.file.Write(l.buf); err != nil {
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

// Entries reads a ledger from its beginning, one line at a time. A last line
// without its end was being written when the writer died; it was never counted
// as acknowledged and is left out. Any other line that cannot be read is an
// error.
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
			e, err := parseEntry(string(bytes.TrimSuffix(line, []byte{'\n'})))
			if err != nil {
				err = fmt.Errorf("ledger %s line %d: %w", path, n, err)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

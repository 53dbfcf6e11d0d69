package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"drover/internal/workload/ledger"
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

func parseEntry(line []byte) (Entry, error) {
	p := strings.Split(string(line), "\t")
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

// Entries reads a Writer's ledger from its beginning; see ledger.Entries.
func Entries(path string) iter.Seq2[Entry, error] { return ledger.Entries(path, parseEntry) }

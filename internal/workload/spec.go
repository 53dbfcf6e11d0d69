package workload

import (
	"fmt"
	"time"

	"drover/internal/hbase"
)

// Spec describes the data Seed makes. The same spec gives the same cells.
type Spec struct {
	Table     hbase.TableName
	Families  []string // default f, g, h
	Regions   int      // before the split; default 4
	Rows      int      // default 1,000
	Versions  int      // of every cell; default 3
	ValueSize int      // bytes; default 100
	// Deletes is how many rows get a delete each, of all four kinds in turn.
	Deletes int
	// SplitAfterLoad splits the first region after everything is in files, so
	// that its daughters hold references to the parent's files. The table is
	// made with compactions off, so they stay.
	SplitAfterLoad bool
	Seed           int64
	// Attributes are set on every family, for example COMPRESSION.
	Attributes map[string]string
}

// Stats says what Seed made.
type Stats struct {
	Rows    int
	Cells   int // puts, of all versions
	Deletes int
	Bytes   int64 // of values
	Regions int   // that tile the key space at the end
	Parents int   // regions split after the load
}

func (s Spec) withDefaults() Spec {
	if len(s.Families) == 0 {
		s.Families = []string{"f", "g", "h"}
	}
	s.Regions = orDefault(s.Regions, 4)
	s.Rows = orDefault(s.Rows, 1000)
	s.Versions = orDefault(s.Versions, 3)
	s.ValueSize = orDefault(s.ValueSize, 100)
	return s
}

func orDefault(n, def int) int {
	if n > 0 {
		return n
	}
	return def
}

func (s Spec) validate() error {
	switch {
	case s.Table.Qualifier == "":
		return fmt.Errorf("seed: no table named")
	case s.Regions > keySlots/2:
		return fmt.Errorf("seed table %s: %d regions; at most %d", s.Table, s.Regions, keySlots/2)
	case s.Deletes > s.Rows:
		return fmt.Errorf("seed table %s: %d deletes for %d rows", s.Table, s.Deletes, s.Rows)
	}
	return nil
}

// keySlots is the number of values the first four hex digits of a key take.
// Keys begin with four digits that spread evenly, so the regions fill evenly.
const keySlots = 1 << 16

// splits gives the region boundaries: evenly spaced prefixes.
func (s Spec) splits() [][]byte {
	var out [][]byte
	for i := 1; i < s.Regions; i++ {
		out = append(out, fmt.Appendf(nil, "%04x", keySlots*i/s.Regions))
	}
	return out
}

// splitAt is the middle of the first region.
func (s Spec) splitAt() []byte {
	return fmt.Appendf(nil, "%04x", keySlots/s.Regions/2)
}

// spread scatters consecutive numbers over the key slots. The multiplier is
// odd, so all slots are used before one repeats.
func spread(n int) int { return n * 40503 % keySlots }

func seedRow(n int) string { return fmt.Sprintf("%04x-row-%08d", spread(n), n) }

// seedTime is the timestamp of the first version: fixed, so that a spec gives
// the same cells at any time, and in the past, so that no write is hidden.
var seedTime = uint64(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())

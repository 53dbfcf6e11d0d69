package compare

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"drover/internal/hbase/scan"
)

// Kind says how a row or a cell of the target differs from the source's.
type Kind string

// The kinds. A column is a family and a qualifier; a version is one timestamp
// (and type) of a column.
const (
	MissingRow     Kind = "missing-row"
	ExtraRow       Kind = "extra-row"
	ChangedValue   Kind = "changed-value"
	MissingVersion Kind = "missing-version"
	ExtraVersion   Kind = "extra-version"
	MissingColumn  Kind = "missing-column"
	ExtraColumn    Kind = "extra-column"
	Mixed          Kind = "mixed" // of a row: its cells differ in several ways
)

// maxCells bounds the cells told per row.
const maxCells = 5

// Difference is one row that differs.
type Difference struct {
	Row  Key  `json:"row"`
	Kind Kind `json:"kind"`
	// CellCount is how many cells differ; Cells tells the first few.
	CellCount int              `json:"cellCount"`
	Cells     []CellDifference `json:"cells"`
}

// CellDifference is one cell that differs. Values are told by length and the
// first bytes of their SHA-256: they may be large, or secret.
type CellDifference struct {
	Kind      Kind   `json:"kind"`
	Family    Key    `json:"family"`
	Qualifier Key    `json:"qualifier"`
	Timestamp uint64 `json:"timestamp"`
	Source    string `json:"source,omitempty"` // "12 bytes 9f86d081"; empty: not there
	Target    string `json:"target,omitempty"`
}

// deviation is one cell that differs, before it is put into words: the cell of
// each side, or nil where there is none. Both set means another value.
type deviation struct {
	kind           Kind
	source, target scan.Cell
}

// row is what is left of a row on both sides from its first difference on.
type row struct {
	key            []byte
	source, target []scan.Cell
	// before is the last cell of the row that was equal on both sides, or nil
	// when the row differs from its first cell on.
	before scan.Cell
}

// diff lists the cells of a row that differ. Both sides are in HBase's order.
func (r row) diff() []deviation {
	var out []deviation
	a, b := r.source, r.target
	for len(a) > 0 || len(b) > 0 {
		switch order := compareHeads(a, b); {
		case order < 0:
			out = append(out, deviation{kind: r.oneSided(a[0], r.target, MissingVersion, MissingColumn), source: a[0]})
			a = a[1:]
		case order > 0:
			out = append(out, deviation{kind: r.oneSided(b[0], r.source, ExtraVersion, ExtraColumn), target: b[0]})
			b = b[1:]
		default:
			if !bytes.Equal(a[0], b[0]) {
				out = append(out, deviation{kind: ChangedValue, source: a[0], target: b[0]})
			}
			a, b = a[1:], b[1:]
		}
	}
	return out
}

// compareHeads orders the first cells of two lists; an empty list comes last.
func compareHeads(a, b []scan.Cell) int {
	if len(a) == 0 || len(b) == 0 {
		return cmp.Compare(len(b), len(a))
	}
	return compareCells(a[0], b[0])
}

// compareCells orders cells of one row as HBase does: family, qualifier, newest
// first, then types from the highest down (CellComparatorImpl).
func compareCells(a, b scan.Cell) int {
	return cmp.Or(
		bytes.Compare(a.Family(), b.Family()),
		bytes.Compare(a.Qualifier(), b.Qualifier()),
		cmp.Compare(b.Timestamp(), a.Timestamp()),
		cmp.Compare(b.Type(), a.Type()),
	)
}

// oneSided tells whether a cell that only one side has is another version of a
// column that the other side has too.
func (r row) oneSided(c scan.Cell, other []scan.Cell, version, column Kind) Kind {
	if r.before != nil && sameColumn(c, r.before) {
		return version
	}
	for _, o := range other {
		if sameColumn(c, o) {
			return version
		}
	}
	return column
}

func sameColumn(a, b scan.Cell) bool {
	return bytes.Equal(a.Family(), b.Family()) && bytes.Equal(a.Qualifier(), b.Qualifier())
}

// describe puts a row that differs into words.
func (r row) describe(devs []deviation) Difference {
	d := Difference{Row: bytes.Clone(r.key), Kind: r.kind(devs), CellCount: len(devs)}
	for _, v := range devs[:min(len(devs), maxCells)] {
		c := v.source
		if c == nil {
			c = v.target
		}
		d.Cells = append(d.Cells, CellDifference{
			Kind: v.kind, Family: bytes.Clone(c.Family()), Qualifier: bytes.Clone(c.Qualifier()),
			Timestamp: c.Timestamp(), Source: brief(v.source), Target: brief(v.target),
		})
	}
	return d
}

func (r row) kind(devs []deviation) Kind {
	switch {
	case r.before == nil && len(r.target) == 0:
		return MissingRow
	case r.before == nil && len(r.source) == 0:
		return ExtraRow
	}
	kind := devs[0].kind
	for _, v := range devs[1:] {
		if v.kind != kind {
			return Mixed
		}
	}
	return kind
}

func brief(c scan.Cell) string {
	if c == nil {
		return ""
	}
	sum := sha256.Sum256(c.Value())
	return fmt.Sprintf("%d bytes %s", len(c.Value()), hex.EncodeToString(sum[:4]))
}

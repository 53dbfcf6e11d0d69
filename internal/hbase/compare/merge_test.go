package compare

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/hbase"
	"drover/internal/hbase/scan"
)

// cellOf is one cell of a test table, short enough for a table of cases.
type cellOf struct {
	row, column string
	timestamp   uint64
	value       string
}

func (c cellOf) bytes() []byte {
	return scan.AppendCell(nil, []byte(c.row), []byte("f"), []byte(c.column), c.timestamp, hbase.TypePut, []byte(c.value))
}

// cutStream yields cells in chunks of random length.
type cutStream struct {
	cells  []cellOf
	chance *rand.Rand
	most   int
	err    error // instead of the end

	released int // chunks
}

func (s *cutStream) Next() (scan.Chunk, error) {
	if len(s.cells) == 0 {
		if s.err != nil {
			return scan.Chunk{}, s.err
		}
		return scan.Chunk{}, io.EOF
	}
	n := min(1+s.chance.IntN(s.most), len(s.cells))
	c := scan.Chunk{Cells: n}
	for _, cell := range s.cells[:n] {
		c.Block = append(c.Block, cell.bytes()...)
	}
	s.cells = s.cells[n:]
	// Whoever looks at a chunk after its release is found out.
	return c.Releasing(func() {
		for i := range c.Block {
			c.Block[i] = 0xff
		}
		s.released++
	}), nil
}

// merged compares two lists of cells cut by chance.
func merged(source, target []cellOf, chance *rand.Rand, most int) (differing map[string]Kind, digest string, err error) {
	sum := sha256.New()
	found := newFindings(Options{MaxDifferences: 1000})
	m := merger{
		source: &cursor{stream: &cutStream{cells: source, chance: chance, most: most}, consumed: sum},
		target: &cursor{stream: &cutStream{cells: target, chance: chance, most: most}},
		differ: found.take,
	}
	err = m.run()
	differing = map[string]Kind{}
	for _, d := range found.named {
		if _, twice := differing[d.Row.String()]; twice {
			return nil, "", fmt.Errorf("row %s was given twice", d.Row)
		}
		differing[d.Row.String()] = d.Kind
	}
	return differing, fmt.Sprintf("%x", sum.Sum(nil)), err
}

func TestDifferencesAreNamedByKind(t *testing.T) {
	base := []cellOf{{"a", "p", 2, "new"}, {"a", "p", 1, "old"}, {"a", "q", 1, "v"}, {"b", "p", 1, "v"}}
	with := func(i int, cells ...cellOf) []cellOf { return slices.Insert(slices.Clone(base), i, cells...) }
	without := func(i, j int) []cellOf { return slices.Delete(slices.Clone(base), i, j) }
	for name, c := range map[string]struct {
		target []cellOf
		want   map[string]Kind
	}{
		"equal":                    {base, map[string]Kind{}},
		"empty target":             {nil, map[string]Kind{"a": MissingRow, "b": MissingRow}},
		"missing first row":        {without(0, 3), map[string]Kind{"a": MissingRow}},
		"missing last row":         {without(3, 4), map[string]Kind{"b": MissingRow}},
		"extra row before":         {with(0, cellOf{"A", "p", 1, "v"}), map[string]Kind{"A": ExtraRow}},
		"extra row after":          {with(4, cellOf{"c", "p", 1, "v"}), map[string]Kind{"c": ExtraRow}},
		"changed value":            {append([]cellOf{{"a", "p", 2, "old"}}, base[1:]...), map[string]Kind{"a": ChangedValue}},
		"missing newest version":   {without(0, 1), map[string]Kind{"a": MissingVersion}},
		"missing oldest version":   {without(1, 2), map[string]Kind{"a": MissingVersion}},
		"missing last column":      {without(2, 3), map[string]Kind{"a": MissingColumn}},
		"extra oldest version":     {with(2, cellOf{"a", "p", 0, ""}), map[string]Kind{"a": ExtraVersion}},
		"extra column at the end":  {with(3, cellOf{"a", "r", 0, ""}), map[string]Kind{"a": ExtraColumn}},
		"extra first column":       {with(0, cellOf{"a", "o", 0, ""}), map[string]Kind{"a": ExtraColumn}},
		"another timestamp":        {append([]cellOf{{"a", "p", 3, "new"}}, base[1:]...), map[string]Kind{"a": Mixed}},
		"two rows, different ways": {append(without(2, 4), cellOf{"c", "p", 1, "v"}), map[string]Kind{"a": MissingColumn, "b": MissingRow, "c": ExtraRow}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10) {
				got, _, err := merged(base, c.target, rand.New(rand.NewPCG(seed, 0)), 4)
				if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
					t.Fatalf("cut %d: %v, (-want +got):\n%s", seed, err, diff)
				}
			}
		})
	}
}

// FuzzBatchBoundaries shows that where blocks end decides nothing: the rows that
// differ are those whose cells differ, and the digest is the stream's.
func FuzzBatchBoundaries(f *testing.F) {
	for seed := range uint64(10) {
		f.Add(seed, uint8(seed*2), uint8(1+seed*4))
	}
	f.Fuzz(func(t *testing.T, seed uint64, changes, most uint8) {
		chance := rand.New(rand.NewPCG(seed, 7))
		source := randomTable(chance, 20)
		target := slices.Clone(source)
		for range changes % 32 {
			target = change(target, chance)
		}
		got, digest, err := merged(source, target, chance, 1+int(most))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(differingRows(source, target), keys(got)); diff != "" {
			t.Fatalf("rows that differ (-want +got):\n%s", diff)
		}
		if want := fmt.Sprintf("%x", sha256.Sum256(concat(source))); digest != want {
			t.Fatalf("digest %s, want %s", digest, want)
		}
	})
}

func TestEqualChunksAreReleased(t *testing.T) {
	cells := randomTable(rand.New(rand.NewPCG(1, 1)), 100)
	var streams [2]*cutStream
	for i := range streams {
		streams[i] = &cutStream{cells: cells, chance: rand.New(rand.NewPCG(2, uint64(i))), most: 1}
	}
	m := merger{source: &cursor{stream: streams[0]}, target: &cursor{stream: streams[1]}, differ: func(row) error { return nil }}
	if err := m.run(); err != nil {
		t.Fatal(err)
	}
	for i, s := range streams {
		if s.released < len(cells)-2 {
			t.Errorf("stream %d: %d of %d chunks were released, want all but the last two", i, s.released, len(cells))
		}
	}
}

func randomTable(chance *rand.Rand, rows int) []cellOf {
	var out []cellOf
	for r := range rows {
		for c := range chance.IntN(4) {
			for v := range chance.IntN(4) {
				out = append(out, cellOf{fmt.Sprintf("%03d", r), fmt.Sprint(c), uint64(90 - 10*v), fmt.Sprint(chance.IntN(5))})
			}
		}
	}
	return out
}

// change alters, removes or adds one cell and keeps HBase's order.
func change(cells []cellOf, chance *rand.Rand) []cellOf {
	if len(cells) == 0 {
		return cells
	}
	i := chance.IntN(len(cells))
	switch c := cells[i]; chance.IntN(4) {
	case 0:
		c.value += "!"
		cells = slices.Replace(cells, i, i+1, c)
	case 1:
		cells = slices.Delete(cells, i, i+1)
	case 2:
		c.timestamp += uint64(1 + chance.IntN(5))
		cells = slices.Insert(cells, i, c)
	default:
		c.row, c.timestamp = fmt.Sprintf("%03d", chance.IntN(25)), uint64(chance.IntN(100))
		cells = append(cells, c)
	}
	slices.SortFunc(cells, func(a, b cellOf) int {
		return cmpOr(bytes.Compare([]byte(a.row), []byte(b.row)), bytes.Compare([]byte(a.column), []byte(b.column)), int(b.timestamp)-int(a.timestamp))
	})
	return slices.CompactFunc(cells, func(a, b cellOf) bool {
		return a.row == b.row && a.column == b.column && a.timestamp == b.timestamp
	})
}

func cmpOr(orders ...int) int {
	for _, o := range orders {
		if o != 0 {
			return o
		}
	}
	return 0
}

// differingRows compares row by row, the slow and obvious way.
func differingRows(a, b []cellOf) []string {
	rows := map[string][2][]byte{}
	for side, cells := range [][]cellOf{a, b} {
		for _, c := range cells {
			r := rows[c.row]
			r[side] = append(r[side], c.bytes()...)
			rows[c.row] = r
		}
	}
	out := []string{}
	for key, r := range rows {
		if !bytes.Equal(r[0], r[1]) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

func keys(m map[string]Kind) []string {
	out := []string{}
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func concat(cells []cellOf) []byte {
	var out []byte
	for _, c := range cells {
		out = append(out, c.bytes()...)
	}
	return out
}

func TestAStreamThatBreaksIsAnError(t *testing.T) {
	broken := fmt.Errorf("region server gone")
	cells := []cellOf{{"a", "p", 1, "v"}}
	for name, side := range map[string]int{"source": 0, "target": 1} {
		t.Run(name, func(t *testing.T) {
			streams := [2]*cutStream{}
			for i := range streams {
				streams[i] = &cutStream{cells: cells, chance: rand.New(rand.NewPCG(1, 1)), most: 1}
			}
			streams[side].err = broken
			m := merger{source: &cursor{stream: streams[0]}, target: &cursor{stream: streams[1]}, differ: func(row) error { return nil }}
			if err := m.run(); err == nil {
				t.Error("got a complete comparison, want the error of the stream")
			}
		})
	}
}

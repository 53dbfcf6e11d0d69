package workload

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/hbase"
	"drover/internal/hbase/rows"
	"drover/internal/workload/ledger"
)

func TestLedgerKeepsWhatWasAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := ledger.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{Row: "00aa-w-1", Family: "f", Qualifier: "w", Timestamp: 1700000000000, Digest: Digest([]byte("a"))},
		{Row: "00ab-w-2", Family: "g", Qualifier: "x:y", Timestamp: 0, Digest: Digest(nil)},
	}
	if err := errors.Join(l.Record(want[0].append(nil)), l.Record(want[1].append(nil)), l.Close()); err != nil {
		t.Fatal(err)
	}
	read := func() (got []Entry, err error) {
		for e, bad := range Entries(path) {
			if bad != nil {
				return got, bad
			}
			got = append(got, e)
		}
		return got, nil
	}
	got, err := read()
	if err != nil || !cmp.Equal(want, got) {
		t.Errorf("ledger %v, %v", got, err)
	}
	add := func(text string) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, werr := f.WriteString(text)
		if err := errors.Join(werr, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	add("00ac-w-3\tf:w\t17")
	if got, err := read(); err != nil || len(got) != 2 {
		t.Errorf("with an unfinished line: %v, %v", got, err)
	}
	add("x\n")
	if _, err := read(); err == nil {
		t.Error("a broken line is read over")
	}
	if _, err := ledger.Create(path); err == nil {
		t.Error("a ledger was overwritten")
	}
	for _, err := range Entries(path + "none") {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("absent ledger: %v", err)
		}
	}
}

func TestLostWrites(t *testing.T) {
	e := Entry{Row: "r", Family: "f", Qualifier: "w", Timestamp: 5, Digest: Digest([]byte("v"))}
	cell := rows.Cell{Family: "f", Qualifier: "w", Timestamp: 5, Value: []byte("v")}
	other := func(change func(*rows.Cell)) []rows.Cell { c := cell; change(&c); return []rows.Cell{c} }
	for what, tc := range map[string]struct {
		cells []rows.Cell
		want  string
	}{
		"there":         {[]rows.Cell{cell}, ""},
		"nothing":       {nil, "absent"},
		"other time":    {other(func(c *rows.Cell) { c.Timestamp = 4 }), "absent"},
		"other family":  {other(func(c *rows.Cell) { c.Family = "g" }), "absent"},
		"other value":   {other(func(c *rows.Cell) { c.Value = []byte("x") }), "value has digest " + Digest([]byte("x")) + ", acknowledged was " + e.Digest},
		"among others":  {append(other(func(c *rows.Cell) { c.Timestamp = 9 }), cell), ""},
		"empty at last": {other(func(c *rows.Cell) { c.Value = nil }), "value has digest " + Digest(nil) + ", acknowledged was " + e.Digest},
	} {
		if got := e.lost(tc.cells); got != tc.want {
			t.Errorf("%s: got %q, want %q", what, got, tc.want)
		}
	}
}

func TestFreezeIsMeasuredFromTheLastAcknowledgement(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(1700000000000 + int64(ms)) }
	var m meter
	m.acked(10, false, at(0))
	m.acked(10, false, at(1200)) // regions reopened
	m.acked(10, false, at(1300))
	m.refusedWrites(5, true, at(1400))
	m.acked(10, false, at(1500)) // was under way in another region
	m.refusedWrites(5, false, at(1600))
	if s := m.snapshot(); !s.Frozen || s.Refused != 10 || s.FreezeMillis != 0 {
		t.Errorf("under the fence: %+v", s)
	}
	m.switchover(at(3000))
	m.acked(5, true, at(3400))
	m.released()
	want := WriterStats{Acked: 45, Target: 5, Refused: 10, FreezeMillis: 2000, LongestStall: 1200 * time.Millisecond}
	if diff := cmp.Diff(want, m.snapshot()); diff != "" {
		t.Errorf("after the switch (-want +got):\n%s", diff)
	}
}

func TestALiftedFenceLeavesNoFreeze(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(1700000000000 + int64(ms)) }
	var m meter
	m.acked(1, false, at(0))
	m.refusedWrites(1, true, at(100))
	m.acked(1, false, at(5000))
	m.released()
	m.acked(1, false, at(5100))
	m.switchover(at(5200))
	m.acked(1, true, at(5300))
	if s := m.snapshot(); s.Frozen || s.FreezeMillis != 200 || s.LongestStall != 5*time.Second {
		t.Errorf("got %+v, want a freeze of 200 ms and a stall of 5 s", s)
	}
}

func TestSpecGivesTheSameCellsAgain(t *testing.T) {
	s := Spec{Table: hbase.TableName{Namespace: "default", Qualifier: "t"}, Seed: 3}.withDefaults()
	if diff := cmp.Diff(s.version(6, 1), s.version(6, 1)); diff != "" {
		t.Error(diff)
	}
	a, b := s.version(6, 1), s.version(6, 2)
	if a.Row != b.Row || a.Cells[0].Timestamp == b.Cells[0].Timestamp || bytes.Equal(a.Cells[0].Value, b.Cells[0].Value) {
		t.Errorf("versions of one row: %v and %v", a, b)
	}
	kinds := map[rows.Delete]bool{}
	for i := range 4 {
		kinds[s.deletion(i).Cells[0].Delete] = true
	}
	if len(kinds) != 4 {
		t.Errorf("kinds of deletes %v, want 4", kinds)
	}
	prefixes := map[string]int{}
	for i := range keySlots {
		prefixes[seedRow(i)[:4]]++
	}
	if len(prefixes) != keySlots {
		t.Errorf("%d prefixes in use, want %d", len(prefixes), keySlots)
	}
	if got := s.splits(); len(got) != 3 || string(got[0]) != "4000" || string(s.splitAt()) != "2000" {
		t.Errorf("splits %q, split at %q", got, s.splitAt())
	}
	for _, bad := range []Spec{{}, {Table: s.Table, Regions: keySlots}, {Table: s.Table, Rows: 1, Deletes: 2}} {
		if err := bad.withDefaults().validate(); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

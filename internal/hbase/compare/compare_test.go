package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/hbase"
	"drover/internal/hbase/hbasepb"
	"drover/internal/hbase/scan"
	"drover/internal/hbase/snapshot"
)

func TestCutAtCoversAllKeys(t *testing.T) {
	b := func(keys ...string) (out [][]byte) {
		for _, k := range keys {
			out = append(out, []byte(k))
		}
		return out
	}
	for name, c := range map[string]struct {
		borders [][]byte
		want    []string
	}{
		"no border":          {nil, []string{"..."}},
		"one region a side":  {b("", "", "", ""), []string{"..."}},
		"same borders":       {b("", "m", "m", "", "", "m", "m", ""), []string{"...m", "m..."}},
		"one side was split": {b("", "m", "m", "", "", "c", "c", "m", "m", ""), []string{"...c", "c...m", "m..."}},
		"merged differently": {b("", "x", "x", "", "", "d", "d", ""), []string{"...d", "d...x", "x..."}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range cutAt(c.borders) {
				got = append(got, fmt.Sprintf("%s...%s", r.Start, r.Stop))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("ranges (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzKeyText(f *testing.F) {
	f.Add([]byte("row\\x00"))
	f.Add([]byte{0, 0xff, '\\', 'a'})
	f.Fuzz(func(t *testing.T, key []byte) {
		text, err := Key(key).MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Key
		if err := back.UnmarshalText(text); err != nil || string(back) != string(key) {
			t.Fatalf("%q was written as %s and read as %q (%v)", key, text, back, err)
		}
	})
}

func TestARangeResultSurvivesItsCheckpoint(t *testing.T) {
	want := RangeResult{
		KeyRange: KeyRange{Start: Key("a\x00"), Stop: Key("b\xff")}, Counts: Counts{Rows: 3, Differing: 1},
		Digest: "00", Kinds: map[Kind]int64{ExtraRow: 1},
		Differences: []Difference{{Row: Key("a\x01"), Kind: ExtraRow, CellCount: 1, Cells: []CellDifference{{Kind: ExtraColumn, Family: Key("f"), Qualifier: Key("\x00"), Timestamp: 1 << 63}}}},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got RangeResult
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCombine(t *testing.T) {
	good := RangeResult{KeyRange: KeyRange{Stop: Key("m")}, Counts: Counts{Rows: 2}, Digest: "aa"}
	bad := RangeResult{KeyRange: KeyRange{Start: Key("m")}, Counts: Counts{Rows: 1, Differing: 2}, Kinds: map[Kind]int64{MissingRow: 2}, Differences: []Difference{{Row: Key("x")}, {Row: Key("y")}}}
	flooded := RangeResult{Counts: Counts{Unsettled: 1}}
	for name, c := range map[string]struct {
		ranges []RangeResult
		want   Verdict
	}{
		"nothing was compared":        {nil, Unproven},
		"all equal":                   {[]RangeResult{good, good}, Match},
		"one differs":                 {[]RangeResult{good, bad}, Differ},
		"too much to read again":      {[]RangeResult{good, flooded}, Unproven},
		"differing beats not knowing": {[]RangeResult{bad, flooded}, Differ},
	} {
		t.Run(name, func(t *testing.T) {
			got := Combine(c.ranges, 1)
			if got.Verdict != c.want || len(got.Differences) > 1 || got.Kinds[MissingRow] != got.Differing {
				t.Errorf("got %+v, want verdict %s, at most one row named and all counted", got, c.want)
			}
		})
	}
	if a, b := Combine([]RangeResult{good}, 1), Combine([]RangeResult{good, good}, 1); a.Digest == b.Digest {
		t.Errorf("one and two ranges have the same digest %s", a.Digest)
	}
}

// rowWith makes a row that differs in the value of one cell.
func rowWith(key, source, target string) row {
	one := func(value string) []scan.Cell {
		if value == "" {
			return nil
		}
		c, _, err := scan.SplitCell(cellOf{key, "q", 1, value}.bytes())
		if err != nil {
			panic(err)
		}
		return []scan.Cell{c}
	}
	return row{key: []byte(key), source: one(source), target: one(target)}
}

func TestOnlyDifferencesThatPersistCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFindings(Options{Settle: 200 * time.Millisecond, MaxDifferences: 10})
		for _, key := range []string{"lagging", "lost", "hot", "stray"} {
			source, target := "first", ""
			if key == "stray" {
				source, target = "", "first"
			}
			if err := f.take(rowWith(key, source, target)); err != nil {
				t.Fatal(err)
			}
		}
		readings := 0
		err := f.settle(t.Context(), func(_ context.Context, rows [][]byte, differ func(row) error) error {
			readings++
			for _, key := range rows {
				var r row
				switch string(key) {
				case "lagging": // arrived meanwhile
					continue
				case "lost":
					r = rowWith("lost", "first", "")
				case "hot": // the first value arrived, a newer one has not yet
					r = rowWith("hot", fmt.Sprint("value ", readings), "")
				case "stray":
					r = rowWith("stray", "", "first")
				}
				if err := differ(r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if f.counts.Settled != 1 || f.counts.Newer != 1 || f.counts.Differing != 2 {
			t.Errorf("after %d readings: %+v, want 1 settled, 1 newer, 2 differing", readings, f.counts)
		}
		want := map[Kind]int64{MissingRow: 1, ExtraRow: 1}
		if diff := cmp.Diff(want, f.kinds); diff != "" || len(f.named) != 2 || f.named[0].Row.String() != "lost" {
			t.Errorf("named %v; kinds (-want +got):\n%s", f.named, diff)
		}
		if readings < 2 {
			t.Errorf("%d readings in 200 ms, want several", readings)
		}
	})
}

// regionsOf makes one side of a proof: regions between the borders, all decided,
// of 1 GB each; changed and gone name those with new and with lost files.
func regionsOf(borders []string, changed, gone string) *deltaSide {
	s := &deltaSide{}
	for i := range len(borders) - 1 {
		d := snapshot.RegionDelta{Region: snapshot.Region{
			Info:   &hbasepb.RegionInfo{StartKey: []byte(borders[i]), EndKey: []byte(borders[i+1])},
			Stores: []snapshot.StoreFile{{File: snapshot.File{Size: 1 << 30}}},
		}, Based: []string{"f"}}
		if borders[i] == changed {
			d.New = d.Region.Stores
		}
		if borders[i] == gone {
			d.Missing = []snapshot.File{{Name: "x"}}
		}
		s.delta.Regions = append(s.delta.Regions, d)
	}
	return s
}

func TestStretchesTakeTheWorstOfBothSides(t *testing.T) {
	none := "no region"
	for name, c := range map[string]struct {
		source, target *deltaSide
		want           []how
	}{
		"nothing changed":           {regionsOf([]string{"", "m", ""}, none, none), regionsOf([]string{"", "m", ""}, none, none), []how{unchanged, unchanged}},
		"changed at the target":     {regionsOf([]string{"", "m", ""}, none, none), regionsOf([]string{"", "m", ""}, "m", none), []how{unchanged, byRow}},
		"rewritten at the source":   {regionsOf([]string{"", "m", ""}, none, "m"), regionsOf([]string{"", "m", ""}, "m", none), []how{unchanged, rewritten}},
		"split at the source":       {regionsOf([]string{"", "c", "m", ""}, "c", none), regionsOf([]string{"", "m", ""}, none, none), []how{unchanged, byRow, unchanged}},
		"rewritten, borders differ": {regionsOf([]string{"", "c", "m", ""}, "c", none), regionsOf([]string{"", "m", ""}, none, ""), []how{rewritten, rewritten, unchanged}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []how
			for _, s := range stretches([2]*deltaSide{c.source, c.target}, false) {
				got = append(got, s.how)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestARegionThatClosesProvesNothing: its server answers, without an error, that
// it has no files open.
func TestARegionThatClosesProvesNothing(t *testing.T) {
	source, target := regionsOf([]string{"", "m", ""}, "no region", "no region"), regionsOf([]string{"", "m", ""}, "no region", "no region")
	for _, s := range []*deltaSide{source, target} {
		s.delta.Regions[0].Based = nil // nothing can be missing there
	}
	target.delta.Regions[0].Region.Stores = nil
	if got := stretches([2]*deltaSide{source, target}, false); got[0].how != rewritten || got[1].how != unchanged {
		t.Errorf("got %v and %v, want the closing region compared in full, the other unchanged", got[0].how, got[1].how)
	}
}

// TestAFamilyWithoutBaseOnOneSideProvesNothing: a row of it that was written and
// deleted there, and compacted away, is nowhere named.
func TestAFamilyWithoutBaseOnOneSideProvesNothing(t *testing.T) {
	source, target := regionsOf([]string{"", "m", ""}, "no region", "no region"), regionsOf([]string{"", "m", ""}, "no region", "no region")
	source.delta.Regions[1].Based = []string{"f", "g"}
	if got := stretches([2]*deltaSide{source, target}, false); got[0].how != unchanged || got[1].how != rewritten {
		t.Errorf("got %v and %v, want the first unchanged, the second compared in full", got[0].how, got[1].how)
	}
}

func TestSchemaChangesUndoTheProof(t *testing.T) {
	schema := func(attributes map[string]string, families ...string) *hbasepb.TableSchema {
		return hbase.NewTable(hbase.TableName{Qualifier: "t"}, families, attributes).Schema
	}
	base := schema(map[string]string{"VERSIONS": "3", "REPLICATION_SCOPE": "0"}, "f")
	for name, c := range map[string]struct {
		second *hbasepb.TableSchema
		want   string
	}{
		"nothing":            {base, ""},
		"replication scope":  {schema(map[string]string{"VERSIONS": "3", "REPLICATION_SCOPE": "1"}, "f"), ""},
		"number of versions": {schema(map[string]string{"VERSIONS": "1", "REPLICATION_SCOPE": "0"}, "f"), "family f was changed"},
		"family added":       {schema(map[string]string{"VERSIONS": "3"}, "f", "g"), "family g was changed"},
		"family removed":     {schema(nil), "a family was removed"},
		"MOB":                {schema(map[string]string{"VERSIONS": "3", "IS_MOB": "true"}, "f"), "family f holds MOBs"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := undecidable(base, c.second); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

package snapshot_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/hbase/snapshot"
	"drover/internal/storage"
)

// seen is what a test looks at in a region's delta.
type seen struct {
	Start   string
	New     []string // entries
	Decided bool
}

func diff(t *testing.T, first, second *snapshot.Manifest) []seen {
	t.Helper()
	d, err := snapshot.Diff(first, second)
	if err != nil {
		t.Fatal(err)
	}
	var out []seen
	for _, r := range d.Regions {
		s := seen{Start: string(r.Region.Info.GetStartKey()), Decided: r.Decided()}
		for _, n := range r.New {
			s.New = append(s.New, n.Entry)
		}
		out = append(out, s)
	}
	return out
}

func TestDiff(t *testing.T) {
	parent := read(t, reg{id: 1}).Regions[0].Encoded
	left, right := read(t, reg{end: "m", id: 1}).Regions[0].Encoded, read(t, reg{start: "m", id: 1}).Regions[0].Encoded
	whole := []reg{{id: 1, files: []string{"aa", "bb"}}}
	halves := []reg{{end: "m", id: 1, files: []string{"aa"}}, {start: "m", id: 1, files: []string{"bb"}}}
	tests := []struct {
		name          string
		first, second []reg
		want          []seen
	}{
		{"nothing happened", whole, whole, []seen{{"", nil, true}}},
		{"a flush", whole, []reg{{id: 1, files: []string{"aa", "bb", "cc"}}}, []seen{{"", []string{"cc"}, true}}},
		{"a compaction of some", whole, []reg{{id: 1, files: []string{"aa", "cc"}}}, []seen{{"", []string{"cc"}, false}}},
		{"a compaction that left nothing", whole, []reg{{id: 1}}, []seen{{"", nil, false}}},
		{
			"a split keeps its parent's files", whole,
			[]reg{
				{id: 1, retired: true, files: []string{"aa", "bb"}},
				{end: "m", id: 2, files: []string{"aa." + parent, "bb." + parent, "cc"}},
				{start: "m", id: 2, files: []string{"aa." + parent, "bb." + parent}},
			},
			[]seen{{"", []string{"cc"}, true}, {"m", nil, true}},
		},
		{
			"a split of which one half was compacted", whole,
			[]reg{
				{id: 1, retired: true, files: []string{"aa", "bb"}},
				{end: "m", id: 2, files: []string{"cc"}},
				{start: "m", id: 2, files: []string{"aa." + parent, "bb." + parent}},
			},
			[]seen{{"", []string{"cc"}, false}, {"m", nil, true}},
		},
		{
			"a flush of the parent before its split", whole,
			[]reg{
				{end: "m", id: 2, files: []string{"aa." + parent, "bb." + parent, "dd." + parent}},
				{start: "m", id: 2, files: []string{"aa." + parent, "bb." + parent, "dd." + parent}},
			},
			[]seen{{"", []string{"dd." + parent}, true}, {"m", []string{"dd." + parent}, true}},
		},
		{
			"a merge keeps both regions' files", halves,
			[]reg{{id: 3, files: []string{"aa." + left, "bb." + right, "cc"}}},
			[]seen{{"", []string{"cc"}, true}},
		},
		{
			"a merge of which one half was compacted", halves,
			[]reg{{id: 3, files: []string{"aa." + left, "cc"}}},
			[]seen{{"", []string{"cc"}, false}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, diff(t, read(t, tt.first...), read(t, tt.second...))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestDiffRefusesRegionsThatDoNotCoverTheKeys(t *testing.T) {
	good := read(t, reg{id: 1})
	for name, bad := range map[string]*snapshot.Manifest{
		"none":       read(t),
		"a hole":     read(t, reg{end: "c"}, reg{start: "d"}),
		"an overlap": read(t, reg{end: "d"}, reg{start: "c"}),
		"no end":     read(t, reg{end: "d"}),
		"twice":      read(t, reg{id: 1}, reg{id: 2}),
	} {
		if d, err := snapshot.Diff(good, bad); err == nil {
			t.Errorf("%s: got %+v, want an error", name, d)
		}
		if d, err := snapshot.Diff(bad, good); err == nil {
			t.Errorf("%s: got %+v, want an error", name, d)
		}
	}
}

func TestWrittenDeltaHoldsTheNewFilesOnly(t *testing.T) {
	first := read(t, reg{end: "m", id: 1, files: []string{"aa"}}, reg{start: "m", id: 1, files: []string{"bb"}})
	second := manifestOf(reg{end: "m", id: 1, files: []string{"aa", "cc"}}, reg{start: "m", id: 1, files: []string{"dd"}})
	s := store(t, second)
	m, err := snapshot.Read(t.Context(), s, "/hbase", "s")
	if err != nil {
		t.Fatal(err)
	}
	delta, err := snapshot.Diff(first, m)
	if err != nil {
		t.Fatal(err)
	}
	if delta.Regions[1].Decided() {
		t.Error("a region whose file bb is gone counts as decided")
	}
	delta.Regions = delta.Regions[:1]
	if err := snapshot.WriteDelta(t.Context(), s, "/hbase", m, delta, "delta"); err != nil {
		t.Fatal(err)
	}
	got, err := snapshot.Read(t.Context(), s, "/hbase", "delta")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Regions) != 1 {
		t.Fatalf("got %d regions, want one", len(got.Regions))
	}
	want := []snapshot.StoreFile{{Family: "f", Entry: "cc", File: snapshot.File{Namespace: "default", Table: "t", Region: m.Regions[0].Encoded, Family: "f", Name: "cc", Size: 100}}}
	if d := cmp.Diff(want, got.Regions[0].Stores); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	if left, err := s.List(t.Context(), "/hbase/.tmp"); err != nil || len(left) != 0 {
		t.Errorf("left in the scratch directory: %v, %v", left, err)
	}
	if err := snapshot.WriteDelta(t.Context(), s, "/hbase", m, delta, "delta"); !errors.Is(err, storage.ErrExist) {
		t.Errorf("a second time: got %v, want ErrExist", err)
	}
}

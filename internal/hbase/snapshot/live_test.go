package snapshot_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/hbase/snapshot"
)

// live is the manifest of what the servers of these regions say, as HBase 2.5
// words it.
func live(t *testing.T, before *snapshot.Manifest, regions ...reg) (*snapshot.Manifest, error) {
	t.Helper()
	var told []snapshot.LiveRegion
	for _, r := range read(t, regions...).Regions {
		l := snapshot.LiveRegion{Info: r.Info}
		for _, s := range r.Stores {
			l.Files = append(l.Files, "hdfs://nn:8020/hbase/data/default/t/"+r.Encoded+"/f/"+s.Entry)
		}
		told = append(told, l)
	}
	return snapshot.Live(before, before.Schema, told)
}

func TestOpenFilesAreComparedWithASnapshots(t *testing.T) {
	parent := read(t, reg{id: 1}).Regions[0].Encoded
	link := "other=" + strings.Repeat("a", 32) + "-bb"
	first := read(t, reg{id: 1, files: []string{"aa", link}})
	tests := []struct {
		name string
		now  []reg
		want []seen
	}{
		{"nothing happened", []reg{{id: 1, files: []string{link, "aa"}}}, []seen{{"", nil, true}}},
		{"a flush", []reg{{id: 1, files: []string{"aa", link, "cc"}}}, []seen{{"", []string{"cc"}, true}}},
		{"a compaction", []reg{{id: 1, files: []string{"cc"}}}, []seen{{"", []string{"cc"}, false}}},
		{
			"a split",
			[]reg{
				{end: "m", id: 2, files: []string{"aa." + parent, link + "." + parent, "cc"}},
				{start: "m", id: 2, files: []string{"aa." + parent, link + "." + parent}},
			},
			[]seen{{"", []string{"cc"}, true}, {"m", nil, true}},
		},
		{
			"a flush before a split: which half a daughter has is not told",
			[]reg{
				{end: "m", id: 2, files: []string{"aa." + parent, link + "." + parent, "dd." + parent}},
				{start: "m", id: 2, files: []string{"aa." + parent, link + "." + parent}},
			},
			[]seen{{"", []string{"dd." + parent}, false}, {"m", nil, true}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now, err := live(t, first, tt.now...)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := snapshot.Diff(first, now); err != nil || !slices.Equal(got.Regions[0].Based, []string{"f"}) {
				t.Errorf("files of the base: %+v, %v, want those of family f", got.Regions, err)
			}
			if d := cmp.Diff(tt.want, diff(t, first, now)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestAnOpenFileOfAnotherRegionIsRefused(t *testing.T) {
	first := read(t, reg{id: 1, files: []string{"aa"}})
	for _, path := range []string{
		"hdfs://nn:8020/hbase/data/default/t/" + strings.Repeat("0", 32) + "/f/aa",
		"aa", "", "/", "hdfs://nn:8020/hbase/data/default/t/" + first.Regions[0].Encoded + "/f/no known name",
	} {
		m, err := snapshot.Live(first, first.Schema, []snapshot.LiveRegion{{Info: first.Regions[0].Info, Files: []string{path}}})
		if err == nil {
			t.Errorf("%q: got %+v, want an error", path, m.Regions[0].Stores)
		}
	}
}

package hbase

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

func sample(t *testing.T) *Table {
	t.Helper()
	tab := NewTable(TableName{"ns", "t"}, []string{"g", "f"}, map[string]string{"VERSIONS": "3", "REPLICATION_SCOPE": "0", "COMPRESSION": "gz"})
	tab.Schema.Attributes = pairsOf(map[string]string{"OWNER": "me", "coprocessor$2": "|b.C|1|", "Coprocessor$1": "|a.C|1|", "coprocessor$x": "no"})
	tab.Schema.Configuration = []*hbasepb.NameStringPair{{Name: proto.String("hbase.x"), Value: proto.String("1")}}
	// Fields of a later version, on the table and on a family.
	unknown := protowire.AppendString(protowire.AppendTag(nil, 99, protowire.BytesType), "later")
	tab.Schema.ProtoReflect().SetUnknown(unknown)
	tab.Schema.ColumnFamilies[0].ProtoReflect().SetUnknown(unknown)
	return tab
}

func TestScopesRoundTripKeepsEverythingElse(t *testing.T) {
	before := sample(t)
	on := before.WithScopes(AllScopes(1))
	if diff := cmp.Diff(map[string]int{"f": 1, "g": 1}, on.Scopes()); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"f": 0, "g": 0}, before.Scopes()); diff != "" {
		t.Errorf("the original changed (-want +got):\n%s", diff)
	}
	want := []string{`family f attribute REPLICATION_SCOPE: "0", other "1"`, `family g attribute REPLICATION_SCOPE: "0", other "1"`}
	if diff := cmp.Diff(want, before.Diff(on)); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
	if d := before.Diff(on, "REPLICATION_SCOPE"); len(d) > 0 {
		t.Errorf("difference without scopes: %v", d)
	}
	a, errA := proto.MarshalOptions{Deterministic: true}.Marshal(before.Schema)
	b, errB := proto.MarshalOptions{Deterministic: true}.Marshal(on.WithScopes(ScopesOf(before.Scopes())).Schema)
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Errorf("after undoing the descriptor's bytes differ (%v, %v)", errA, errB)
	}
}

func TestUnchangedScopesChangeNothing(t *testing.T) {
	// A family without the attribute has scope 0: asking for 0 adds nothing.
	tab := NewTable(TableName{"default", "t"}, []string{"f"}, nil)
	if !tab.WithScopes(AllScopes(0)).Equal(tab) {
		t.Error("scope 0 on a family without scope is a change")
	}
	if tab.WithScopes(AllScopes(1)).Equal(tab) {
		t.Error("scope 1 is no change")
	}
}

func TestEqualIgnoresOrderAndSeesUnknownFields(t *testing.T) {
	a, b := sample(t), sample(t)
	fs := b.Schema.ColumnFamilies
	fs[0], fs[1] = fs[1], fs[0]
	as := b.Schema.Attributes
	as[0], as[1] = as[1], as[0]
	if d := a.Diff(b); len(d) > 0 {
		t.Errorf("another order differs: %v", d)
	}
	b.Schema.ProtoReflect().SetUnknown(nil)
	if a.Equal(b) {
		t.Error("a lost unknown field is not seen")
	}
	if d := a.Diff(a.WithAttribute("READONLY", "true").WithAttribute("OWNER", "")); !cmp.Equal(d, []string{
		`table attribute OWNER: "me", other absent`, `table attribute READONLY: absent, other "true"`,
	}) {
		t.Errorf("difference: %v", d)
	}
}

func TestFamilyFacts(t *testing.T) {
	tab := sample(t)
	if diff := cmp.Diff([]string{"|a.C|1|", "|b.C|1|"}, tab.Coprocessors()); diff != "" {
		t.Errorf("coprocessors (-want +got):\n%s", diff)
	}
	f := tab.Families()[0]
	if f.Name != "f" || f.Versions != 3 || f.Compression != "GZ" || f.DataBlockEncoding != "NONE" || f.Bloom != "ROW" || f.TTL != 1<<31-1 || f.MOB {
		t.Errorf("family %+v", f)
	}
	for value, want := range map[string]bool{"true": true, "TRUE": true, "\xff": true, "false": false, "": false} {
		m := NewTable(TableName{"default", "t"}, []string{"f"}, map[string]string{"IS_MOB": value})
		if got := m.Families()[0].MOB; got != want {
			t.Errorf("IS_MOB=%q reads as %t", value, got)
		}
	}
	ro := tab.WithAttribute("READONLY", "true")
	if !ro.ReadOnly() || tab.ReadOnly() || !strings.Contains(ro.Schema.String(), "READONLY") {
		t.Error("READONLY is not read back")
	}
}

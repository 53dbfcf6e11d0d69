package hbase

import (
	"slices"
	"strings"
	"testing"
)

func TestFamiliesAreComparedByTheirRules(t *testing.T) {
	n := TableName{Qualifier: "t"}
	short := NewTable(n, []string{"f", "g"}, map[string]string{"VERSIONS": "5"})
	long := NewTable(n, []string{"g", "f"}, map[string]string{"VERSIONS": "5", "BLOOMFILTER": "ROW", "IN_MEMORY": "false", "REPLICATION_SCOPE": "1"})
	if d := short.DiffFamilies(long); len(d) > 0 {
		t.Errorf("defaults that one side writes out and the scope: %v, want no difference", d)
	}
	other := NewTable(n, []string{"f", "h"}, map[string]string{"VERSIONS": "2"})
	d := short.DiffFamilies(other)
	if len(d) != 3 || !strings.HasPrefix(d[0], "family f has VERSIONS 2, ") || !strings.Contains(d[0], ", not VERSIONS 5, ") ||
		!slices.Equal(d[1:], []string{"family g is missing", "family h is one too many"}) {
		t.Errorf("differences %q", d)
	}
}

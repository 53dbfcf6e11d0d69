package preflight_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/preflight"
)

func TestSortPutsWhatBlocksFirst(t *testing.T) {
	findings := []preflight.Finding{
		{ID: "versions", Severity: preflight.Info},
		{ID: "wal-compression", Severity: preflight.Warn, Subject: "b"},
		{ID: "wal-compression", Severity: preflight.Warn, Subject: "a"},
		{ID: "table-missing", Severity: preflight.Block},
		{ID: "peer-taken", Severity: preflight.Block},
		{ID: "odd", Severity: "unheard of"},
	}
	preflight.Sort(findings)
	var got []string
	for _, f := range findings {
		got = append(got, f.ID+f.Subject)
	}
	want := []string{"peer-taken", "table-missing", "wal-compressiona", "wal-compressionb", "odd", "versions"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestBlocking(t *testing.T) {
	block := preflight.Finding{ID: "x", Severity: preflight.Block}
	got := preflight.Blocking([]preflight.Finding{{ID: "a", Severity: preflight.Warn}, block, {ID: "b", Severity: preflight.Info}})
	if diff := cmp.Diff([]preflight.Finding{block}, got); diff != "" {
		t.Errorf("Blocking (-want +got):\n%s", diff)
	}
	if got := preflight.Blocking([]preflight.Finding{{Severity: preflight.Warn}}); got != nil {
		t.Errorf("Blocking of a warning = %v, want none", got)
	}
}

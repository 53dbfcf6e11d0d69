package nearest_test

import (
	"testing"

	"drover/internal/nearest"
)

func TestOf(t *testing.T) {
	known := []string{"source", "target", "tables", "rootDir", "znodeParent"}
	for _, tc := range []struct {
		name, word, want string
		ok               bool
	}{
		{"a swapped letter", "tabels", "tables", true},
		{"another case", "ROOTDIR", "rootDir", true},
		{"a missing tail", "znode", "znodeParent", true},
		{"nothing close", "bandwidth", "", false},
		{"the empty word", "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := nearest.Of(tc.word, known)
			if got != tc.want || ok != tc.ok {
				t.Errorf("Of(%q) = %q, %v, want %q, %v", tc.word, got, ok, tc.want, tc.ok)
			}
		})
	}
}

func TestHintListsAllWhenNothingIsClose(t *testing.T) {
	got := nearest.Hint("xyz", []string{"source", "target"})
	if want := ", known are source, target"; got != want {
		t.Errorf("Hint = %q, want %q", got, want)
	}
	if got := nearest.Hint("xyz", nil); got != "" {
		t.Errorf("Hint with nothing known = %q, want empty", got)
	}
}

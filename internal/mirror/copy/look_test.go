package copy

import (
	"math/rand/v2"
	"testing"

	"drover/internal/hadoop/namenode"
)

func TestBeforeIsRightBefore(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		name := make([]byte, 1+r.IntN(4))
		for i := range name {
			name[i] = byte(1 + r.IntN(255))
		}
		got := string(before(string(name)))
		if namenode.CompareNames(got, string(name)) >= 0 {
			t.Fatalf("before %q: %q is not", name, got)
		}
	}
	if got := before(""); got != nil {
		t.Errorf("before the empty name: %q", got)
	}
}

func TestSeenFilesKnowsWhatIsAbsent(t *testing.T) {
	s := seenFiles{files: map[string]namenode.Status{"b": {Size: 5}}, until: "m"}
	for _, tt := range []struct {
		name         string
		there, known bool
	}{{"a", false, true}, {"b", true, true}, {"m", false, true}, {"n", false, false}, {"ä", false, true}} {
		got, known := s.at(tt.name)
		if (got != nil) != tt.there || known != tt.known {
			t.Errorf("%s: got %v, %v", tt.name, got, known)
		}
	}
	if _, known := (seenFiles{}).at("a"); known {
		t.Error("nothing was listed, and it is known")
	}
	if got, known := (seenFiles{all: true}).at("a"); got != nil || !known {
		t.Error("all was listed, and it is not known to be absent")
	}
}

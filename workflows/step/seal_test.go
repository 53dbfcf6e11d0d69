package step

import (
	"testing"
	"time"
)

// TestADigestReadFromARedoneTaskIsCurrent: a status asked between the death of
// a worker and the retry of its workflow task showed a digest that the retry,
// a moment later, no longer had.
func TestADigestReadFromARedoneTaskIsCurrent(t *testing.T) {
	facts := []Fact{{Name: "rows that differ", Value: "0"}}
	asked := time.Date(2026, 11, 21, 11, 54, 42, 0, time.UTC)
	seal := func(e Evidence) string {
		sealed, err := e.seal()
		if err != nil {
			t.Fatal(err)
		}
		if !sealed.MeasuredAt.Equal(e.MeasuredAt) {
			t.Errorf("sealed evidence is of %s, want %s", sealed.MeasuredAt, e.MeasuredAt)
		}
		return sealed.Digest
	}
	shown := seal(Evidence{MeasuredAt: asked, Facts: facts})
	if redone := seal(Evidence{MeasuredAt: asked.Add(10 * time.Second), Facts: facts}); redone != shown {
		t.Errorf("the same measurement has the digests %s and %s", shown, redone)
	}
	if other := seal(Evidence{MeasuredAt: asked, Facts: []Fact{{Name: "rows that differ", Value: "1"}}}); other == shown {
		t.Error("another measurement has the same digest")
	}
}

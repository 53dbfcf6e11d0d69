package activities

import (
	"errors"
	"strings"
	"testing"

	"drover/internal/fault"
	"drover/internal/mirror/verify"
	"drover/internal/report"
)

// A NameNode that had just restarted made a round unproven, and that its end.
func TestWhatCouldNotBeComparedIsTriedAgain(t *testing.T) {
	_, err := compared(verify.Result{Verdict: report.Unproven, Unproven: 2, Gaps: []verify.Gap{{Path: "a/b", Reason: "zero blocklocations"}}}, nil)
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "a/b the first: zero blocklocations") {
		t.Errorf("unproven gave %v of kind %q", err, fault.KindOf(err))
	}
	for _, verdict := range []report.Verdict{report.Match, report.Differ} {
		if _, err := compared(verify.Result{Verdict: verdict}, nil); err != nil {
			t.Errorf("%s gave %v", verdict, err)
		}
	}
	if lost := errors.New("lost"); !errors.Is(second(compared(verify.Result{}, lost)), lost) {
		t.Error("an error was replaced")
	}
}

func second(_ verify.Result, err error) error { return err }

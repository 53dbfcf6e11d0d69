package activities

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"drover/internal/fault"
	"drover/internal/hbase/check"
)

// filling is a source whose room shrinks with each look, and its logs grow.
func filling(free ...int64) func(context.Context) (check.Logs, error) {
	n := 0
	return func(context.Context) (check.Logs, error) {
		l := check.Logs{Bytes: int64(n), Free: free[min(n, len(free)-1)], Capacity: 100}
		n++
		return l, nil
	}
}

func TestACopyEndsBeforeTheLogsFillTheSource(t *testing.T) {
	w := &logWatch{site: "a", look: filling(50, 9, 5)}
	ctx := watchLogs(t.Context(), time.Millisecond, w)
	<-ctx.Done() // with every look still to come the test runs into its own time
	err := w.end(ctx)
	if fault.KindOf(err) != fault.Conflict || !fault.KindOf(err).Permanent() || !strings.Contains(err.Error(), "a is about to run full: ") || !strings.Contains(err.Error(), "5 B of 100 B free") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(w.low, "9 B of 100 B free") || w.most != 2 {
		t.Errorf("warned %q, at most %d bytes of logs", w.low, w.most)
	}
}

func TestAnAcceptedLackOfRoomIsOnlySaid(t *testing.T) {
	w := &logWatch{site: "a", look: filling(5), accept: true}
	ctx := watchLogs(t.Context(), time.Hour, w)
	if err := context.Cause(ctx); err != nil {
		t.Errorf("the copy was ended: %v", err)
	}
	if err := w.end(ctx); err != nil || !strings.Contains(w.low, "5 B of 100 B free") {
		t.Errorf("end %v, warning %q", err, w.low)
	}
}

func TestALookThatFailsIsNoLackOfRoom(t *testing.T) {
	w := &logWatch{site: "a", look: func(context.Context) (check.Logs, error) { return check.Logs{}, errors.New("no answer") }}
	ctx := watchLogs(t.Context(), time.Hour, w)
	if err := w.end(ctx); err != nil || w.low != "" {
		t.Errorf("end %v, warning %q", err, w.low)
	}
}

func TestAnEndedActivityIsNotTakenForAFullSource(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	w := &logWatch{site: "a", look: filling(50)}
	ctx := watchLogs(parent, time.Hour, w)
	cancel()
	if err := w.end(ctx); err != nil {
		t.Errorf("got %v", err)
	}
}

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"

	"drover/workflows/step"
)

// span is a stretch of time.
type span struct{ from, to time.Time }

// stepTime is how long a phase of the run took.
type stepTime struct {
	Name   string `json:"name"`
	Millis int64  `json:"millis"`
}

func stepTimes(s step.Status) []stepTime {
	var times []stepTime
	for _, p := range s.Phases {
		times = append(times, stepTime{Name: p.Name, Millis: p.Millis(s.Now)})
	}
	return times
}

// runCost says what Temporal and the workflow code cost.
type runCost struct {
	HistoryEvents int64 `json:"historyEvents"`
	// OrchestrationMillis is the part of the run in which no activity ran and
	// no gate waited.
	OrchestrationMillis int64 `json:"orchestrationMillis"`
	RunMillis           int64 `json:"runMillis"`
}

// costOf counts the events of a run's history, and the time in which neither an
// activity ran nor a gate waited.
func (w *world) costOf(ctx context.Context, v view, decisions []step.Decided) (runCost, error) {
	var cost runCost
	var spans []span
	var first, last time.Time
	started := map[int64]time.Time{}
	it := w.client.GetWorkflowHistory(ctx, v.WorkflowID, v.RunID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		e, err := it.Next()
		if err != nil {
			return cost, fmt.Errorf("read the history of %s: %w", v.WorkflowID, err)
		}
		cost.HistoryEvents++
		at := e.GetEventTime().AsTime()
		if first.IsZero() {
			first = at
		}
		last = at
		if a := e.GetActivityTaskStartedEventAttributes(); a != nil {
			started[e.GetEventId()] = at
		}
		if from, ok := started[closes(e)]; ok {
			spans = append(spans, span{from, at})
		}
	}
	for _, decision := range decisions {
		spans = append(spans, span{decision.Evidence.MeasuredAt, decision.At})
	}
	total := last.Sub(first)
	cost.RunMillis = total.Milliseconds()
	cost.OrchestrationMillis = (total - covered(spans)).Milliseconds()
	return cost, nil
}

// showSteps prints where the time of a run went.
func showSteps(p *page, steps []stepTime, cost runCost) {
	for _, s := range steps {
		p.line("  %-14s %8s", s.Name, millis(s.Millis))
	}
	p.line("  %-14s %8s of %s, %d events of history", "orchestration", millis(cost.OrchestrationMillis), millis(cost.RunMillis), cost.HistoryEvents)
}

func millis(n int64) string { return fmt.Sprintf("%.2f s", float64(n)/1000) }

// closes gives the id of the started event that e ends, 0 for other events.
func closes(e *history.HistoryEvent) int64 {
	switch {
	case e.GetActivityTaskCompletedEventAttributes() != nil:
		return e.GetActivityTaskCompletedEventAttributes().GetStartedEventId()
	case e.GetActivityTaskFailedEventAttributes() != nil:
		return e.GetActivityTaskFailedEventAttributes().GetStartedEventId()
	case e.GetActivityTaskTimedOutEventAttributes() != nil:
		return e.GetActivityTaskTimedOutEventAttributes().GetStartedEventId()
	}
	return 0
}

// covered is the length of the union of spans.
func covered(spans []span) time.Duration {
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	var sum time.Duration
	var end time.Time
	for _, s := range spans {
		if s.from.Before(end) {
			s.from = end
		}
		if s.to.After(s.from) {
			sum += s.to.Sub(s.from)
			end = s.to
		}
	}
	return sum
}

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
)

// span is a stretch of time.
type span struct{ from, to time.Time }

// measureOrchestration counts the events of the run's history, and the time in
// which neither an activity ran nor a gate waited: what Temporal and the
// workflow code cost.
func (d *demo) measureOrchestration(ctx context.Context, v view) error {
	var spans []span
	var first, last time.Time
	started := map[int64]time.Time{}
	it := d.world.client.GetWorkflowHistory(ctx, v.WorkflowID, v.RunID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		e, err := it.Next()
		if err != nil {
			return fmt.Errorf("read the history of %s: %w", v.WorkflowID, err)
		}
		d.report.HistoryEvents++
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
	for _, decision := range d.result.Report.Decisions {
		spans = append(spans, span{decision.Evidence.MeasuredAt, decision.At})
	}
	total := last.Sub(first)
	d.report.RunMillis = total.Milliseconds()
	d.report.OrchestrationMillis = (total - covered(spans)).Milliseconds()
	return nil
}

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

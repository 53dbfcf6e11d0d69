//go:build cluster

package workflows_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/proto"

	"drover/activities"
	"drover/internal/embedded"
	"drover/workflows"
	"drover/workflows/step"
)

// served is a bench on a real Temporal.
type served struct {
	*bench
	client client.Client
}

func serveMirror(t *testing.T) *served {
	t.Helper()
	attributes := map[string]string{}
	for _, a := range []string{step.PhaseAttribute.GetName(), step.SiteAttribute.GetName(), step.RunbookAttribute.GetName()} {
		attributes[a] = "Keyword"
	}
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), SearchAttributes: attributes, Log: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.GRPC, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s := &served{client: c, bench: &bench{t: t, counts: map[string]int{}, answer: mirrorDefaults()}}
	for _, queue := range []string{workflows.RunbooksQueue, workflows.SiteQueue("a"), workflows.SiteQueue("b"), workflows.CopyQueue("a"), workflows.CopyQueue("b")} {
		w := worker.New(c, queue, worker.Options{})
		w.RegisterWorkflow(workflows.HDFSMirror)
		for name := range s.answer {
			w.RegisterActivityWithOptions(func(_ context.Context, in json.RawMessage) (json.RawMessage, error) {
				return s.call(name, in)
			}, activity.RegisterOptions{Name: name})
		}
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Stop)
	}
	return s
}

// history is what a chain of runs left.
type history struct{ runs, events, longest, bytes int }

// history reads the histories of a run and of those it continued as.
func (s *served) history(id, run string) history {
	s.t.Helper()
	var h history
	for run != "" {
		events, next := 0, ""
		it := s.client.GetWorkflowHistory(s.t.Context(), id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for it.HasNext() {
			e, err := it.Next()
			if err != nil {
				s.t.Fatal(err)
			}
			events++
			h.bytes += proto.Size(e)
			next = e.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
		}
		h.runs, h.events, h.longest, run = h.runs+1, h.events+events, max(h.longest, events), next
	}
	return h
}

// TestAMirrorOfManyRoundsHasAShortHistory: rounds without changes and with few
// follow each other on a real Temporal, each asked for by a signal at the open
// gate; the server says when a history is long.
func TestAMirrorOfManyRoundsHasAShortHistory(t *testing.T) {
	const rounds, suggested = 100, 4096 // limit.historyCount.suggestContinueAsNew of a Temporal server
	s := serveMirror(t)
	const id = "hdfs-mirror.many-rounds"
	s.answer["PlanMirrorRound"] = func(n int, in json.RawMessage) (any, error) {
		if n%2 == 0 {
			return activities.MirrorRoundPlan{Digest: "d"}, nil
		}
		return changes(3)(n, in)
	}
	s.answer["SourceOpenFiles"] = func(n int, _ json.RawMessage) (any, error) { // for the gate's evidence
		if n >= rounds {
			return activities.OpenFilesResult{}, nil
		}
		return activities.OpenFilesResult{}, s.client.SignalWorkflow(t.Context(), id, "", step.RoundSignal, map[string]string{"by": "etl", "reason": "job done"})
	}
	began := time.Now()
	run, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.RunbooksQueue}, workflows.HDFSMirror, mirrorInput())
	if err != nil {
		t.Fatal(err)
	}
	first := run.GetRunID()
	s.reject(id, rounds)
	var res workflows.HDFSMirrorResult
	if err := run.Get(t.Context(), &res); err != nil || res.Rounds != rounds || s.counts["PlanMirrorRound"] != rounds {
		t.Fatalf("%d rounds, %d plans, %v; want %d", res.Rounds, s.counts["PlanMirrorRound"], err, rounds)
	}
	h := s.history(id, first)
	t.Logf("%d rounds in %v: %d runs, %d events (%.1f a round), the longest history %d, %d bytes a round",
		rounds, time.Since(began).Round(time.Second), h.runs, h.events, float64(h.events)/rounds, h.longest, h.bytes/rounds)
	if h.runs < 2 || h.longest > suggested+200 || h.events > 90*rounds {
		t.Errorf("%+v, want more than one run, none much longer than %d events, and at most 90 a round", h, suggested)
	}
}

// reject ends the run at the gate, when all rounds are done.
func (s *served) reject(id string, rounds int) {
	s.t.Helper()
	deadline := time.NewTimer(10 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-deadline.C:
			s.t.Fatalf("the gate after %d rounds did not open: %v", rounds, s.counts)
		case <-tick.C:
		}
		s.mu.Lock()
		done := s.counts["SourceOpenFiles"] >= rounds
		s.mu.Unlock()
		if !done {
			continue
		}
		v, err := s.client.QueryWorkflow(s.t.Context(), id, "", step.StatusQuery)
		var at step.Status
		if err == nil {
			err = v.Get(&at)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if at.WaitingAt == "" || at.Digest == "" {
			continue
		}
		err = s.client.SignalWorkflow(s.t.Context(), id, "", step.ApproveSignal, step.Decision{Gate: at.WaitingAt, Digest: at.Digest, By: "ann", Reason: "read it"})
		if err != nil {
			s.t.Fatal(err)
		}
		return
	}
}

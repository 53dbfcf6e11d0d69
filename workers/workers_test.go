package workers

import (
	"maps"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/worker"
)

// meeting is a worker whose stop lasts until all stop.
type meeting struct {
	worker.Worker
	t   *testing.T
	all *sync.WaitGroup
}

func (m meeting) Stop() {
	m.all.Done()
	met := make(chan struct{})
	go func() { m.all.Wait(); close(met) }()
	select {
	case <-met:
	case <-time.After(10 * time.Second):
		m.t.Error("a queue was stopped while another had not been told to")
	}
}

// TestQueuesAreStoppedAtOnce: they were stopped one after the other, each with
// the whole of the stop's timeout.
func TestQueuesAreStoppedAtOnce(t *testing.T) {
	var all sync.WaitGroup
	var started []worker.Worker
	for range 3 {
		all.Add(1)
		started = append(started, meeting{t: t, all: &all})
	}
	stop(started)
}

func TestSearchAttributesAreKeywords(t *testing.T) {
	want := map[string]string{}
	for _, name := range SearchAttributes() {
		want[name] = "Keyword"
	}
	if got := SearchAttributeTypes(); !maps.Equal(got, want) || len(got) == 0 {
		t.Errorf("types %v, want %v", got, want)
	}
}

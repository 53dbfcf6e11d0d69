package activities

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
)

// beatEvery is well below the heartbeat timeout of the workflows, so that one
// lost beat is not taken for a dead worker.
const beatEvery = 3 * time.Second

// pulse beats an activity's heart on its own clock until stopped, with the
// newest progress as details. Outside of Temporal (plan, tests) it does
// nothing.
type pulse struct {
	mu      sync.Mutex
	details any
	stop    chan struct{}
	done    chan struct{}
}

// beat starts the pulse; the caller defers end. Until something is shown it
// beats with what the attempt before showed last: a server keeps the details of
// the newest beat only, and an attempt that dies early must not cost its
// successor the checkpoint.
func beat(ctx context.Context) *pulse {
	p := &pulse{stop: make(chan struct{}), done: make(chan struct{})}
	if !activity.IsActivity(ctx) {
		close(p.done)
		return p
	}
	if activity.HasHeartbeatDetails(ctx) {
		var kept converter.RawValue
		if err := activity.GetHeartbeatDetails(ctx, &kept); err == nil {
			p.details = kept
		}
	}
	go p.run(ctx)
	return p
}

func (p *pulse) run(ctx context.Context) {
	defer close(p.done)
	t := time.NewTicker(beatEvery)
	defer t.Stop()
	for {
		p.mu.Lock()
		d := p.details
		p.mu.Unlock()
		activity.RecordHeartbeat(ctx, d)
		select {
		case <-p.stop:
			return
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// show sets what the next beat carries.
func (p *pulse) show(details any) {
	p.mu.Lock()
	p.details = details
	p.mu.Unlock()
}

// counter returns a function that adds to a count the beats carry.
func (p *pulse) counter(name, unit string) func(n int64) {
	var done atomic.Int64
	return func(n int64) { p.show(Progress{Name: name, Done: done.Add(n), Unit: unit}) }
}

func (p *pulse) end() {
	close(p.stop)
	<-p.done
}

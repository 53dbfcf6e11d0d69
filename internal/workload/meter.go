package workload

import (
	"sync"
	"time"
)

// WriterStats says what a writer has done so far.
type WriterStats struct {
	Acked   int64 // writes in the ledger
	Target  int64 // those of them acknowledged after Switch
	Refused int64 // refusals by a read-only table; the writes were tried again
	Errors  int64 // other failed attempts; the writes were tried again
	// Frozen: the table refuses writes at present.
	Frozen bool
	// FreezeMillis is how long no write was acknowledged around the fence: from
	// the last acknowledgement at the source, or the first refusal if that came
	// earlier, to the first acknowledgement after Switch. 0 before that.
	FreezeMillis int64
	// LongestStall is the longest time without an acknowledgement outside the
	// freeze, for example while regions reopened.
	LongestStall time.Duration
	LastError    string
}

// meter gathers the statistics. now is passed in, so that it can be tested.
type meter struct {
	mu      sync.Mutex
	stats   WriterStats
	lastAck time.Time
	holding int       // workers whose batch is refused at present
	refused time.Time // since when, while there are such
	frozeAt time.Time // start of the freeze that Switch ends; zero before it
}

func (m *meter) acked(n int, onTarget bool, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Acked += int64(n)
	first := onTarget && m.stats.Target == 0
	if onTarget {
		m.stats.Target += int64(n)
	}
	switch {
	case first:
		m.stats.FreezeMillis = now.Sub(m.frozeAt).Milliseconds()
	case !m.lastAck.IsZero():
		m.stats.LongestStall = max(m.stats.LongestStall, now.Sub(m.lastAck))
	}
	m.lastAck = now
}

// refusedWrites counts n refused writes; first says that the worker held none
// before.
func (m *meter) refusedWrites(n int, first bool, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Refused += int64(n)
	if !first {
		return
	}
	if m.holding == 0 {
		m.refused = now
	}
	m.holding++
}

// released tells that a worker which held refused writes has got rid of them.
func (m *meter) released() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holding--; m.holding == 0 {
		m.refused = time.Time{}
	}
}

func (m *meter) failed(n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Errors += int64(n)
	m.stats.LastError = err.Error()
}

// switchover ends the source's part. The freeze began with its last
// acknowledgement, or with the first refusal when that came earlier: while the
// regions reopen one by one, some still take what was under way.
func (m *meter) switchover(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.frozeAt = now
	for _, t := range []time.Time{m.lastAck, m.refused} {
		if !t.IsZero() && t.Before(m.frozeAt) {
			m.frozeAt = t
		}
	}
}

func (m *meter) snapshot() WriterStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.Frozen = m.holding > 0
	return s
}

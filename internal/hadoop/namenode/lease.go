package namenode

import (
	"context"
	"sync"
	"time"
)

// leaseRenewal is half of the soft limit, one minute, after which others may
// take a file over.
const leaseRenewal = 30 * time.Second

// lease renews the client's lease while files are open.
type lease struct {
	mu     sync.Mutex
	files  int
	cancel context.CancelFunc
	done   chan struct{}
}

// KeepLease keeps the files this client has open its own until release is
// called: while anybody keeps it, one goroutine renews it every half minute.
// The lease is the client's; it does not matter how many files are open.
func (c *Client) KeepLease(ctx context.Context) (release func()) {
	l := &c.lease
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files++
	if l.files == 1 {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		l.cancel, l.done = cancel, make(chan struct{})
		go c.renew(ctx, l.done)
	}
	return sync.OnceFunc(l.release)
}

func (c *Client) renew(ctx context.Context, done chan struct{}) {
	defer close(done)
	tick := time.NewTicker(leaseRenewal)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// A failure shows where it matters: at the file's next call.
		c.RenewLease(ctx) //nolint:errcheck // see above
	}
}

func (l *lease) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files--
	if l.files == 0 {
		l.cancel()
	}
}

// end stops the renewal, whoever still keeps the lease.
func (l *lease) end() {
	l.mu.Lock()
	cancel, done := l.cancel, l.done
	l.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

package hbase

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"drover/internal/pause"
)

// pauses grow from first to most, with jitter.
func pauses(first, most time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = first, most
	return b
}

// poll calls look until it reports done or an error, or ctx ends.
func poll(ctx context.Context, first, most time.Duration, look func(context.Context) (bool, error)) error {
	b := pauses(first, most)
	for {
		done, err := look(ctx)
		if err != nil || done {
			return err
		}
		if err := pause.For(ctx, b.NextBackOff()); err != nil {
			return err
		}
	}
}

// retryWhile calls do until it succeeds, fails with an error that again
// rejects, or ctx ends; then the error tells both why it gave up and what kept
// failing.
func retryWhile(ctx context.Context, again func(error) bool, do func(context.Context) error) error {
	b := pauses(50*time.Millisecond, 2*time.Second)
	for {
		err := do(ctx)
		if err == nil || ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) || !again(err) {
			return err
		}
		if stop := pause.For(ctx, b.NextBackOff()); stop != nil {
			return fmt.Errorf("%w (gave up: %w)", err, stop)
		}
	}
}

// refusedBefore lists the exceptions by which a master or region server
// refuses a call before it begins: it is starting, stopping, or overloaded.
// Only their class decides; do_not_retry is false on errors that repeat for
// ever.
func refusedBefore(err error) bool {
	for _, class := range []string{
		"ServerNotRunningYetException", "PleaseHoldException", "MasterNotRunningException",
		"CallQueueTooBigException", "ServerOverloadedException", "CallDroppedException",
	} {
		if IsClass(err, class) {
			return true
		}
	}
	return false
}

// unsent reports whether the call certainly never reached a server.
func unsent(err error) bool {
	var c *ConnError
	return errors.Is(err, errNotPublished) || errors.As(err, &c) && c.Method == ""
}

// lost reports whether the answer was lost, so that the call may have been
// carried out.
func lost(err error) bool {
	var c *ConnError
	return errors.As(err, &c) && c.Method != ""
}

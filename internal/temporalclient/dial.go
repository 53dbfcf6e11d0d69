package temporalclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"drover/internal/config"
	"drover/internal/embedded"
	"drover/internal/fault"
)

// Options says how to connect. The zero value connects to what the environment
// names, silently, and gives up after ten seconds.
type Options struct {
	Config config.Temporal
	// Server says where drover's own server keeps its files; the zero value is
	// where "drover dev" starts it.
	Server embedded.Options
	// Log receives the SDK's own log; nil drops it.
	Log *zap.Logger
	// Wait is how long to keep trying while nothing answers. Default 10s.
	Wait time.Duration
	// Retrying is told before each new attempt; nil is told nothing.
	Retrying func(Endpoint, error)
}

const defaultWait = 10 * time.Second

// Dial connects to the service Resolve chooses. A service that does not answer
// is tried again with growing pauses for Options.Wait: it may be starting. The
// error is of kind fault.Unavailable then. Close the client after use.
func Dial(ctx context.Context, opts Options) (client.Client, Endpoint, error) {
	clientOptions, endpoint, err := Resolve(ctx, opts.Config, opts.Server)
	if err != nil {
		return nil, Endpoint{}, err
	}
	log := opts.Log
	if log == nil {
		log = zap.NewNop()
	}
	clientOptions.Logger = Logger(log)
	c, err := backoff.Retry(ctx,
		func() (client.Client, error) { return client.DialContext(ctx, clientOptions) },
		backoff.WithBackOff(pauses()),
		backoff.WithMaxElapsedTime(orDefault(opts.Wait)),
		backoff.WithNotify(func(err error, _ time.Duration) {
			if opts.Retrying != nil {
				opts.Retrying(endpoint, err)
			}
		}),
	)
	if err != nil {
		return nil, Endpoint{}, unreachable(ctx, endpoint, err)
	}
	return c, endpoint, nil
}

func pauses() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 100*time.Millisecond, 2*time.Second
	return b
}

func orDefault(wait time.Duration) time.Duration {
	if wait <= 0 {
		return defaultWait
	}
	return wait
}

func unreachable(ctx context.Context, endpoint Endpoint, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) {
		return cause
	}
	return fault.As(fault.Unavailable, fmt.Errorf("connect to Temporal at %s (from %s): %w: check the address, or start a server with \"drover dev\"",
		endpoint.Address, endpoint.From, err))
}

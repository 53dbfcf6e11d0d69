package copy

import (
	"context"

	"golang.org/x/time/rate"
)

// burst is what may pass at once: one read of a relay.
const burst = 256 << 10

// limiter bounds the rate of all copies of a call together; nil does not.
type limiter struct{ bucket *rate.Limiter }

func newLimiter(bytesPerSecond int64) *limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	return &limiter{rate.NewLimiter(rate.Limit(bytesPerSecond), burst)}
}

// wait blocks until n bytes may pass.
func (l *limiter) wait(ctx context.Context, n int) error {
	if l == nil {
		return ctx.Err()
	}
	for n > burst {
		if err := l.bucket.WaitN(ctx, burst); err != nil {
			return err
		}
		n -= burst
	}
	return l.bucket.WaitN(ctx, n)
}

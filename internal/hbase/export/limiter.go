package export

import (
	"context"

	"golang.org/x/time/rate"
)

// limiter bounds the rate of all copies of a job together; nil does not.
type limiter struct{ bucket *rate.Limiter }

func newLimiter(bytesPerSecond int64) *limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	return &limiter{rate.NewLimiter(rate.Limit(bytesPerSecond), bufferSize)}
}

// wait blocks until n bytes may pass.
func (l *limiter) wait(ctx context.Context, n int) error {
	if l == nil {
		return ctx.Err()
	}
	for n > bufferSize {
		if err := l.bucket.WaitN(ctx, bufferSize); err != nil {
			return err
		}
		n -= bufferSize
	}
	return l.bucket.WaitN(ctx, n)
}

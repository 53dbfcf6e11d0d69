// Package pause waits between two looks at a condition, and no longer than who
// asked for it.
package pause

import (
	"context"
	"time"
)

// For returns nil after d, or at once, with its cause, when ctx ends.
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

package sandboxtest

import (
	"context"
	"testing"
	"time"
)

// Afterwards takes back, when the test has ended, what it did to a sandbox that
// stays up. The test's own context has ended by then; this one lasts a minute.
func Afterwards(t testing.TB, what string, do func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := do(ctx); err != nil {
			t.Errorf("clean up: %s: %v", what, err)
		}
	})
}

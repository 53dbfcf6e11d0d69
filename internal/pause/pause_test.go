package pause_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"drover/internal/pause"
)

func TestAPauseEndsWithItsTimeOrItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := pause.For(t.Context(), time.Hour); err != nil || time.Since(began) != time.Hour {
			t.Errorf("an hour's pause ended after %s, %v", time.Since(began), err)
		}
		why := errors.New("the operator is gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(why) })
		began = time.Now()
		if err := pause.For(ctx, time.Hour); !errors.Is(err, why) || time.Since(began) != time.Minute {
			t.Errorf("a pause whose context ended after a minute: %v after %s", err, time.Since(began))
		}
	})
}

package workers

import (
	"context"
	"errors"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"drover/internal/fault"
)

// faults turns the kind of an engine's error into the type of an application
// error, the only thing that survives the trip to a workflow. The cause is not
// passed along: it would print the text again.
type faults struct {
	interceptor.WorkerInterceptorBase
}

func (*faults) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &faultsInbound{}
	i.Next = next
	return i
}

type faultsInbound struct {
	interceptor.ActivityInboundInterceptorBase
}

func (i *faultsInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	out, err := i.Next.ExecuteActivity(ctx, in)
	return out, typed(ctx, err)
}

// typed leaves alone what Temporal knows already: cancellations and
// application errors.
func typed(ctx context.Context, err error) error {
	var app *temporal.ApplicationError
	var canceled *temporal.CanceledError
	if err == nil || errors.As(err, &app) || errors.As(err, &canceled) {
		return err
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return err
	}
	kind := fault.KindOf(err)
	if kind == fault.Unknown {
		return err
	}
	if kind.Permanent() {
		return temporal.NewNonRetryableApplicationError(err.Error(), string(kind), nil)
	}
	return temporal.NewApplicationError(err.Error(), string(kind))
}

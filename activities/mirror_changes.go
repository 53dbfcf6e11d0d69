package activities

import (
	"context"

	"drover/internal/fault"
	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/tree"
)

// planChanges plans the way of a target from one snapshot of the source to
// another.
func (a *Mirror) planChanges(ctx context.Context, source tree.Tree, from, to string) (*plan.Way, error) {
	draft := plan.NewDraft(from, to)
	backward, err := diff.Each(ctx, source.NN, source.Root, from, to, func(c plan.Change) error {
		return fault.As(fault.Unsupported, draft.Add(c))
	})
	if err != nil {
		return nil, err
	}
	way, err := draft.Resolve(backward)
	return way, fault.As(fault.Unsupported, err)
}

package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/internal/fault"
	"drover/workflows/step"
)

// GateRefused asks what to do about what the source has come to hold since the
// baseline and no mirror can bring: erasure-coded files, encryption zones,
// symbolic links.
const GateRefused = "refused"

// mirrorable takes the source's snapshot of a round and asks what is to be done
// with it. What is refused there changed nothing at the target, and is a human's
// to mend at the source: all that was copied would be lost with the run. An
// attempt at the cutover fails over it instead, so that no writer waits.
func (m *hdfsMirror) mirrorable(ctx workflow.Context, snapshot string, ask func() error) (activities.TreeSnapshotResult, error) {
	for {
		taken, err := m.begin(ctx, snapshot)
		if err != nil {
			return taken, err
		}
		err = ask()
		_, attempt := step.Recall[time.Time](m.run, "approved")
		if step.KindOf(err) != fault.Unsupported || attempt || m.in.Rehearsal && m.in.AutoApprove {
			return taken, err
		}
		if err := m.awaitMended(ctx, snapshot, err); err != nil {
			return taken, err
		}
	}
}

// awaitMended opens the gate, and gives the snapshot up when a human says that
// another one is worth a try.
func (m *hdfsMirror) awaitMended(ctx workflow.Context, snapshot string, cause error) error {
	o := m.gateOptions()
	o.Permits = "the round begins anew, from another snapshot of the source"
	decision, err := m.run.Gate(ctx, GateRefused, func(workflow.Context) (step.Evidence, error) {
		return step.Evidence{Facts: []step.Fact{
			{Name: "refused", Value: messageOf(cause)},
			{Name: "target", Value: "as of snapshot " + m.state.Common + ", nothing of this round was begun"},
			{Name: "approve", Value: "deletes the source's snapshot " + snapshot + " and takes another one, in which this should be mended"},
			{Name: "reject", Value: "stops the run; keepOnAbort says whether what was copied stays"},
		}}, nil
	}, o)
	if err != nil {
		return err
	}
	if !decision.Approved {
		return step.Rejected(decision)
	}
	drop := activities.TreeSnapshotsInput{TreeAt: m.sourceTree(), Prefix: snapshot}
	if _, err := step.Do(control(ctx, m.in.Source), hm.DropTreeSnapshots, drop); err != nil {
		return err
	}
	m.run.Settle(GateRefused)
	step.Forget(m.run, "round/taken")
	return nil
}

// messageOf is what an activity said, without what Temporal adds.
func messageOf(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	return err.Error()
}

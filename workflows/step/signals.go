package step

import (
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// door is a signal. Nobody is answered, so what is refused is listed in the
// status.
type door struct {
	name    string
	channel workflow.ReceiveChannel
	take    func(workflow.Context, converter.RawValue) error
}

// listenSignals opens the doors for those who cannot send an update.
func (r *Run) listenSignals(ctx workflow.Context) {
	open := func(name, description string, take func(workflow.Context, converter.RawValue) error) {
		channel := workflow.GetSignalChannelWithOptions(ctx, name, workflow.SignalChannelOptions{Description: description + " A refused signal is listed in the status."})
		r.doors = append(r.doors, door{name, channel, take})
	}
	open(ApproveSignal, `Decides the open gate, same JSON and rules as update decide: {"gate":"…","digest":"…","by":"…","reason":"…","approved":true}.`, r.approved)
	round := r.roundOrder()
	open(RoundSignal, `Asks for a round, same JSON and rules as update round: {"by":"…","reason":"…"}.`, func(ctx workflow.Context, raw converter.RawValue) error {
		if err := round.check(raw); err != nil {
			return err
		}
		_, err := round.carryOut(ctx, r, raw)
		return err
	})
}

// approved takes the signal that decides.
func (r *Run) approved(ctx workflow.Context, raw converter.RawValue) error {
	d, err := parseDecision(raw, r.example())
	if err != nil {
		return err
	}
	if err := r.check(d, workflow.Now(ctx)); err != nil {
		return err
	}
	_, err = r.accept(ctx, raw, "signal "+ApproveSignal)
	return err
}

// arrived reports whether a signal waits to be taken.
func (r *Run) arrived() bool {
	for _, d := range r.doors {
		if d.channel.Len() > 0 {
			return true
		}
	}
	return false
}

// readSignals takes signals one by one as they come. It waits for the length
// of the channels instead of receiving: a value handed to a blocked receiver is
// out of its channel before the receiver runs, and Carry, which may run first,
// could not see it any more.
func (r *Run) readSignals(ctx workflow.Context) {
	for {
		if err := workflow.Await(ctx, r.arrived); err != nil {
			return
		}
		r.drain(ctx)
	}
}

// drain handles every signal that has arrived.
func (r *Run) drain(ctx workflow.Context) {
	for _, d := range r.doors {
		var raw converter.RawValue
		for d.channel.ReceiveAsync(&raw) {
			if err := d.take(ctx, raw); err != nil {
				r.refuse(ctx, "signal "+d.name, err, excerpt(string(payloadData(raw)), keptPayload))
			}
		}
	}
}

package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/internal/fault"
	"drover/internal/preflight"
	"drover/workflows/step"
)

// Kinds of a mirror's engine.
const (
	EngineNative = "native"
	// EngineDistcp hands the copy to Hadoop's distcp, for those who must use
	// YARN. Snapshots, the proof of drift, comparisons, gates and retention stay
	// drover's own, and so does what distcp cannot bring.
	EngineDistcp = "distcp"
)

func (in HDFSMirrorInput) distcp() bool { return in.Engine.Kind == EngineDistcp }

// validateEngine refuses what would be ignored.
func (in HDFSMirrorInput) validateEngine() error {
	e := in.Engine
	switch {
	case e.Kind != "" && e.Kind != EngineNative && e.Kind != EngineDistcp:
		return fmt.Errorf("input of HDFSMirror: engine.kind %q is unknown: use %s or %s", e.Kind, EngineNative, EngineDistcp)
	case !in.distcp() && e != activities.MirrorEngine{Kind: e.Kind}:
		return fmt.Errorf("input of HDFSMirror: engine.at, queue, maps and bandwidthMB are of distcp: add engine.kind %s", EngineDistcp)
	case e.At != "" && !siteName.MatchString(e.At):
		return fmt.Errorf("input of HDFSMirror: engine.at %q is neither source, target nor a name of commandHosts", e.At)
	case e.Maps < 0 || e.BandwidthMB < 0:
		return fmt.Errorf("input of HDFSMirror: engine.maps and engine.bandwidthMB are not negative: 0 leaves them to distcp")
	case in.distcp() && in.BytesPerSecond > 0:
		return fmt.Errorf("input of HDFSMirror: bytesPerSecond limits drover's own copy: limit distcp's maps with engine.bandwidthMB")
	}
	return nil
}

// reversed keeps the commands on the machine they are on when source and target
// swap their roles.
func reversed(e activities.MirrorEngine) activities.MirrorEngine {
	if e.Kind != EngineDistcp {
		return e
	}
	switch e.At {
	case "", "target":
		e.At = "source"
	case "source":
		e.At = "target"
	}
	return e
}

// commands is for what runs on the machine of the commands: workers of the site
// it is beside reach it.
func (m *hdfsMirror) commands(ctx workflow.Context) workflow.Context {
	if m.in.Engine.At == "source" {
		return bulk(ctx, m.in.Source)
	}
	return bulk(ctx, m.in.Target)
}

// preflightEngine looks at the machine of the commands.
func (m *hdfsMirror) preflightEngine(ctx workflow.Context) ([]preflight.Finding, error) {
	if !m.in.distcp() {
		return nil, nil
	}
	in := activities.MirrorDistcpInput{MirrorAt: m.at, Engine: m.in.Engine, From: m.in.From, Snapshot: m.snapshotName(0), Without: m.in.Without}
	_, again := step.Recall[activities.DistcpPreflightResult](m.run, engineSeen)
	seen, err := step.Once(m.commands(ctx), m.run, engineSeen, hm.PreflightMirrorDistcp, in)
	if err == nil && !again {
		m.announce(ctx, seen.Commands)
	}
	return seen.Findings, err
}

// engineSeen is what the run remembers the look at the engine as.
const engineSeen = "preflight/distcp"

// announce shows the first commands to people, before any of them is started.
func (m *hdfsMirror) announce(ctx workflow.Context, c activities.DistcpCommands) {
	from := m.in.From
	if from == "" {
		from = m.snapshotName(0)
		m.run.Note(ctx, "the baseline will be, on %s: %s", c.Host, c.FirstCopy())
	}
	m.run.Note(ctx, "the first round with changes will be, on %s: %s", c.Host, c.Between(from, m.snapshotName(1)))
}

// nextCommand is the fact of the cutover gate that says what the next round
// starts; there is none without distcp.
func (m *hdfsMirror) nextCommand() []step.Fact {
	if !m.in.distcp() {
		return nil
	}
	seen, _ := step.Recall[activities.DistcpPreflightResult](m.run, engineSeen)
	next := seen.Commands.Between(m.state.Common, m.snapshotName(m.state.Round+1))
	return []step.Fact{{Name: "next command", Value: fmt.Sprintf("on %s, if anything changed: %s", seen.Commands.Host, next)}}
}

// attemptsUnasked is how often a command is begun before a person is asked, when
// it failed for what may pass by itself.
const attemptsUnasked = 3

// distcp brings a baseline, or a round where from is set, by distcp, as often as
// it takes. The part is its name in what the run remembers; what it copied is
// summed up under copied.
func (m *hdfsMirror) distcp(ctx workflow.Context, part, copied, from, snapshot string) error {
	key := part + "/distcp"
	if _, done := step.Recall[bool](m.run, key); done {
		return nil
	}
	in := activities.MirrorDistcpInput{MirrorAt: m.at, Engine: m.in.Engine, From: from, Snapshot: snapshot, Without: m.in.Without}
	// An abort cancels the command where a worker waits for it. Where none does
	// it would go on writing under what is undone next.
	of := activities.MirrorDistcpInput{MirrorAt: m.at, Engine: m.in.Engine}
	if err := undoTree(m.commands(ctx), m, "end the distcp of the "+part+" if it still runs", hm.EndMirrorDistcp, of); err != nil {
		return err
	}
	for {
		if err := m.takeBackRound(ctx, key, from); err != nil {
			return err
		}
		in.Attempt, _ = step.Recall[int](m.run, key+"/attempt")
		ran, err := step.Do(m.commands(ctx), hm.RunMirrorDistcp, in)
		if err != nil {
			return err
		}
		if ran.Failure == nil {
			m.run.Note(ctx, "%s on %s, %s: %s files, %s in %ds", ran.Command, ran.Host, cmp.Or(ran.JobID, "no job"),
				humanize.Comma(ran.Copied.Copied), humanize.IBytes(uint64(ran.Copied.Bytes)), ran.Seconds)
			return errors.Join(m.add(copied, ran.Copied), step.Remember(m.run, key, true))
		}
		_, frozen := step.Recall[time.Time](m.run, "approved")
		if !frozen {
			if err := m.waitOrAsk(ctx, in.Attempt, ran); err != nil {
				return err
			}
		}
		err = errors.Join(step.Remember(m.run, key+"/attempt", in.Attempt+1), step.Remember(m.run, key+"/back", restores(ran.Failure)))
		if frozen && err == nil {
			// Nobody is asked, and nothing waited for, while writers wait.
			err = fmt.Errorf("distcp: %s; %s", ran.Failure.Happened, ran.Failure.Do)
		}
		if err != nil {
			return err
		}
	}
}

// takeBackRound rolls the target back where the attempt before applied a part of
// the round: distcp itself would find the target modified and refuse.
func (m *hdfsMirror) takeBackRound(ctx workflow.Context, key, from string) error {
	if back, _ := step.Recall[bool](m.run, key+"/back"); !back || from == "" {
		return nil
	}
	said, err := step.Do(bulk(ctx, m.in.Target), hm.RestoreMirrorTarget, activities.MirrorSnapshotInput{MirrorAt: m.at, Snapshot: from})
	if err != nil {
		return err
	}
	m.run.Note(ctx, "%s", said)
	step.Forget(m.run, key+"/back")
	return nil
}

// waitOrAsk makes another attempt possible: what may pass by itself is waited
// for, anything else is shown to a person with what is to be done.
func (m *hdfsMirror) waitOrAsk(ctx workflow.Context, attempt int, ran activities.MirrorDistcpResult) error {
	if ran.Failure.Kind == fault.Unavailable && (attempt+1)%attemptsUnasked != 0 {
		m.run.Note(ctx, "distcp failed and is tried again: %s", ran.Failure.Happened)
		if err := workflow.Sleep(ctx, time.Minute<<(attempt%attemptsUnasked)); err != nil {
			return m.run.Checkpoint(ctx)
		}
		return nil
	}
	decision, err := m.run.Gate(ctx, GateRepair, func(workflow.Context) (step.Evidence, error) {
		return m.distcpEvidence(ran), nil
	}, step.GateOptions{TwoPerson: m.in.TwoPersons})
	if err != nil {
		return err
	}
	if !decision.Approved {
		return step.Rejected(decision)
	}
	m.run.Settle(GateRepair)
	return nil
}

// restores says whether the target is rolled back before a round is repeated:
// also when distcp found a change that the look for drift before the round did
// not.
func restores(why *activities.DistcpFailure) bool { return why.Touched || why.ID == "target-modified" }

func (m *hdfsMirror) distcpEvidence(ran activities.MirrorDistcpResult) step.Evidence {
	why := ran.Failure
	approve := "runs the command again"
	switch {
	case m.state.Common == "" && why.Touched:
		approve = "goes on with the baseline where it broke off (-update -delete)"
	case m.state.Common != "" && restores(why):
		approve = "rolls the target back to its snapshot " + m.state.Common + ", whatever was changed there, and runs the command again"
	}
	return step.Evidence{Facts: []step.Fact{
		{Name: "failing step", Value: ran.Command},
		{Name: "on", Value: ran.Host},
		{Name: "cause", Value: why.ID},
		{Name: "error", Value: why.Happened},
		{Name: "next step", Value: why.Do},
		{Name: "target", Value: map[bool]string{true: "may hold part of the work", false: "was not touched"}[why.Touched]},
		{Name: "approve", Value: approve},
		{Name: "reject", Value: "stops the run"},
	}}
}

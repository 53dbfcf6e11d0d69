package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/workflows/step"
)

// verdictMatch is the verdict of a comparison that found every byte equal.
const verdictMatch = "match"

// attempt is what one try at the cutover came to; remembered, so that a
// continued run does not repeat it.
type attempt struct {
	Failed string `json:"failed,omitempty"`
}

// cutover asks until a human rejects, or an approved attempt reaches the
// commit line. An attempt that fails lifts the fence, and the gate opens again
// with fresh evidence and the reason.
func (m *hbaseMigration) cutover(ctx workflow.Context) error {
	for n := 1; !m.run.Committed(); n++ {
		m.run.Phase(ctx, fmt.Sprintf("%s-%d", PhaseVerify, n), "comparing every cell on both sides")
		decision, err := m.run.Gate(ctx, GateCutover, m.measureCutover, m.gateOptions())
		if err != nil {
			return err
		}
		if !decision.Approved {
			return step.Rejected(decision)
		}
		key := fmt.Sprintf("attempt/%d", n)
		if _, failed := step.Recall[attempt](m.run, key); failed {
			continue
		}
		mark := m.run.Mark()
		cause := m.attemptCutover(ctx, n)
		if cause == nil {
			break
		}
		if errors.Is(cause, step.ErrAborted) {
			return cause
		}
		if err := m.run.UndoTo(ctx, mark); err != nil {
			return errors.Join(cause, err)
		}
		m.run.Note(ctx, "cutover attempt %d failed, writes are accepted again: %v", n, cause)
		if err := step.Remember(m.run, key, attempt{Failed: cause.Error()}); err != nil {
			return err
		}
	}
	return m.openTarget(ctx)
}

func (m *hbaseMigration) gateOptions() step.GateOptions {
	return step.GateOptions{
		MaxAge:      m.in.EvidenceMaxAge.Std(),
		TwoPerson:   m.in.TwoPersons,
		AutoApprove: m.in.Rehearsal && m.in.AutoApprove,
	}
}

// measureCutover compares every table online and measures the queue. Each
// comparison also takes the base snapshots that the delta proof starts from.
func (m *hbaseMigration) measureCutover(ctx workflow.Context) (step.Evidence, error) {
	base, _ := step.Recall[int](m.run, "base")
	base++
	if err := step.Remember(m.run, "base", base); err != nil {
		return step.Evidence{}, err
	}
	peer := activities.PeerInput{Pair: m.pair, PeerID: m.peerID(), Tables: m.in.Tables}
	lag, err := step.Do(bulk(ctx, m.in.Source), hb.AwaitCatchUp, peer)
	if err != nil {
		return step.Evidence{}, err
	}
	verified := make([]activities.VerifyResult, len(m.in.Tables))
	err = m.eachTable(ctx, func(ctx workflow.Context, i int, table string) error {
		in := m.verifyInput(table, base)
		drop := activities.BaseInput{Pair: m.pair, Table: table, RunKey: m.key}
		if err := undo(control(ctx, m.in.Source), m, "delete base snapshots of "+table, hb.DropBaseSnapshots, drop); err != nil {
			return err
		}
		var err error
		verified[i], err = step.Do(bulk(ctx, m.in.Target), hb.VerifyTable, in)
		return err
	})
	if err != nil {
		return step.Evidence{}, err
	}
	if err := step.Remember(m.run, "verified", verified); err != nil {
		return step.Evidence{}, err
	}
	return cutoverEvidence(workflow.Now(ctx), m.base, lag, verified, m.in.Accept), nil
}

func (m *hbaseMigration) verifyInput(table string, base int) activities.VerifyInput {
	return activities.VerifyInput{Pair: m.pair, Table: table, RunKey: m.key, PeerID: m.peerID(), Parallel: m.in.VerifyParallel, Base: base}
}

// attemptCutover goes from the approval to the commit line. Until it returns
// nil everything it did is undone by the caller.
func (m *hbaseMigration) attemptCutover(ctx workflow.Context, n int) error {
	m.run.Phase(ctx, fmt.Sprintf("%s-%d", PhaseFence, n), "pausing splits, then refusing writes on the source")
	if err := m.declareDelta(ctx); err != nil {
		return err
	}
	if err := m.pauseSplits(ctx); err != nil {
		return err
	}
	fence, refused, err := m.fence(ctx, n)
	if err != nil {
		return err
	}
	m.run.Phase(ctx, fmt.Sprintf("%s-%d", PhaseDrain, n), "proving that nothing waits in the source's queues")
	peer := activities.PeerInput{Pair: m.pair, PeerID: m.peerID(), Tables: m.in.Tables}
	left, err := refused.left(ctx)
	if err != nil {
		return err
	}
	drain, err := step.Do(within(control(ctx, m.in.Source), left), hb.ProveDrain, peer)
	if err != nil {
		return fmt.Errorf("drain proof: %w", err)
	}
	m.run.Phase(ctx, fmt.Sprintf("%s-%d", PhaseDelta, n), "comparing what changed since the verification")
	delta, err := m.proveDelta(ctx, refused)
	if err != nil {
		return fmt.Errorf("delta proof: %w", err)
	}
	if err := step.Remember(m.run, "delta", delta); err != nil {
		return err
	}
	proved := workflow.Now(ctx)
	freeze := Freeze{
		FenceMillis: fence.Held.Sub(fence.Called).Milliseconds(),
		DrainMillis: drain.Proved.Sub(fence.Held).Milliseconds(),
		DeltaMillis: proved.Sub(drain.Proved).Milliseconds(),
	}
	if err := step.Remember(m.run, "freeze", frozen{Freeze: freeze, Called: fence.Called, Proved: proved}); err != nil {
		return err
	}
	if _, err := refused.left(ctx); err != nil {
		return err
	}
	// This is the commit line. Above it every failure lifts the fence and the
	// source goes on as if nothing had happened; below it the target is where
	// writes go, nothing is undone, and the run only goes forward.
	return m.run.Commit(ctx, "the target holds every acknowledged write and takes over")
}

type frozen struct {
	Freeze
	Called time.Time `json:"called"`
	Proved time.Time `json:"proved"`
}

// declareDelta comes before the fence although the proof comes after it: undos
// run newest first, and writes must be accepted again before anything else.
func (m *hbaseMigration) declareDelta(ctx workflow.Context) error {
	for _, table := range m.in.Tables {
		if err := undo(control(ctx, m.in.Source), m, "delete what the delta proof of "+table+" made", hb.DropDelta, m.deltaInput(table)); err != nil {
			return err
		}
	}
	return nil
}

func (m *hbaseMigration) deltaInput(table string) activities.DeltaInput {
	return activities.DeltaInput{Pair: m.pair, Table: table, RunKey: m.key, Parallel: m.in.VerifyParallel, FullBelow: m.in.FullProofBelow}
}

func (m *hbaseMigration) pauseSplits(ctx workflow.Context) error {
	found := activities.SplitMergeInput{Site: m.in.Source, Split: m.base.SplitEnabled, Merge: m.base.MergeEnabled}
	if err := undo(control(ctx, m.in.Source), m, "switch splits and merges at "+m.in.Source+" back", hb.RestoreSplitMerge, found); err != nil {
		return err
	}
	off := activities.SplitMergeInput{Site: m.in.Source, Tables: m.in.Tables}
	_, err := step.Do(within(control(ctx, m.in.Source), maxFreeze), hb.PauseSplitMerge, off)
	return err
}

func (m *hbaseMigration) fence(ctx workflow.Context, n int) (activities.FenceResult, refusal, error) {
	lift := activities.FenceInput{Site: m.in.Source, Tables: m.in.Tables, Key: fmt.Sprintf("%s/unfence/%d", m.key, n)}
	if err := undo(control(ctx, m.in.Source), m, "accept writes on the source again", hb.LiftFence, lift); err != nil {
		return activities.FenceResult{}, refusal{}, err
	}
	set := activities.FenceInput{Site: m.in.Source, Tables: m.in.Tables, ReadOnly: true, Key: fmt.Sprintf("%s/fence/%d", m.key, n)}
	refused := refusal{run: m.run, since: workflow.Now(ctx)}
	res, err := step.Do(within(control(ctx, m.in.Source), maxFreeze), hb.FenceTables, set)
	if refused.since.Before(res.Called) {
		res.Called = refused.since // an attempt whose worker died may have refused writes already
	}
	if err != nil {
		return res, refused, fmt.Errorf("write fence: %w", err)
	}
	return res, refused, nil
}

// proveDelta holds for a table that was verified before and differs nowhere in
// what changed since. Anything else fails the attempt.
func (m *hbaseMigration) proveDelta(ctx workflow.Context, refused refusal) ([]activities.DeltaResult, error) {
	verified, ok := step.Recall[[]activities.VerifyResult](m.run, "verified")
	if !ok {
		return nil, errors.New("no verification to start from")
	}
	out := make([]activities.DeltaResult, len(m.in.Tables))
	err := m.eachTable(ctx, func(ctx workflow.Context, i int, table string) error {
		in := m.deltaInput(table)
		in.Bytes, in.SourceBase, in.TargetBase = verified[i].Bytes, verified[i].SourceBase, verified[i].TargetBase
		left, err := refused.left(ctx)
		if err != nil {
			return err
		}
		out[i], err = step.Do(within(bulk(ctx, m.in.Target), left), hb.ProveDelta, in)
		if err == nil && out[i].Verdict != verdictMatch {
			err = fmt.Errorf("table %s: verdict %s, %d rows differ: %v", table, out[i].Verdict, out[i].Differing, out[i].Differences)
		}
		return err
	})
	return out, err
}

// openTarget is the first step below the commit line.
func (m *hbaseMigration) openTarget(ctx workflow.Context) error {
	m.run.Phase(ctx, PhaseSwitch, "the target takes writes; retiring the replication peer")
	var open activities.OpenTargetResult
	err := m.forward(ctx, "open the target", func(ctx workflow.Context) (err error) {
		open, err = step.Once(control(ctx, m.in.Target), m.run, "open", hb.OpenTarget, activities.OpenTargetInput{Site: m.in.Target, Tables: m.in.Tables})
		return err
	})
	if err != nil {
		return err
	}
	f, _ := step.Recall[frozen](m.run, "freeze")
	f.OpenMillis = open.Opened.Sub(f.Proved).Milliseconds()
	f.TotalMillis = open.Opened.Sub(f.Called).Milliseconds()
	m.result.Freeze = &f.Freeze
	m.result.Verdict = verdictMatch
	return m.retireSource(ctx)
}

// retireSource takes back what the run changed for the whole source cluster:
// the peer, which could only ship what nobody expects any more, and the
// switches for splits and merges. The tables stay READONLY.
func (m *hbaseMigration) retireSource(ctx workflow.Context) error {
	peer := activities.PeerInput{Pair: m.pair, PeerID: m.peerID(), Tables: m.in.Tables}
	err := m.forward(ctx, "remove the replication peer", func(ctx workflow.Context) error {
		_, err := step.Once(control(ctx, m.in.Source), m.run, "retire-peer", hb.RemoveReplicationPeer, peer)
		return err
	})
	if err != nil {
		return err
	}
	err = m.forward(ctx, "delete what the delta proof made", func(ctx workflow.Context) error {
		return m.eachTable(ctx, func(ctx workflow.Context, _ int, table string) error {
			_, err := step.Once(control(ctx, m.in.Source), m.run, "retire-delta/"+table, hb.DropDelta, m.deltaInput(table))
			return err
		})
	})
	if err != nil {
		return err
	}
	found := activities.SplitMergeInput{Site: m.in.Source, Split: m.base.SplitEnabled, Merge: m.base.MergeEnabled}
	return m.forward(ctx, "switch splits and merges back", func(ctx workflow.Context) error {
		_, err := step.Once(control(ctx, m.in.Source), m.run, "retire-switches", hb.RestoreSplitMerge, found)
		return err
	})
}

// forward does a step below the commit line, where nothing may be undone: when
// it fails for good a human decides whether it is tried again.
func (m *hbaseMigration) forward(ctx workflow.Context, what string, fn func(ctx workflow.Context) error) error {
	left, err := forward(ctx, m.run, what, fn)
	m.result.Left = append(m.result.Left, left...)
	return err
}

// forward is what all runbooks do below the commit line; it returns in words
// what a human decided to leave undone.
func forward(ctx workflow.Context, run *step.Run, what string, fn func(ctx workflow.Context) error) ([]string, error) {
	for {
		err := fn(ctx)
		if err == nil || errors.Is(err, step.ErrContinue) {
			return nil, err
		}
		decision, gateErr := run.Gate(ctx, GateRepair, func(ctx workflow.Context) (step.Evidence, error) {
			return repairEvidence(workflow.Now(ctx), what, err), nil
		}, step.GateOptions{})
		if gateErr != nil {
			return nil, gateErr
		}
		if !decision.Approved {
			return []string{what + ": " + err.Error()}, nil
		}
	}
}

package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/workflows/step"
)

// roundsAndCutover mirrors until a human approves, and an approved attempt
// reaches the commit line. After an attempt that fails writers may go on at the
// source; the rounds it made stay, and the gate opens again.
func (m *hdfsMirror) roundsAndCutover(ctx workflow.Context) error {
	for !m.run.Committed() {
		m.run.Phase(ctx, fmt.Sprintf("%s-%d", PhaseRounds, m.state.Attempts+1), "mirroring what changes")
		if err := m.approved(ctx); err != nil {
			return err
		}
		mark := m.run.Mark()
		cause := m.attemptCutover(ctx)
		if cause == nil {
			return nil
		}
		if errors.Is(cause, step.ErrAborted) || errors.Is(cause, step.ErrContinue) {
			return cause
		}
		if err := m.run.UndoTo(ctx, mark); err != nil {
			return errors.Join(cause, err)
		}
		m.run.Settle(GateCutover)
		step.Forget(m.run, append(frozenKeys, "approved")...)
		m.state.Attempts++
		m.state.SnapshotID = 0 // the comparison may have mended it, and taken it anew
		m.run.Note(ctx, "cutover attempt %d failed, writers may go on at the source: %v", m.state.Attempts, cause)
		if err := m.remember(); err != nil {
			return err
		}
	}
	return nil
}

// approved runs rounds and shows their evidence until a human approves it.
// Evidence that is wanted anew is another round.
func (m *hdfsMirror) approved(ctx workflow.Context) error {
	if _, already := step.Recall[time.Time](m.run, "approved"); already {
		return nil // the attempt was interrupted by a continue-as-new
	}
	o := m.gateOptions()
	o.MaxAge, o.Elsewhere = m.in.Interval.Std(), true
	o.Permits = "a last round is run, everything is compared, the source is proved unchanged meanwhile, the target takes over"
	for {
		if _, open := step.Recall[bool](m.run, "at-gate"); !open {
			if err := m.converge(ctx); err != nil {
				return err
			}
			if err := step.Remember(m.run, "at-gate", true); err != nil {
				return err
			}
		}
		decision, err := m.run.Gate(ctx, GateCutover, m.measureCutover, o)
		if errors.Is(err, step.ErrContinue) {
			return err
		}
		step.Forget(m.run, "at-gate")
		switch {
		case errors.Is(err, step.ErrRenew):
			continue
		case err != nil:
			return err
		case !decision.Approved:
			return step.Rejected(decision)
		}
		return step.Remember(m.run, "approved", workflow.Now(ctx))
	}
}

// measureCutover adds to what the rounds found what is being written now.
func (m *hdfsMirror) measureCutover(ctx workflow.Context) (step.Evidence, error) {
	since, open := m.writtenNow(ctx)
	last := m.state.Last
	e := step.Evidence{Facts: []step.Fact{
		{Name: "target", Value: fmt.Sprintf("%s at %s is the source as of %s (snapshot %s)", m.in.TargetPath, m.in.Target, m.state.TakenAt, m.state.Common)},
		{Name: "lag", Value: m.lag(ctx) + ", " + since},
		{Name: "last round", Value: fmt.Sprintf("number %d: %s changes (%d created, %d deleted, %d renamed, %d modified), %s copied", m.state.Round,
			humanize.Comma(last.Changes()), last.Created, last.Deleted, last.Renamed, last.Modified, humanize.IBytes(uint64(last.Bytes)))},
		{Name: "its verification", Value: checkedText(m.state.Checked, last)},
		{Name: "drift", Value: "none before the last round, " + m.driftLook()},
		{Name: "open files at the source", Value: open},
		m.writersFact(),
		{Name: "approving does", Value: "run a last round, prove the source unchanged since its snapshot, compare the whole target with it, hand over"},
	}}
	if last.Changes() > m.in.ConvergeAt {
		e.Facts = append(e.Facts, step.Fact{Name: "not converged", Value: fmt.Sprintf("the last of %d rounds in a row still had more than %d changes: the freeze will last as long as such a round", m.in.MaxRounds, m.in.ConvergeAt)})
	}
	if behind := m.state.Drift.Behind; len(behind) > 0 {
		e.Facts = append(e.Facts, step.Fact{Name: "behind", Value: "sampled files differ in what no snapshot diff reports; the cutover's comparison brings it: " + strings.Join(behind, "; ")})
	}
	e.Facts = append(e.Facts, m.nextCommand()...)
	for _, a := range m.state.Adopted {
		e.Facts = append(e.Facts, step.Fact{Name: "adopted", Value: a})
	}
	if len(m.in.Accept) > 0 {
		e.Facts = append(e.Facts, step.Fact{Name: "accepted findings", Value: strings.Join(m.in.Accept, ", ")})
	}
	return e, nil
}

// checkedText says what a round's comparison covered: a match of nothing is none.
func checkedText(checked activities.MirrorVerifyResult, last activities.MirrorRoundPlan) string {
	switch {
	case checked.Verdict != verdictMatch || checked.Files+checked.Directories > 0:
		return fmt.Sprintf("%s: %s files, %s compared by checksum, and their attributes", checked.Verdict, humanize.Comma(checked.Files), humanize.IBytes(uint64(checked.Bytes)))
	case last.Changes() == 0:
		return "nothing had changed, so nothing was compared; the cutover compares everything"
	}
	return "nothing was copied, so nothing was compared: names were moved or deleted; the cutover compares everything"
}

// writtenNow says what is being written at the source, for whoever decides. That
// it is not known ends no mirror: the attempt's own proof wants to know it.
func (m *hdfsMirror) writtenNow(ctx workflow.Context) (since, open string) {
	now, err := step.Do(control(ctx, m.in.Source), hm.SourceOpenFiles, activities.QuietInput{TreeAt: m.sourceTree(), Snapshot: m.state.Common})
	if err != nil {
		return "changes at the source since then not known: " + messageOf(err), "not known"
	}
	return humanize.Comma(now.Changes) + " changes at the source since then", fmt.Sprintf("%d %s", now.Count, strings.Join(now.First, ", "))
}

// lag is how long ago the source was as the target is.
func (m *hdfsMirror) lag(ctx workflow.Context) string {
	taken, err := time.Parse(stampLayout, m.state.TakenAt)
	if err != nil {
		return "of unknown age" // a state that an older version remembered
	}
	return max(0, workflow.Now(ctx).Sub(taken)).Round(time.Second).String()
}

// driftLook says how drift was looked for.
func (m *hdfsMirror) driftLook() string {
	if m.found.Ledger {
		return "by a listing held against the ledger"
	}
	return "looking at " + sampledText(m.state.Drift)
}

// attemptCutover goes from the approval to the commit line.
func (m *hdfsMirror) attemptCutover(ctx workflow.Context) error {
	n := m.state.Attempts + 1
	began, _ := step.Recall[time.Time](m.run, "approved")
	if err := m.freezeSource(ctx, n); err != nil {
		return err
	}
	m.run.Phase(ctx, fmt.Sprintf("%s-%d", PhaseLastRound, n), "bringing what changed since the last round")
	if err := m.round(ctx); err != nil {
		return err
	}
	rounded := workflow.Now(ctx)
	m.run.Phase(ctx, fmt.Sprintf("%s-%d", PhaseVerify, n), "comparing the whole target with the source's last snapshot")
	verified, err := m.verifyAll(ctx)
	if err != nil {
		return err
	}
	if verified.Verdict != verdictMatch {
		return m.differs(verified)
	}
	compared := workflow.Now(ctx)
	if err := m.hooksBefore(ctx, n); err != nil {
		return err
	}
	// Asked last: what was written while all this ran would be lost as well.
	if err := m.quiet(ctx); err != nil {
		return err
	}
	freeze := &MirrorFreeze{
		TotalMillis: workflow.Now(ctx).Sub(began).Milliseconds(), RoundMillis: rounded.Sub(began).Milliseconds(), VerifyMillis: compared.Sub(rounded).Milliseconds(),
	}
	if err := errors.Join(step.Remember(m.run, "verified", verified), step.Remember(m.run, "freeze", freeze)); err != nil {
		return err
	}
	// This is the commit line. Above it every failure leaves the source the one
	// that is written to; below it the target is where writes go, nothing is undone,
	// and the way back is a mirror in the other direction.
	return m.run.Commit(ctx, "the target is proved equal to the source and takes over")
}

// quiet proves that nothing was written at the source since the last round's
// snapshot, open files included: their bytes grow without a trace in a diff.
func (m *hdfsMirror) quiet(ctx workflow.Context) error {
	quiet, err := step.Do(control(ctx, m.in.Source), hm.ProveTreeQuiet, activities.QuietInput{TreeAt: m.sourceTree(), Snapshot: m.state.Common})
	switch {
	case err != nil:
		return err
	case quiet.Changed > 0:
		return fmt.Errorf("the source was written to after its last snapshot: %d changes, the first: %s: stop the writers, then approve again", quiet.Changed, strings.Join(quiet.First, "; "))
	case quiet.Open > 0:
		return fmt.Errorf("%d files are open for writing at the source: stop their writers, then approve again", quiet.Open)
	}
	return nil
}

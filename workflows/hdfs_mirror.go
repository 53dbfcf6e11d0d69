package workflows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/internal/preflight"
	"drover/workflows/step"
)

// GateDrift asks what to do about a target that was changed behind the
// mirror's back: restore it, adopt what was changed, or reject and stop. The
// other gates of an HDFSMirror are cutover, repair and cleanup.
const GateDrift = "drift"

// Ways on at GateDrift.
const (
	// ChoiceRestore rolls the target back to its own last common snapshot.
	ChoiceRestore = "restore"
	// ChoiceAdopt takes the target as it is for the new common state. What
	// differs from the source then is found by the verification.
	ChoiceAdopt = "adopt"
)

// Phases of an HDFSMirror, in their order; preflight, verify, cutover, switch
// and cleanup are named as in the other runbooks.
const (
	PhaseBaseline  = "baseline"
	PhaseRounds    = "rounds"
	PhaseLastRound = "last-round"
)

// HDFSMirrorResult is what a mirror ends with.
type HDFSMirrorResult struct {
	Outcome step.Outcome `json:"outcome"`
	// Reason says why a run did not complete.
	Reason string `json:"reason,omitempty"`
	// Verdict is match only when the whole target was compared with the
	// source's last snapshot, and the source proved unchanged since that
	// snapshot; unproven otherwise.
	Verdict  string                        `json:"verdict"`
	Findings []preflight.Finding           `json:"findings,omitempty"`
	Baseline activities.MirrorCopied       `json:"baseline"`
	Rounds   int                           `json:"rounds"`
	Copied   activities.MirrorCopied       `json:"copied"` // by all rounds together
	Verified activities.MirrorVerifyResult `json:"verified"`
	Freeze   *MirrorFreeze                 `json:"freeze,omitempty"`
	// LastCommon is the snapshot both trees have; Reverse is the input of the
	// run that mirrors the other way, from there.
	LastCommon string           `json:"lastCommon,omitempty"`
	Reverse    *HDFSMirrorInput `json:"reverse,omitempty"`
	Left       []string         `json:"left,omitempty"` // what was not cleaned up, in words
	Report     step.Status      `json:"report"`
}

// MirrorFreeze says how long writers had to wait, from the approval on, and
// where the time went.
type MirrorFreeze struct {
	TotalMillis  int64 `json:"totalMillis"`  // hooks and the last look included
	RoundMillis  int64 `json:"roundMillis"`  // last round
	VerifyMillis int64 `json:"verifyMillis"` // whole tree compared
}

// hm names the activities; only its methods' names are used.
var hm *activities.Mirror

// mirrored is how far the mirror is; remembered under one key, because a run
// of many rounds must not grow with them.
type mirrored struct {
	// Common is the snapshot both trees have, Round its number.
	Common string `json:"common"`
	Round  int    `json:"round"`
	// Last is what the last round found and did.
	Last     activities.MirrorRoundPlan    `json:"last"`
	Checked  activities.MirrorVerifyResult `json:"checked"`
	Drift    activities.DriftResult        `json:"drift"`   // found before the last round
	TakenAt  string                        `json:"takenAt"` // of Common at the source, for people
	Adopted  []string                      `json:"adopted,omitempty"`
	Attempts int                           `json:"attempts,omitempty"` // at the cutover that failed
	// RootID and SnapshotID tell the target's directory and its snapshot Common
	// from others of the same names; 0 after that was made anew.
	RootID     uint64 `json:"rootId,omitempty"`
	SnapshotID uint32 `json:"snapshotId,omitempty"`
}

type hdfsMirror struct {
	in     HDFSMirrorInput
	run    *step.Run
	at     activities.MirrorAt
	result HDFSMirrorResult
	found  activities.MirrorPreflightResult
	state  mirrored
}

// HDFSMirror keeps a tree of one HDFS equal to a tree of another by rounds of
// snapshots, and hands over to it when a human says so: a baseline copied from
// a snapshot, rounds that cost what changed, a cutover whose proof is the
// comparison of everything. The procedure it replaces is the snapshot-based
// distcp of the vendor's article.
func HDFSMirror(ctx workflow.Context, in HDFSMirrorInput) (HDFSMirrorResult, error) {
	in = in.normalised()
	if err := in.Validate(); err != nil {
		return HDFSMirrorResult{}, invalidInput(err)
	}
	info := workflow.GetInfo(ctx)
	m := &hdfsMirror{in: in, at: activities.MirrorAt{
		Pair:       activities.Pair{Source: in.Source, Target: in.Target},
		SourcePath: in.SourcePath, TargetPath: in.TargetPath, RunKey: RunKey(info.WorkflowExecution.ID, info.FirstRunID),
	}}
	ctx, run, err := step.Begin(ctx, m.subject(), in.State)
	if err != nil {
		return HDFSMirrorResult{}, err
	}
	m.run = run
	m.state, _ = step.Recall[mirrored](run, "mirror")
	err = m.mirror(ctx)
	if errors.Is(err, step.ErrContinue) {
		if in.State, err = run.Carry(ctx); err != nil {
			return HDFSMirrorResult{}, err
		}
		return HDFSMirrorResult{}, workflow.NewContinueAsNewError(ctx, HDFSMirror, in)
	}
	return m.finish(ctx, err)
}

func (m *hdfsMirror) mirror(ctx workflow.Context) error {
	if err := m.preflight(ctx); err != nil {
		return err
	}
	if err := m.baseline(ctx); err != nil {
		return err
	}
	if err := m.roundsAndCutover(ctx); err != nil {
		return err
	}
	if err := m.handOver(ctx); err != nil {
		return err
	}
	return m.cleanup(ctx)
}

func (m *hdfsMirror) subject() step.Subject {
	return step.Subject{
		Runbook:   "HDFSMirror",
		Title:     m.in.SourcePath,
		Site:      m.in.Source + " -> " + m.in.Target,
		StartedBy: m.in.StartedBy,
		Gates:     []string{GateDrift, GateRefused, GateCutover, GateRepair, GateCleanup},
		Rounds:    true,
		Indexed:   indexed,
	}
}

// finish puts back what is above the commit line when the run did not reach
// it, and adds the status to the result, so that a report needs nothing else.
func (m *hdfsMirror) finish(ctx workflow.Context, cause error) (HDFSMirrorResult, error) {
	r := &m.result
	var err error
	r.Outcome, r.Reason, err = end(ctx, m.run, cause)
	r.Verdict = cmp.Or(r.Verdict, unproven)
	r.Rounds, r.LastCommon = m.state.Round, m.state.Common
	r.Baseline, _ = step.Recall[activities.MirrorCopied](m.run, "baseline/copied")
	r.Copied, _ = step.Recall[activities.MirrorCopied](m.run, "rounds/copied")
	r.Verified, _ = step.Recall[activities.MirrorVerifyResult](m.run, "verified")
	r.Freeze, _ = step.Recall[*MirrorFreeze](m.run, "freeze")
	r.Report = m.run.Status(ctx)
	r.Findings = r.Report.Findings
	return m.result, err
}

// preflight reports every finding at once and ends the run when one blocks
// that the operator has not accepted.
func (m *hdfsMirror) preflight(ctx workflow.Context) error {
	m.run.Phase(ctx, PhasePreflight, "looking at both trees")
	for _, site := range []string{m.in.Source, m.in.Target} {
		if _, err := step.Once(probeSite(ctx, site), m.run, "probe/"+site, hm.ProbeTreeSite, activities.TreeAt{Site: site}); err != nil {
			return fmt.Errorf("no worker answers for site %s: start one whose configuration names it, for queues site-%s and copy-%s: %w", site, site, site, err)
		}
	}
	var err error
	m.found, err = step.Once(control(ctx, m.in.Target), m.run, "preflight", hm.PreflightMirror, activities.MirrorPreflightInput{MirrorAt: m.at, From: m.in.From, Freeze: m.in.Freeze, Hooks: m.in.Hooks.all()})
	if err != nil {
		return err
	}
	engine, err := m.preflightEngine(ctx)
	if err != nil {
		return err
	}
	findings := slices.Concat(m.found.Findings, engine)
	m.run.Findings(ctx, findings)
	var blocking []string
	for _, f := range findings {
		if f.Severity == preflight.Block && !slices.Contains(m.in.Accept, f.ID) {
			blocking = append(blocking, f.ID+" ("+f.Subject+")")
		}
	}
	if len(blocking) > 0 {
		return fmt.Errorf("%w: %s", errBlocked, strings.Join(blocking, ", "))
	}
	return nil
}

func (m *hdfsMirror) sourceTree() activities.TreeAt {
	return activities.TreeAt{Site: m.in.Source, Path: m.in.SourcePath}
}

func (m *hdfsMirror) targetTree() activities.TreeAt {
	return activities.TreeAt{Site: m.in.Target, Path: m.in.TargetPath}
}

// prefix begins the name of every snapshot of this run. Names are explicit and
// the same on both sides: HDFS's default names hold the moment and never match.
func (m *hdfsMirror) prefix() string { return "drover-" + m.at.RunKey + "-" }

func (m *hdfsMirror) snapshotName(round int) string { return fmt.Sprintf("%s%05d", m.prefix(), round) }

// remember keeps how far the mirror is.
func (m *hdfsMirror) remember() error { return step.Remember(m.run, "mirror", m.state) }

// add sums up what was copied, under a key of its own for baseline and rounds.
func (m *hdfsMirror) add(key string, c activities.MirrorCopied) error {
	sum, _ := step.Recall[activities.MirrorCopied](m.run, key)
	sum.Add(c)
	return step.Remember(m.run, key, sum)
}

// undoTree declares how to take a step back, before the step.
func undoTree[In, Out any](ctx workflow.Context, m *hdfsMirror, what string, act func(context.Context, In) (Out, error), in In) error {
	if err := m.run.Checkpoint(ctx); err != nil {
		return err
	}
	return step.Undo(ctx, m.run, what, act, in)
}

func (m *hdfsMirror) gateOptions() step.GateOptions {
	return step.GateOptions{TwoPerson: m.in.TwoPersons, AutoApprove: m.in.Rehearsal && m.in.AutoApprove}
}

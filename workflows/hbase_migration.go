package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/internal/preflight"
	"drover/workflows/step"
)

// Gates of an HBaseMigration, in their order.
const (
	// GateCutover permits the write fence on the source and the switch.
	GateCutover = "cutover"
	// GateRepair asks what to do about a step below the commit line that
	// keeps failing: approve tries again, reject leaves it as it is.
	GateRepair = "repair"
	// GateCleanup permits the removal of the run's snapshots.
	GateCleanup = "cleanup"
)

// Phases of an HBaseMigration, in their order.
const (
	PhasePreflight = "preflight"
	PhasePeer      = "peer"
	PhaseScope     = "scope"
	PhaseSnapshot  = "snapshot"
	PhaseExport    = "export"
	PhaseRestore   = "restore"
	PhaseCatchUp   = "catch-up"
	PhaseVerify    = "verify"
	PhaseCutover   = "cutover"
	PhaseFence     = "fence"
	PhaseDrain     = "drain"
	PhaseDelta     = "delta-proof"
	PhaseSwitch    = "switch"
	PhaseCleanup   = "cleanup"
)

// HBaseMigrationResult is what a migration ends with.
type HBaseMigrationResult struct {
	Outcome step.Outcome `json:"outcome"`
	// Reason says why a run did not complete.
	Reason string `json:"reason,omitempty"`
	// Verdict is match only when every cell of every table was compared and
	// the delta proof held under the fence; unproven otherwise.
	Verdict  string                    `json:"verdict"`
	Findings []preflight.Finding       `json:"findings,omitempty"`
	Verified []activities.VerifyResult `json:"verified,omitempty"`
	Delta    []activities.DeltaResult  `json:"delta,omitempty"`
	Freeze   *Freeze                   `json:"freeze,omitempty"`
	Exported activities.CopyResult     `json:"exported"`
	Left     []string                  `json:"left,omitempty"` // what was not cleaned up, in words
	Report   step.Status               `json:"report"`
}

// Freeze says how long writes were refused and where the time went.
type Freeze struct {
	TotalMillis int64 `json:"totalMillis"`
	FenceMillis int64 `json:"fenceMillis"` // READONLY: call to procedure finished
	DrainMillis int64 `json:"drainMillis"` // proof that every queue is empty
	DeltaMillis int64 `json:"deltaMillis"` // delta-snapshot proof
	OpenMillis  int64 `json:"openMillis"`  // commit line to target checked open
}

// OutcomeBlocked means that preflight found what must be mended first; the run
// changed nothing.
const OutcomeBlocked step.Outcome = "blocked"

// errBlocked ends a run whose preflight found what must be mended first.
var errBlocked = errors.New("preflight found blocking problems")

type hbaseMigration struct {
	in     HBaseMigrationInput
	run    *step.Run
	key    string // names everything of this run on the clusters
	pair   activities.Pair
	result HBaseMigrationResult
	base   activities.Baseline
}

// HBaseMigration moves live HBase tables from one cluster to another: a
// replication peer records what is written, a snapshot carries the history,
// the source stays online until a human approves the cutover. Until the commit
// line everything can be taken back, and is when the run is rejected, aborted
// or fails. The order, peer before scope before snapshot, is that of the vendor's
// online migration procedure; why it leaves no gap is told at recordWrites.
func HBaseMigration(ctx workflow.Context, in HBaseMigrationInput) (HBaseMigrationResult, error) {
	in = in.normalised()
	if err := in.Validate(); err != nil {
		return HBaseMigrationResult{}, invalidInput(err)
	}
	info := workflow.GetInfo(ctx)
	m := &hbaseMigration{in: in, key: RunKey(info.WorkflowExecution.ID, info.FirstRunID), pair: activities.Pair{Source: in.Source, Target: in.Target}}
	ctx, run, err := step.Begin(ctx, m.subject(), in.State)
	if err != nil {
		return HBaseMigrationResult{}, err
	}
	m.run = run
	err = m.migrate(ctx)
	if errors.Is(err, step.ErrContinue) {
		if in.State, err = run.Carry(ctx); err != nil {
			return HBaseMigrationResult{}, err
		}
		return HBaseMigrationResult{}, workflow.NewContinueAsNewError(ctx, HBaseMigration, in)
	}
	return m.finish(ctx, err)
}

func (m *hbaseMigration) migrate(ctx workflow.Context) error {
	if err := m.preflight(ctx); err != nil {
		return err
	}
	if err := m.recordWrites(ctx); err != nil {
		return err
	}
	if err := m.copyHistory(ctx); err != nil {
		return err
	}
	if err := m.replayWrites(ctx); err != nil {
		return err
	}
	if err := m.cutover(ctx); err != nil {
		return err
	}
	return m.cleanup(ctx)
}

// finish puts back what is above the commit line when the run did not reach
// it, and adds the status to the result, so that a report needs nothing else.
func (m *hbaseMigration) finish(ctx workflow.Context, cause error) (HBaseMigrationResult, error) {
	var err error
	m.result.Outcome, m.result.Reason, err = end(ctx, m.run, cause)
	m.result.Verdict = cmp.Or(m.result.Verdict, unproven)
	// Remembered values outlive a continue-as-new; the fields of m do not.
	m.result.Verified, _ = step.Recall[[]activities.VerifyResult](m.run, "verified")
	m.result.Delta, _ = step.Recall[[]activities.DeltaResult](m.run, "delta")
	m.result.Exported, _ = step.Recall[activities.CopyResult](m.run, "exported")
	m.result.Report = m.run.Status(ctx)
	m.result.Findings = m.result.Report.Findings
	return m.result, err
}

func (m *hbaseMigration) subject() step.Subject {
	return step.Subject{
		Runbook:   "HBaseMigration",
		Title:     strings.Join(m.in.Tables, ", "),
		Site:      m.in.Source + " -> " + m.in.Target,
		StartedBy: m.in.StartedBy,
		Gates:     []string{GateCutover, GateRepair, GateCleanup},
		Indexed:   indexed,
	}
}

// preflight reports every finding at once and ends the run when one blocks
// that the operator has not accepted.
func (m *hbaseMigration) preflight(ctx workflow.Context) error {
	m.run.Phase(ctx, PhasePreflight, "looking at both clusters")
	for _, site := range []string{m.in.Source, m.in.Target} {
		probe := activities.ProbeSiteInput{Site: site}
		if _, err := step.Once(probeSite(ctx, site), m.run, "probe/"+site, hb.ProbeSite, probe); err != nil {
			return fmt.Errorf("no worker answers for site %s: start one whose configuration names it, for queues site-%s and copy-%s: %w", site, site, site, err)
		}
	}
	seen, err := step.Once(control(ctx, m.in.Source), m.run, "preflight", hb.PreflightHBase, activities.PreflightInput{
		Pair: m.pair, Tables: m.in.Tables, PeerID: m.peerID(), RunKey: m.key,
	})
	if err != nil {
		return err
	}
	m.base = seen.Baseline
	m.run.Findings(ctx, seen.Findings)
	var blocking []string
	for _, f := range seen.Findings {
		if f.Severity == preflight.Block && !slices.Contains(m.in.Accept, f.ID) {
			blocking = append(blocking, f.ID+" ("+f.Subject+")")
		}
	}
	if len(blocking) > 0 {
		return fmt.Errorf("%w: %s", errBlocked, strings.Join(blocking, ", "))
	}
	if known := len(m.base.Tables); known != len(m.in.Tables) {
		return fmt.Errorf("%w: the state of %d of %d tables was read, and an abort needs that of all: start again when both clusters answer", errBlocked, known, len(m.in.Tables))
	}
	return nil
}

package workflows

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/workflows/step"
)

// cutoverEvidence is what a human reads before writes are stopped. It is
// blocked, that is, can only be rejected, when a table was not proved equal.
func cutoverEvidence(now time.Time, base activities.Baseline, lag activities.CatchUpResult, verified []activities.VerifyResult, accepted []string) step.Evidence {
	e := step.Evidence{MeasuredAt: now}
	add := func(name, format string, args ...any) {
		e.Facts = append(e.Facts, step.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	regions := 0
	var blocked []string
	for i, v := range verified {
		regions += base.Tables[i].Regions
		add("table "+v.Table, "%s: %s rows, %s cells, %s compared on both sides, digest %s", v.Verdict,
			humanize.Comma(v.Rows), humanize.Comma(v.Cells), humanize.IBytes(uint64(v.Bytes)), brief(v.Digest))
		if v.Verdict != verdictMatch {
			blocked = append(blocked, fmt.Sprintf("%s is %s", v.Table, v.Verdict))
			add("differences in "+v.Table, "%d rows, the first: %s", v.Differing, strings.Join(v.Differences, "; "))
		}
	}
	add("replication", "every write before %s is at the target (known %s later); %d WALs queued now", lag.UpTo.UTC().Format(time.DateTime), lag.Took.Round(time.Millisecond), lag.QueuedWALs)
	add("regions to fence", "%d", regions)
	add("source", "HBase %s", base.SourceVersion)
	add("target", "HBase %s", base.TargetVersion)
	if len(accepted) > 0 {
		add("accepted findings", "%s", strings.Join(accepted, ", "))
	}
	add("approving does", "pause splits and merges on the source, set READONLY (new writes fail at once), prove the queues drained, compare what changed since this evidence, switch")
	if len(blocked) > 0 {
		e.Blocked = strings.Join(blocked, ", ") + ": only tables whose every cell was compared equal can be cut over"
	}
	return e
}

// brief is what of a digest people compare by eye.
func brief(digest string) string { return digest[:min(len(digest), 16)] }

func repairEvidence(now time.Time, what string, err error) step.Evidence {
	return step.Evidence{MeasuredAt: now, Facts: []step.Fact{
		{Name: "failing step", Value: what},
		{Name: "error", Value: err.Error()},
		{Name: "approve", Value: "tries again"},
		{Name: "reject", Value: "leaves it undone; the report lists it"},
	}}
}

// cleanup removes what the run still has on the clusters, when a human says
// that nobody needs it any more. Rejected, it stays and is listed.
func (m *hbaseMigration) cleanup(ctx workflow.Context) error {
	m.run.Phase(ctx, PhaseCleanup, "waiting for leave to delete the run's snapshots")
	in := activities.CleanupInput{Pair: m.pair, Tables: m.in.Tables, RunKey: m.key, Baseline: m.base}
	decision, err := m.run.Gate(ctx, GateCleanup, func(ctx workflow.Context) (step.Evidence, error) {
		left, err := step.Do(control(ctx, m.in.Source), hb.ListLeftovers, in)
		if err != nil {
			return step.Evidence{}, err
		}
		e := step.Evidence{MeasuredAt: workflow.Now(ctx)}
		for _, l := range left.Items {
			e.Facts = append(e.Facts, step.Fact{Name: "delete", Value: l})
		}
		e.Facts = append(e.Facts,
			step.Fact{Name: "kept", Value: "the source tables, READONLY"},
			step.Fact{Name: "approve", Value: "deletes these, after which the way back to the source's snapshot ends, and puts the replication scopes of the source back as found, which reopens the regions of tables whose scopes the run changed"},
			step.Fact{Name: "reject", Value: "leaves the snapshots, and the source's families at replication scope 1"})
		return e, nil
	}, m.gateOptions())
	if err != nil {
		return err
	}
	if !decision.Approved {
		m.result.Left = append(m.result.Left, fmt.Sprintf("snapshots of run %s, kept by %s: %s", m.key, decision.By, decision.Reason))
		m.result.Left = append(m.result.Left, m.scopesLeft()...)
		return nil
	}
	return m.forward(ctx, "delete the run's snapshots", func(ctx workflow.Context) error {
		done, err := step.Once(control(ctx, m.in.Source), m.run, "cleanup", hb.Cleanup, in)
		if err == nil {
			m.run.Note(ctx, "%s", done)
		}
		return err
	})
}

// scopesLeft names the families of the source that replicate since this run:
// only the cleanup puts their scopes back.
func (m *hbaseMigration) scopesLeft() []string {
	var left []string
	for _, t := range m.base.Tables {
		var families []string
		for _, f := range workflow.DeterministicKeys(t.Scopes) {
			if was := t.Scopes[f]; was != 1 {
				families = append(families, fmt.Sprintf("%s (was %d)", f, was))
			}
		}
		if len(families) > 0 {
			left = append(left, fmt.Sprintf("replication scope 1 of table %s at %s: families %s; alter REPLICATION_SCOPE to put it back", t.Table, m.in.Source, strings.Join(families, ", ")))
		}
	}
	return left
}

package activities

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"drover/internal/hbase"
	"drover/internal/hbase/compare"
)

// halfway is the checkpoint of a comparison that has done one range of two.
func halfway() verifyCheckpoint {
	low, high := compare.KeyRange{Stop: compare.Key("m")}, compare.KeyRange{Start: compare.Key("m")}
	return verifyCheckpoint{
		Progress: Progress{Name: "compare t", Done: 1, Total: 2, Unit: "ranges"}, Plan: []compare.KeyRange{low, high},
		Compared: []compare.RangeResult{{KeyRange: low, Counts: compare.Counts{Rows: 7}}},
	}
}

// inActivity calls do as the second attempt of an activity whose first left the
// checkpoint, and passes on what its beats carry.
func inActivity(t *testing.T, left any, do func(ctx context.Context, beats <-chan verifyCheckpoint) error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetHeartbeatDetails(left)
	beats := make(chan verifyCheckpoint, 100)
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var mark verifyCheckpoint
		if err := details.Get(&mark); err != nil {
			t.Errorf("a beat carries something else than a checkpoint: %v", err)
		}
		beats <- mark
	})
	act := func(ctx context.Context) error { return do(ctx, beats) }
	env.RegisterActivity(act)
	if _, err := env.ExecuteActivity(act); err != nil {
		t.Fatal(err)
	}
}

// TestFirstBeatOfAnAttemptKeepsTheCheckpoint: it carried nothing, so a worker
// that died soon cost all that had been compared.
func TestFirstBeatOfAnAttemptKeepsTheCheckpoint(t *testing.T) {
	inActivity(t, halfway(), func(ctx context.Context, beats <-chan verifyCheckpoint) error {
		p := beat(ctx)
		defer p.end()
		if diff := cmp.Diff(halfway(), <-beats, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the first beat (-want +got):\n%s", diff)
		}
		return nil
	})
}

// TestDrainOfAComparisonKeepsTheCheckpoint: the beats of a drain took its place.
func TestDrainOfAComparisonKeepsTheCheckpoint(t *testing.T) {
	inActivity(t, halfway(), func(ctx context.Context, _ <-chan verifyCheckpoint) error {
		v := &verification{source: compare.Side{Table: hbase.TableName{Namespace: "default", Qualifier: "t"}}, pulse: &pulse{}}
		if err := v.resume(ctx); err != nil {
			return err
		}
		want := halfway()
		want.Name = "compare " + v.source.Table.String()
		if diff := cmp.Diff(any(want), v.pulse.details, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("resumed (-want +got):\n%s", diff)
		}
		v.drain(hbase.DrainProgress{OldWALs: 3})
		want.Name = "drain: 3 old WALs, 0 recovered queues, 0 queues of dead servers, 0 bulk-load references"
		if diff := cmp.Diff(any(want), v.pulse.details, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("draining (-want +got):\n%s", diff)
		}
		return nil
	})
}

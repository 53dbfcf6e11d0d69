package activities

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strings"
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

// TestCheckpointStaysBelowTemporalsLimit: the cells of every row that differs
// were in it, of each of 256 ranges.
func TestCheckpointStaysBelowTemporalsLimit(t *testing.T) {
	for name, keySize := range map[string]int{"short keys": 20, "the longest keys HBase takes": 1<<15 - 1} {
		t.Run(name, func(t *testing.T) {
			v := &verification{pulse: &pulse{}}
			v.mark.Plan = bounded(worstPlan(1000, keySize))
			for _, r := range v.mark.Plan {
				v.done(worstRange(r, keySize))
			}
			b, err := json.Marshal(v.pulse.details)
			if err != nil {
				t.Fatal(err)
			}
			if limit := 2 << 20; len(b) > limit*3/4 {
				t.Errorf("a checkpoint of %d bytes for %d ranges, want well below %d", len(b), len(v.mark.Plan), limit)
			}
			res := compare.Combine(v.mark.Compared, toldDifferences)
			if n := int64(toldDifferences * len(v.mark.Plan)); res.Differing != n || len(told(res.Differences)) != toldDifferences {
				t.Errorf("%d rows differ, %d are told, want %d and %d", res.Differing, len(told(res.Differences)), n, toldDifferences)
			}
		})
	}
}

// worstPlan cuts the keys at n-1 borders of unprintable bytes.
func worstPlan(n, keySize int) []compare.KeyRange {
	plan := make([]compare.KeyRange, n)
	for i := range plan[1:] {
		border := bytes.Repeat([]byte{0xff}, keySize)
		binary.BigEndian.PutUint32(border, uint32(i+1))
		plan[i].Stop, plan[i+1].Start = border, border
	}
	return plan
}

// worstRange differs in as many rows and cells as a comparison names.
func worstRange(r compare.KeyRange, keySize int) compare.RangeResult {
	d := compare.Difference{Row: bytes.Repeat([]byte{0xff}, keySize), Kind: compare.MissingVersion, CellCount: 5}
	for range 5 {
		d.Cells = append(d.Cells, compare.CellDifference{Kind: compare.MissingVersion, Family: d.Row, Qualifier: d.Row})
	}
	huge := int64(math.MaxInt64 / 1000)
	return compare.RangeResult{
		KeyRange: r, Digest: "xxh3-128:" + strings.Repeat("0", 32), Kinds: map[compare.Kind]int64{compare.MissingVersion: huge},
		Counts: compare.Counts{
			Rows: huge, Cells: huge, Bytes: huge, TargetRows: huge, TargetCells: huge, Differing: toldDifferences,
			Settled: huge, Newer: huge, Unsettled: huge, Restarts: huge,
		},
		Differences: slices.Repeat([]compare.Difference{d}, toldDifferences),
	}
}

// TestRangesLeftUnprovenAreComparedAgainAfterTheDrain: those given up because
// replication lagged too far behind stayed as they were.
func TestRangesLeftUnprovenAreComparedAgainAfterTheDrain(t *testing.T) {
	drained, compared := false, map[string]int{}
	v := &verification{pulse: &pulse{}, mark: verifyCheckpoint{Plan: worstPlan(3, 4)}}
	lagging := []compare.Counts{{Unsettled: 5}, {}, {Differing: 1}}
	v.compare = func(_ context.Context, r compare.KeyRange) (compare.RangeResult, error) {
		res := compare.RangeResult{KeyRange: r}
		compared[r.Start.String()]++
		if !drained {
			res.Counts, lagging = lagging[0], lagging[1:]
		}
		return res, nil
	}
	res, err := v.prove(t.Context(), 1, func(context.Context) error { drained = true; return nil })
	if err != nil || res.Verdict != compare.Match || res.Ranges != 3 {
		t.Errorf("verdict %s of %d ranges (%v), want match of 3", res.Verdict, res.Ranges, err)
	}
	want := map[string]int{"": 2, v.mark.Plan[1].Start.String(): 1, v.mark.Plan[2].Start.String(): 2}
	if diff := cmp.Diff(want, compared); diff != "" {
		t.Errorf("how often ranges were compared (-want +got):\n%s", diff)
	}
}

// TestOnlyUnprovenRangesAreWorthADrainToo: nothing differed, so none was made.
func TestOnlyUnprovenRangesAreWorthADrainToo(t *testing.T) {
	drains := 0
	v := &verification{pulse: &pulse{}, mark: verifyCheckpoint{Plan: worstPlan(2, 4)}}
	v.compare = func(_ context.Context, r compare.KeyRange) (compare.RangeResult, error) {
		return compare.RangeResult{KeyRange: r, Counts: compare.Counts{Unsettled: 1}}, nil
	}
	res, err := v.prove(t.Context(), 1, func(context.Context) error { drains++; return nil })
	if err != nil || res.Verdict != compare.Unproven || drains != 1 {
		t.Errorf("verdict %s after %d drains (%v), want unproven after one", res.Verdict, drains, err)
	}
}

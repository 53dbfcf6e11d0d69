package workflows_test

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"drover/activities"
	"drover/workflows/step"
)

// TestASourceThatRunsFullIsSaidOnce: every range that is copied sees it.
func TestASourceThatRunsFullIsSaidOnce(t *testing.T) {
	for name, accept := range map[string][]string{"not accepted": nil, "accepted": {"source-space"}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			var mu sync.Mutex // ranges are copied side by side
			var lets []bool
			b.answer["PublishSnapshot"] = always(activities.ExportPlan{Files: 300, Bytes: 3000, Digest: "d"})
			b.answer["CopySnapshotFiles"] = func(_ int, in json.RawMessage) (any, error) {
				var asked activities.CopyRangeInput
				if err := json.Unmarshal(in, &asked); err != nil {
					return nil, err
				}
				mu.Lock()
				defer mu.Unlock()
				lets = append(lets, asked.SourceFull)
				return activities.CopyResult{Files: 100, SourceLogs: 7, SourceLow: "a is running full"}, nil
			}
			b.decideAt(true, true)
			in := input("t")
			in.Accept = accept
			res, err := b.run(in)
			if err != nil {
				t.Fatal(err)
			}
			notes := slices.DeleteFunc(res.Report.Notes, func(n step.Note) bool { return n.Text != "a is running full" })
			if res.Outcome != step.Completed || len(notes) != 1 || res.Exported.SourceLogs != 7 || res.Exported.Files != 300 {
				t.Errorf("outcome %s, notes %v, exported %+v, want it said once", res.Outcome, res.Report.Notes, res.Exported)
			}
			if want := accept != nil; !slices.Equal(lets, []bool{want, want, want}) {
				t.Errorf("ranges may go on at a full source: %v, want %t for all three", lets, want)
			}
		})
	}
}

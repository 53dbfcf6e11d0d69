package workflows_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"drover/activities"
	"drover/workflows"
	"drover/workflows/step"
)

var freezing = []string{"LookAtTreeRoot", "FreezeTree"}

func TestAFreezeBeginsBeforeTheLastRound(t *testing.T) {
	for how, c := range map[string]struct {
		thaw  bool
		after []string
		left  string // what the result says of the source
	}{
		"quota":               {after: nil, left: "/data/a at a is frozen by quota; to let writers on again: hdfs dfsadmin -clrQuota '/data/a'"},
		"permissions":         {after: []string{"OpenTreeRoot"}, left: "hdfs dfs -chown 'etl:data' '/data/a'"},
		"quota, thawed again": {thaw: true, after: []string{"ThawTree"}},
	} {
		t.Run(how, func(t *testing.T) {
			b := newMirrorBench(t)
			b.choose(time.Minute, true, "")
			b.choose(2*time.Minute, true, "")
			in := mirrorInput()
			in.Freeze, _, _ = strings.Cut(how, ",")
			in.Thaw = c.thaw
			res, err := b.mirror(in)
			if err != nil || res.Outcome != step.Completed {
				t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
			}
			b.wantCalls(slices.Concat(toMirror, freezing, rounding, proving, c.after, dropping)...)
			if left := strings.Join(res.Left, "\n"); !strings.Contains(left, c.left) || c.left == "" && left != "" {
				t.Errorf("left %q, want %q", left, c.left)
			}
		})
	}
}

// TestAFailedAttemptLiftsTheFreeze, and the next one looks at the root anew:
// people may have changed it meanwhile.
func TestAFailedAttemptLiftsTheFreeze(t *testing.T) {
	b := newMirrorBench(t)
	b.answer["ProveTreeQuiet"] = func(n int, _ json.RawMessage) (any, error) {
		return activities.QuietResult{Changed: map[int]int64{1: 1}[n]}, nil
	}
	for i := range 3 {
		b.choose(time.Duration(i+1)*time.Minute, true, "")
	}
	in := mirrorInput()
	in.Freeze = workflows.FreezeQuota
	res, err := b.mirror(in)
	if err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
	}
	attempt := slices.Concat(freezing, rounding, proving)
	b.wantCalls(slices.Concat(toMirror, attempt, []string{"ThawTree"}, rounding, looksOpen, attempt, dropping)...)
}

func TestAnAbortWhileFrozenLiftsTheFreeze(t *testing.T) {
	b := newMirrorBench(t)
	b.answer["ProveTreeQuiet"] = func(int, json.RawMessage) (any, error) {
		b.env.CancelWorkflow()
		return activities.QuietResult{}, nil
	}
	b.choose(time.Minute, true, "")
	in := mirrorInput()
	in.Freeze = workflows.FreezePermissions
	if _, err := b.mirror(in); err == nil {
		t.Error("a cancelled run ended well")
	}
	b.wantCalls(slices.Concat(toMirror, freezing, rounding, proving, []string{"ThawTree"}, unmirroring)...)
}

func TestParseHDFSMirrorInputChecksTheFreeze(t *testing.T) {
	const start = `{"source":"a","target":"b","sourcePath":"/x"`
	for text, want := range map[string]string{
		start + `}`:                              "",
		start + `,"freeze":"quota","thaw":true}`: "",
		start + `,"freeze":"lock"}`:              `freeze "lock" is unknown: use word, permissions, quota`,
		start + `,"thaw":true}`:                  "thaw has nothing to undo",
	} {
		_, err := workflows.ParseHDFSMirrorInput([]byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

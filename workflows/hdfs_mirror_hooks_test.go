package workflows_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"drover/activities"
	"drover/workflows"
	"drover/workflows/step"
)

func TestHooksRunAroundTheSwitch(t *testing.T) {
	b := newMirrorBench(t)
	var asked []string
	b.answer["RunHook"] = func(_ int, in json.RawMessage) (any, error) {
		var h activities.HookInput
		err := json.Unmarshal(in, &h)
		asked = append(asked, h.Event+" "+h.Name)
		return map[string]any{"tail": "said " + h.Name}, err
	}
	b.choose(time.Minute, true, "")
	b.choose(2*time.Minute, true, "")
	in := mirrorInput()
	in.Hooks = workflows.MirrorHooks{BeforeSwitch: []string{"stop", "mail"}, AfterSwitch: []string{"repoint"}}
	res, err := b.mirror(in)
	if err != nil || res.Outcome != step.Completed {
		t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
	}
	if want := []string{"beforeSwitch stop", "beforeSwitch mail", "afterSwitch repoint"}; !slices.Equal(asked, want) {
		t.Errorf("hooks %v, want %v", asked, want)
	}
	b.wantCalls(slices.Concat(toMirror, rounding, []string{"VerifyMirror", "RunHook", "RunHook", "ProveTreeQuiet", "RunHook"}, dropping)...)
	if !slices.ContainsFunc(res.Report.Notes, func(n step.Note) bool { return strings.Contains(n.Text, "said repoint") }) {
		t.Errorf("notes %v, want what the hooks said", res.Report.Notes)
	}
}

// TestAHookThatFails before the switch fails the attempt, and the next one runs it
// again under another key; behind the switch a human decides.
func TestAHookThatFails(t *testing.T) {
	no := temporal.NewNonRetryableApplicationError("hook stop ended with exit code 3", "Denied", nil)
	attempt := slices.Concat(freezing, rounding, []string{"VerifyMirror", "RunHook"})
	for name, c := range map[string]struct {
		hooks workflows.MirrorHooks
		calls []string
	}{
		"before the switch": {
			workflows.MirrorHooks{BeforeSwitch: []string{"stop"}},
			slices.Concat(toMirror, attempt, []string{"ThawTree"}, rounding, looksOpen, attempt, []string{"ProveTreeQuiet"}, dropping),
		},
		"after the switch": {
			workflows.MirrorHooks{AfterSwitch: []string{"stop"}},
			slices.Concat(toMirror, freezing, rounding, proving, []string{"RunHook", "RunHook"}, dropping),
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newMirrorBench(t)
			keys := map[int]bool{}
			b.answer["RunHook"] = func(n int, in json.RawMessage) (any, error) {
				var h activities.HookInput
				if err := json.Unmarshal(in, &h); err != nil || n == 1 {
					keys[h.Attempt] = true
					return nil, no
				}
				keys[h.Attempt] = true
				return map[string]any{}, nil
			}
			for i := range 3 {
				b.choose(time.Duration(i+1)*time.Minute, true, "")
			}
			in := mirrorInput()
			in.Freeze, in.Hooks = workflows.FreezeQuota, c.hooks
			res, err := b.mirror(in)
			if err != nil || res.Outcome != step.Completed {
				t.Fatalf("outcome %s (%s), %v, want completed", res.Outcome, res.Reason, err)
			}
			b.wantCalls(c.calls...)
			if attempts := 1 + len(c.hooks.BeforeSwitch); len(keys) != attempts {
				t.Errorf("attempts %v, want %d", keys, attempts)
			}
		})
	}
}

func TestParseHDFSMirrorInputChecksTheHooks(t *testing.T) {
	const start = `{"source":"a","target":"b","sourcePath":"/x","hooks":`
	for text, want := range map[string]string{
		start + `{"beforeSwitch":["a"],"afterSwitch":["a"]}}`: "",
		start + `{"beforeSwich":["a"]}}`:                      `unknown key "hooks.beforeSwich", did you mean "beforeSwitch"?`,
		start + `{"afterSwitch":["a","a"]}}`:                  "named twice",
		start + `{"afterSwitch":["rm -r /"]}}`:                "is no name of a hook",
	} {
		_, err := workflows.ParseHDFSMirrorInput([]byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

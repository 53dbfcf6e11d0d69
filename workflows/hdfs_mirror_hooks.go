package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/workflows/step"
)

// MirrorHooks names commands of the workers' configuration. They are run one
// after the other, on the host of a worker of the target's site.
type MirrorHooks struct {
	// BeforeSwitch runs when everything is proved but that the source is quiet.
	// One that fails fails the attempt: the freeze is lifted, the gate opens again.
	BeforeSwitch []string `json:"beforeSwitch,omitempty" jsonschema:"description=hooks run before the commit line; a failure fails the attempt"`
	// AfterSwitch runs behind the commit line. For one that fails a human
	// decides whether it is tried again.
	AfterSwitch []string `json:"afterSwitch,omitempty" jsonschema:"description=hooks run behind the commit line; a failure opens gate repair"`
}

// The moments of hooks, as in the input.
const (
	beforeSwitch = "beforeSwitch"
	afterSwitch  = "afterSwitch"
)

// PhaseHooks is the part of an attempt that runs what is to happen before the
// switch.
const PhaseHooks = "hooks"

func (h MirrorHooks) all() []string { return slices.Concat(h.BeforeSwitch, h.AfterSwitch) }

func (h MirrorHooks) validate() error {
	for _, names := range [][]string{h.BeforeSwitch, h.AfterSwitch} {
		for i, name := range names {
			switch {
			case !siteName.MatchString(name):
				return fmt.Errorf("input of HDFSMirror: hook %q is no name of a hook (small letters, digits and -): commands stand in the workers' configuration", name)
			case slices.Contains(names[:i], name):
				return fmt.Errorf("input of HDFSMirror: hook %s is named twice for one moment", name)
			}
		}
	}
	return nil
}

// hooksBefore runs the hooks of an attempt.
func (m *hdfsMirror) hooksBefore(ctx workflow.Context, attempt int) error {
	if len(m.in.Hooks.BeforeSwitch) == 0 {
		return nil
	}
	m.run.Phase(ctx, fmt.Sprintf("%s-%d", PhaseHooks, attempt), "running "+strings.Join(m.in.Hooks.BeforeSwitch, ", "))
	for _, name := range m.in.Hooks.BeforeSwitch {
		if err := m.run.Checkpoint(ctx); err != nil {
			return err
		}
		if err := m.hook(ctx, name, beforeSwitch); err != nil {
			return err
		}
	}
	return nil
}

func (m *hdfsMirror) hooksAfter(ctx workflow.Context) error {
	for _, name := range m.in.Hooks.AfterSwitch {
		err := m.forward(ctx, "hook "+name, func(ctx workflow.Context) error { return m.hook(ctx, name, afterSwitch) })
		if err != nil {
			return err
		}
	}
	return nil
}

// hook runs one and notes the end of what it said.
func (m *hdfsMirror) hook(ctx workflow.Context, name, event string) error {
	attempt := m.state.Attempts + 1
	key := fmt.Sprintf("hook/%s/%s/%d", event, name, attempt)
	_, before := step.Recall[struct{}](m.run, key)
	in := activities.HookInput{MirrorAt: m.at, Name: name, Event: event, Snapshot: m.state.Common, Attempt: attempt}
	res, err := step.Once(hooked(ctx, m.in.Target), m.run, key, hm.RunHook, in)
	if err == nil && !before {
		m.run.Note(ctx, "hook %s (%s) ended well after %s: %s", name, event, time.Duration(res.Millis)*time.Millisecond, res.Tail)
	}
	return err
}

package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"drover/internal/fault"
	"drover/internal/hook"
)

// HookInput is a hook at a moment of a run.
type HookInput struct {
	MirrorAt
	// Name is that of the configuration.
	Name string `json:"name"`
	// Event is the moment, such as beforeSwitch.
	Event string `json:"event"`
	// Snapshot is the last one both trees have.
	Snapshot string `json:"snapshot"`
	// Attempt counts the attempts to cut over, from 1.
	Attempt int `json:"attempt"`
}

// environment is what a hook knows of the run. A hook that is run again after
// its worker died has the same key.
func (in HookInput) environment() []string {
	return []string{
		"DROVER_EVENT=" + in.Event,
		fmt.Sprintf("DROVER_KEY=%s/%s/%s/%d", in.RunKey, in.Event, in.Name, in.Attempt),
		"DROVER_SOURCE=" + in.Source, "DROVER_SOURCE_PATH=" + in.SourcePath,
		"DROVER_TARGET=" + in.Target, "DROVER_TARGET_PATH=" + in.TargetPath,
		"DROVER_SNAPSHOT=" + in.Snapshot,
	}
}

// RunHook runs a command of the configuration on the host of this worker. One
// that does not end well, or in time, is not tried again: only a worker that
// died is made up for.
func (a *Mirror) RunHook(ctx context.Context, in HookInput) (hook.Result, error) {
	defer beat(ctx).end()
	configured, ok := a.sites.cfg.Hooks[in.Name]
	if !ok {
		return hook.Result{}, fault.As(fault.InvalidInput, fmt.Errorf("hook %s is not in this worker's configuration (it has %v)", in.Name, a.sites.cfg.HookNames()))
	}
	c := hook.Command{Argv: configured.Command, Env: in.environment(), Timeout: configured.Timeout}
	for _, name := range slices.Sorted(maps.Keys(configured.Env)) {
		value, err := configured.Env[name].Resolve()
		if err != nil {
			return hook.Result{}, fault.As(fault.InvalidInput, fmt.Errorf("hook %s: %w", in.Name, err))
		}
		c.Env = append(c.Env, name+"="+value.Reveal())
		c.Hidden = append(c.Hidden, value.Reveal())
	}
	res, err := hook.Run(ctx, c)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return res, err
	case err != nil:
		return res, fault.As(fault.Denied, fmt.Errorf("hook %s: %w: %s", in.Name, err, res.Tail))
	case res.Exit != 0:
		return res, fault.As(fault.Denied, fmt.Errorf("hook %s ended with exit code %d after %s: %s", in.Name, res.Exit, time.Duration(res.Millis)*time.Millisecond, res.Tail))
	}
	return res, nil
}

//go:build cluster

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.uber.org/zap"

	"drover/internal/config"
	"drover/internal/hbase"
	"drover/internal/temporalclient"
	"drover/workers"
)

// doomEnv holds the doom of a test binary that is to be a worker.
const doomEnv = "DROVER_TEST_DOOM"

// doom is a worker that ends itself with SIGKILL while it runs an activity:
// before the activity has done anything, at the given step of it, or, when the
// activity has fewer, after its work and before anybody knows. A kill from
// outside would have to see the moment first, and most pass too soon.
type doom struct {
	Config   string `json:"config"`
	Temporal string `json:"temporal"`
	Activity string `json:"activity"`
	// Steps counts how often the activity looks at its context, which each
	// call to a server does a few times; 0 is before it begins.
	Steps int64 `json:"steps"`
	// Millis, when not 0, is a time after which it dies instead: for an activity
	// that does its work with a context of its own, of which no step is seen.
	Millis int64 `json:"millis,omitempty"`
}

// work is what the worker's main does, with an interceptor.
func (d doom) work() error {
	hbase.SilenceZooKeeper()
	cfg, err := config.Load(d.Config)
	if err != nil {
		return err
	}
	c, err := client.Dial(client.Options{
		HostPort: d.Temporal, Interceptors: []interceptor.ClientInterceptor{&reaper{doom: d}}, Logger: temporalclient.Logger(zap.NewNop()),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	return workers.Run(context.Background(), c, cfg, workers.Options{Namespace: client.DefaultNamespace, Queues: cfg.WorkerQueues()})
}

// reaper ends the process when the doomed activity comes to its step.
type reaper struct {
	interceptor.InterceptorBase
	doom doom
}

func (r *reaper) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &reaped{doom: r.doom}
	i.Next = next
	return i
}

type reaped struct {
	interceptor.ActivityInboundInterceptorBase
	doom doom
}

func (i *reaped) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if activity.GetInfo(ctx).ActivityType.Name != i.doom.Activity {
		return i.Next.ExecuteActivity(ctx, in)
	}
	switch {
	case i.doom.Millis > 0:
		time.AfterFunc(time.Duration(i.doom.Millis)*time.Millisecond, func() { die("after %d ms", i.doom.Millis) })
	case i.doom.Steps == 0:
		die("before it began")
	}
	steps := &stepped{Context: ctx, until: i.doom.Steps}
	_, err := i.Next.ExecuteActivity(steps, in)
	die("at its end, after %d steps: %v", steps.made.Load(), err)
	return nil, err
}

// stepped is a context that counts how often it is looked at.
type stepped struct {
	context.Context
	until int64
	made  atomic.Int64
}

func (s *stepped) step() {
	if s.made.Add(1) == s.until {
		die("at step %d", s.until)
	}
}

func (s *stepped) Done() <-chan struct{} {
	s.step()
	return s.Context.Done()
}

func (s *stepped) Err() error {
	s.step()
	return s.Context.Err()
}

func (s *stepped) Deadline() (time.Time, bool) {
	s.step()
	return s.Context.Deadline()
}

// die says where and ends the process as a power cut would.
func die(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// doomed runs the worker of doomEnv; it returns only when that cannot be.
func doomed(text string) error {
	var d doom
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return err
	}
	return d.work()
}

// startDoomed starts a worker that will end itself, where none runs.
func (l *lane) startDoomed(t *testing.T, d doom) {
	t.Helper()
	d.Config, d.Temporal = l.withHooks(t), l.server.GRPC
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), doomEnv+"="+string(text))
	l.worker = begin(t, cmd)
	worker := l.worker
	t.Cleanup(func() {
		if err := worker.kill(); err != nil { // of a test that failed before
			t.Error(err)
		}
	})
}

// died waits for the end of a doomed worker and tells where it was.
func (r *rig) died(activity string) string {
	r.t.Helper()
	r.await("the worker's death in "+activity, func(context.Context) (bool, error) {
		return r.worker.ended(), errors.New("it lives")
	})
	said := r.worker.out.since(0)
	status, ok := r.worker.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGKILL {
		r.t.Fatalf("the worker doomed in %s ended with %s, not by its own SIGKILL:\n%s", activity, r.worker.cmd.ProcessState, said)
	}
	return strings.TrimSpace(said)
}

// Package workers puts workflows and activities on task queues: which queues
// exist, what is registered where, how errors cross, and how a worker stops.
package workers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/internal/config"
	"drover/workflows"
)

// Names of the workflow types, never changed: histories refer to them.
const (
	HBaseMigration = "HBaseMigration"
	HDFSMirror     = "HDFSMirror"
)

// Options say what one worker process serves.
type Options struct {
	// Namespace of the Temporal service.
	Namespace string
	// Queues to poll: "runbooks", "site-<name>", "copy-<name>". Empty: all
	// that the configuration allows for.
	Queues []string
	// StopTimeout is how long activities may take to end on a stop. What does
	// not end is retried elsewhere. Default 10 s.
	StopTimeout time.Duration
}

// bulkSlots bounds how many copies and comparisons one process runs at once.
const bulkSlots = 4

// Run serves the queues until ctx ends, then stops polling and lets running
// activities end. It returns when nothing of it runs any more.
func Run(ctx context.Context, c client.Client, cfg config.Config, o Options) error {
	queues := o.Queues
	if len(queues) == 0 {
		queues = cfg.WorkerQueues()
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = 10 * time.Second
	}
	if err := checkQueues(queues, cfg); err != nil {
		return err
	}
	if err := registerSearchAttributes(ctx, c, o.Namespace); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it began
		}
		return err
	}
	sites := activities.NewSites(cfg)
	var started []worker.Worker
	var err error
	for _, q := range queues {
		w := New(c, q, sites, o)
		if err = w.Start(); err != nil {
			err = fmt.Errorf("start worker on queue %s: %w", q, err)
			break
		}
		started = append(started, w)
	}
	if err == nil {
		<-ctx.Done()
	}
	stop(started)
	return errors.Join(err, sites.Close())
}

// stop ends all workers at once: one after the other they would take the time
// that activities have to end once for each queue.
func stop(started []worker.Worker) {
	var ended sync.WaitGroup
	for _, w := range started {
		ended.Go(w.Stop)
	}
	ended.Wait()
}

// New makes the worker of one queue.
func New(c client.Client, queue string, sites *activities.Sites, o Options) worker.Worker {
	options := worker.Options{
		WorkerStopTimeout:                o.StopTimeout,
		MaxHeartbeatThrottleInterval:     5 * time.Second,
		DefaultHeartbeatThrottleInterval: 3 * time.Second,
		Interceptors:                     []interceptor.WorkerInterceptor{&faults{}},
	}
	if strings.HasPrefix(queue, "copy-") {
		options.MaxConcurrentActivityExecutionSize = bulkSlots
	}
	w := worker.New(c, queue, options)
	Register(w, queue, sites)
	return w
}

// Register puts on a queue what belongs there: workflows on the runbooks
// queue, activities on the others.
func Register(w worker.Registry, queue string, sites *activities.Sites) {
	if queue == workflows.RunbooksQueue {
		w.RegisterWorkflowWithOptions(workflows.HBaseMigration, workflow.RegisterOptions{Name: HBaseMigration})
		w.RegisterWorkflowWithOptions(workflows.HDFSMirror, workflow.RegisterOptions{Name: HDFSMirror})
		return
	}
	w.RegisterActivityWithOptions(activities.NewHBase(sites), activity.RegisterOptions{})
	w.RegisterActivityWithOptions(activities.NewMirror(sites), activity.RegisterOptions{})
}

func checkQueues(queues []string, cfg config.Config) error {
	known := cfg.Queues()
	for _, q := range queues {
		if !slices.Contains(known, q) {
			return fmt.Errorf("queue %q: the configuration has no such site; its queues are %s", q, strings.Join(known, ", "))
		}
	}
	return nil
}

package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/internal/fault"
)

// RunbooksQueue is where workflow tasks are worked on.
const RunbooksQueue = "runbooks"

// SiteQueue is where operations on a site's clusters are worked on.
func SiteQueue(site string) string { return "site-" + site }

// CopyQueue is where data is moved to, or read from, a site.
func CopyQueue(site string) string { return "copy-" + site }

// indexed says that workers register the search attributes before they work.
const indexed = true

// heartbeat bounds how long the death of a worker stays unnoticed. Every
// activity beats on its own clock, so it need not fit the work.
const heartbeat = 15 * time.Second

// hb names the activities; only its methods' names are used.
var hb *activities.HBase

var retry = &temporal.RetryPolicy{
	InitialInterval:    time.Second,
	BackoffCoefficient: 2,
	MaximumInterval:    30 * time.Second,
}

// control is for one operation on a cluster. Two hours of retries outlast a
// rolling restart; what fails longer needs a human.
func control(ctx workflow.Context, site string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: SiteQueue(site), StartToCloseTimeout: time.Hour, ScheduleToCloseTimeout: 2 * time.Hour,
		HeartbeatTimeout: heartbeat, RetryPolicy: retry,
	})
}

// hooked is for a command of the operator's, which has its own time.
func hooked(ctx workflow.Context, site string) workflow.Context {
	return within(control(ctx, site), 25*time.Hour)
}

// bulk is for work as long as the data: it has no end but its own.
func bulk(ctx workflow.Context, site string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: CopyQueue(site), StartToCloseTimeout: 7 * 24 * time.Hour,
		HeartbeatTimeout: heartbeat, RetryPolicy: retry,
	})
}

// probeSite fails soon when nobody works for a site, instead of waiting
// silently: a task on a queue without a worker looks like one that runs.
func probeSite(ctx workflow.Context, site string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: SiteQueue(site), ScheduleToStartTimeout: time.Minute, StartToCloseTimeout: time.Minute,
		HeartbeatTimeout: heartbeat, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 3},
	})
}

// within bounds everything that happens while writes are refused: a step that
// cannot end in time fails, and the fence is lifted again.
func within(ctx workflow.Context, limit time.Duration) workflow.Context {
	o := workflow.GetActivityOptions(ctx)
	o.ScheduleToCloseTimeout, o.StartToCloseTimeout = limit, limit
	return workflow.WithActivityOptions(ctx, o)
}

// RunKey names everything a run makes on the clusters. It is the same for all
// continuations of one run and differs between runs: ten hex digits, legal in
// peer ids, snapshot and table names.
func RunKey(workflowID, firstRunID string) string {
	sum := sha256.Sum256([]byte(workflowID + "/" + firstRunID))
	return hex.EncodeToString(sum[:5])
}

func invalidInput(err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), string(fault.InvalidInput), nil)
}

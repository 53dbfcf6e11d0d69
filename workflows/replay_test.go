package workflows_test

import (
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"drover/workflows"
)

// TestReplay runs today's code over the histories of runs that released code
// made: a change that would break a run in flight fails here. A fixture is
// recorded from a release, never from the change under test:
//
//	curl -H 'Accept: application/json+no-payload-shorthand' $HTTP/api/v1/namespaces/default/workflows/$ID/history
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/replay/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories to replay (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			r := worker.NewWorkflowReplayer()
			r.RegisterWorkflowWithOptions(workflows.HBaseMigration, workflow.RegisterOptions{Name: "HBaseMigration"})
			r.RegisterWorkflowWithOptions(workflows.HDFSMirror, workflow.RegisterOptions{Name: "HDFSMirror"})
			if err := r.ReplayWorkflowHistoryFromJSONFile(nil, file); err != nil {
				t.Errorf("replay %s: %v", file, err)
			}
		})
	}
}

// TestReplayNoticesAnotherOrder shows that the test above can fail.
func TestReplayNoticesAnotherOrder(t *testing.T) {
	late := func(ctx workflow.Context) error { return workflow.Sleep(ctx, 1) }
	for file, register := range map[string]func(worker.WorkflowReplayer){
		"hbase_migration_completed.json": func(r worker.WorkflowReplayer) {
			r.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.HBaseMigrationInput) (workflows.HBaseMigrationResult, error) {
				if err := late(ctx); err != nil {
					return workflows.HBaseMigrationResult{}, err
				}
				return workflows.HBaseMigration(ctx, in)
			}, workflow.RegisterOptions{Name: "HBaseMigration"})
		},
		"hdfs_mirror_completed.json": func(r worker.WorkflowReplayer) {
			r.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.HDFSMirrorInput) (workflows.HDFSMirrorResult, error) {
				if err := late(ctx); err != nil {
					return workflows.HDFSMirrorResult{}, err
				}
				return workflows.HDFSMirror(ctx, in)
			}, workflow.RegisterOptions{Name: "HDFSMirror"})
		},
	} {
		t.Run(file, func(t *testing.T) {
			r := worker.NewWorkflowReplayer()
			register(r)
			if err := r.ReplayWorkflowHistoryFromJSONFile(nil, filepath.Join("testdata", "replay", file)); err == nil {
				t.Error("a run with another order of commands was replayed without an error")
			}
		})
	}
}

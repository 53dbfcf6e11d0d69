package main

import (
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// timedOut reports whether the outcome of an update is not known.
func timedOut(err error) bool {
	var update *client.WorkflowUpdateServiceTimeoutOrCanceledError
	var deadline *serviceerror.DeadlineExceeded
	return errors.As(err, &update) || errors.As(err, &deadline)
}

// refusedOr gives what a run said no to the code of a refusal, in the run's own
// words, and leaves other failures as they are.
func refusedOr(err error, workflowID string) error {
	var said *temporal.ApplicationError
	if errors.As(err, &said) {
		return fail(codeRefused, "%s", said.Message()).try("drover status " + workflowID)
	}
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return fail(codeRefused, "run %s has ended: it takes no more orders", workflowID).try("drover report " + workflowID)
	}
	return fmt.Errorf("ask run %s: %w", workflowID, err)
}

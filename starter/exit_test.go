package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"drover/internal/config"
	"drover/internal/fault"
	"drover/workflows"
	"drover/workflows/step"
)

func TestExitCode(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want int
	}{
		{"nothing wrong", nil, codeOK},
		{"Ctrl-C", fmt.Errorf("watch: %w", errInterrupted), codeInterrupted},
		{"what a verb decided", fmt.Errorf("x: %w", fail(codeUnknown, "y")), codeUnknown},
		{"a verb's word over the kind", fail(codeNotFound, "%w", fault.As(fault.Unavailable, errors.New("x"))), codeNotFound},
		{"a malformed input", fault.As(fault.InvalidInput, errors.New("x")), codeUsage},
		{"a conflict", fault.As(fault.Conflict, errors.New("x")), codeRefused},
		{"a refusal that came through Temporal", temporal.NewApplicationError("x", string(fault.Denied)), codeRefused},
		{"nothing there", fault.As(fault.NotFound, errors.New("x")), codeNotFound},
		{"a run that is absent", serviceerror.NewNotFound("x"), codeNotFound},
		{"a run that exists", serviceerror.NewWorkflowExecutionAlreadyStarted("x", "", ""), codeRefused},
		{"a server that is away", serviceerror.NewUnavailable("x"), codeUnreachable},
		{"a deadline", context.DeadlineExceeded, codeUnreachable},
		{"a mismatch", fault.As(fault.Mismatch, errors.New("x")), codeFailed},
		{"anything else", errors.New("x"), codeFailed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := exitCode(tc.err); got != tc.want {
				t.Errorf("exitCode(%v) = %d, want %d", tc.err, got, tc.want)
			}
		})
	}
}

func TestEveryExitCodeIsExplained(t *testing.T) {
	for _, code := range allCodes() {
		if codeMeaning(code) == "" {
			t.Errorf("exit code %d has no meaning in the help", code)
		}
	}
}

func TestEveryVerbExplainsItself(t *testing.T) {
	root := newRoot(newApp(strings.NewReader(""), &strings.Builder{}, &strings.Builder{}))
	if len(root.Commands()) < 19 {
		t.Errorf("%d verbs, want at least 19", len(root.Commands()))
	}
	for _, verb := range root.Commands() {
		if verb.HasSubCommands() {
			continue
		}
		if verb.Short == "" || !strings.Contains(verb.Long, "Exit codes:") {
			t.Errorf("verb %s has no summary or no exit codes in its help", verb.Name())
		}
	}
}

func TestHowARunEndsIsTheExitCodeOfWatch(t *testing.T) {
	for _, tc := range []struct {
		name string
		v    view
		want int
	}{
		{"completed and equal", view{State: stateCompleted, Verdict: "match", Status: step.Status{Outcome: step.Completed}}, codeOK},
		{"completed and different", view{State: stateCompleted, Verdict: "differ"}, codeFailed},
		{"completed, and nobody could read it", view{State: stateCompleted, Problem: "x"}, codeFailed},
		{"completed and unproven", view{State: stateCompleted, Verdict: "unproven", Status: step.Status{Outcome: step.Completed}}, codeFailed},
		{"rejected", view{State: stateCompleted, Verdict: "unproven", Status: step.Status{Outcome: step.RejectedOutcome}}, codeRefused},
		{"stopped by preflight", view{State: stateCompleted, Verdict: "unproven", Status: step.Status{Outcome: workflows.OutcomeBlocked}}, codeRefused},
		{"aborted", view{State: stateCompleted, Status: step.Status{Outcome: step.AbortedOutcome}}, codeRefused},
		{"cancelled", view{State: stateCanceled}, codeRefused},
		{"terminated", view{State: stateTerminated}, codeFailed},
		{"failed", view{State: stateFailed}, codeFailed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := exitCode(tc.v.ended()); got != tc.want {
				t.Errorf("exit code %d, want %d", got, tc.want)
			}
		})
	}
}

func TestConfigurationAndWorkflowsMeanTheSameQueues(t *testing.T) {
	cfg := config.Config{Sites: map[string]config.Site{"a": {}}}
	want := []string{workflows.RunbooksQueue, workflows.SiteQueue("a"), workflows.CopyQueue("a")}
	if got := cfg.Queues(); !slices.Equal(got, want) {
		t.Errorf("queues of the configuration %v, of the workflows %v", got, want)
	}
}

func TestTheSameTablesMakeTheSameRun(t *testing.T) {
	id := func(tables ...string) string {
		return hbaseMigrationID(workflows.HBaseMigrationInput{Source: "a", Target: "b", Tables: tables})
	}
	if got, want := id("ns:t"), "hbase-migration.a.b.ns~t"; got != want {
		t.Errorf("id = %s, want %s", got, want)
	}
	if id("x", "y") != id("y", "x") {
		t.Error("the order of the tables changes the id")
	}
	if id("x", "y") == id("x", "z") {
		t.Error("different tables make the same id")
	}
}

func TestRunIDsSurviveTheHTTPAPI(t *testing.T) {
	for _, tables := range [][]string{{"t"}, {"ns:t"}, {"ns:a", "ns:b"}} {
		id := hbaseMigrationID(workflows.HBaseMigrationInput{Source: "a", Target: "b", Tables: tables})
		if strings.ContainsAny(id, "/:%? ") {
			t.Errorf("id %q of %v holds a character that a URL path gives another meaning", id, tables)
		}
	}
}

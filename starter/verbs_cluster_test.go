//go:build cluster

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"drover/internal/embedded"
	"drover/workers"
	"drover/workflows"
	"drover/workflows/step"
)

const deadline = 60 * time.Second

// gateOnly stands in for the migration where only its words are tested: it
// opens the cutover gate on one fact and ends as it was decided.
func gateOnly(ctx workflow.Context, in workflows.HBaseMigrationInput) (workflows.HBaseMigrationResult, error) {
	ctx, run, err := step.Begin(ctx, step.Subject{
		Runbook: "HBaseMigration", Title: strings.Join(in.Tables, ", "), Site: in.Source + " -> " + in.Target,
		Gates: []string{workflows.GateCutover}, Indexed: true,
	}, nil)
	if err != nil {
		return workflows.HBaseMigrationResult{}, err
	}
	run.Phase(ctx, workflows.PhaseCutover, "waiting for a person")
	looks := 0 // what was measured makes the digest, not when
	decision, err := run.Gate(ctx, workflows.GateCutover, func(workflow.Context) (step.Evidence, error) {
		looks++
		return step.Evidence{Facts: []step.Fact{{Name: "rows compared", Value: "1,234"}, {Name: "look", Value: strconv.Itoa(looks)}}}, nil
	}, step.GateOptions{Permits: "writes move to the target"})
	if err == nil {
		err = step.Rejected(decision)
	}
	outcome, err := run.Finish(ctx, err)
	verdict := "unproven"
	if outcome == step.Completed {
		verdict = "match"
	}
	return workflows.HBaseMigrationResult{Outcome: outcome, Verdict: verdict, Report: run.Status(ctx)}, err
}

// said is what one command line came to.
type said struct {
	code        int
	out, talked string
}

func drover(t *testing.T, args ...string) said {
	t.Helper()
	var out, talk strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	code := run(ctx, args, strings.NewReader(""), &out, &talk)
	return said{code, out.String(), talk.String()}
}

// must runs a command line that has to exit with code and to say words on one
// of its streams.
func must(t *testing.T, code int, words string, args ...string) said {
	t.Helper()
	got := drover(t, args...)
	if got.code != code || !strings.Contains(got.out+got.talked, words) {
		t.Fatalf("drover %s: exit code %d, want %d and %q\nstdout:\n%s\nstderr:\n%s",
			strings.Join(args, " "), got.code, code, words, got.out, got.talked)
	}
	return got
}

// ownTemporal starts a Temporal for this test alone, which every verb then uses.
func ownTemporal(t *testing.T) (address string) {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{
		Dir: t.TempDir(), SearchAttributes: workers.SearchAttributeTypes(), Log: func(line string) { t.Log(line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("TEMPORAL_ADDRESS", server.GRPC)
	return server.GRPC
}

func TestVerbsOnARealTemporal(t *testing.T) {
	address := ownTemporal(t)
	t.Setenv("DROVER_SANDBOX_DIR", t.TempDir())
	t.Chdir(t.TempDir())
	c, err := client.DialContext(t.Context(), client.Options{HostPort: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := worker.New(c, workflows.RunbooksQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(gateOnly, workflow.RegisterOptions{Name: "HBaseMigration"})
	t.Run("without a worker a start says so", func(t *testing.T) {
		must(t, codeOK, "no worker serves the queue", "start", "HBaseMigration", "--source", "a", "--target", "b", "--table", "early")
	})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	t.Run("a run is approved", approveARun)
	t.Run("a run is rejected", func(t *testing.T) { endARun(t, "no", "reject") })
	t.Run("a run is aborted", func(t *testing.T) { endARun(t, "stop", "abort") })
	t.Run("a run is named or guessed", nameARun)
}

func startRun(t *testing.T, table string) (id string, at view) {
	t.Helper()
	must(t, codeOK, "drover watch", "start", "HBaseMigration", "--source", "a", "--target", "b", "--table", table)
	id = "hbase-migration.a.b." + table
	return id, awaitGate(t, id)
}

// awaitGate asks until the gate shows evidence other than the one known.
func awaitGate(t *testing.T, id string, known ...string) view {
	t.Helper()
	end := time.After(deadline)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var v view
		got := must(t, codeOK, "", "status", id, "--json")
		if err := json.Unmarshal([]byte(got.out), &v); err != nil {
			t.Fatalf("status of %s: %v in %s", id, err, got.out)
		}
		if v.Status.Digest != "" && !slices.Contains(known, v.Status.Digest) {
			return v
		}
		select {
		case <-end:
			t.Fatalf("the gate of %s did not open: %s", id, got.out)
		case <-tick.C:
		}
	}
}

func approveARun(t *testing.T) {
	id, at := startRun(t, "yes")
	digest := at.Status.Digest
	must(t, codeRefused, "is running already", "start", "HBaseMigration", "--source", "a", "--target", "b", "--table", "yes")
	must(t, codeOK, "rows compared", "status", id)
	must(t, codeUsage, "--digest "+digest+" is the current one", "approve", id, "--reason", "r")
	must(t, codeUsage, "say why", "approve", id, "--digest", digest)
	must(t, codeRefused, "evidence changed: you read 000000000000, current is "+digest, "approve", id, "--digest", "000000000000", "--reason", "r")
	must(t, codeRefused, "HBaseMigration has no gate \"cleanup\"", "approve", id, "--gate", "cleanup", "--digest", digest, "--reason", "r")
	must(t, codeRefused, "HBaseMigration does not go in rounds", "round", id, "--reason", "r")
	digest = remeasure(t, id, digest)
	must(t, codeOK, "paused", "pause", id, "--reason", "lunch")
	must(t, codeRefused, "already paused", "pause", id, "--reason", "lunch")
	must(t, codeRefused, "resume it, then decide", "approve", id, "--digest", digest, "--reason", "r")
	must(t, codeOK, "resumed", "resume", id, "--reason", "back")
	must(t, codeOK, "gate cutover approved by olga", "approve", id, "--digest", digest, "--reason", "r", "--by", "olga")
	must(t, codeOK, "verdict match", "watch", id)
	must(t, codeRefused, "has ended", "approve", id, "--digest", digest, "--reason", "r")
	must(t, codeRefused, "has ended", "abort", id, "--reason", "too late")
	must(t, codeOK, id, "list")
	listedAsOneObject(t, id)
	must(t, codeOK, "olga", "report", id)
	must(t, codeOK, `"verdict": "match"`, "report", id, "--json")
	file := filepath.Join(t.TempDir(), "report.html")
	must(t, codeOK, "written to", "report", id, "--format", "html", "--out", file)
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "<html") {
		t.Errorf("the HTML report: %v, %.80q", err, text)
	}
}

// listedAsOneObject reads the answers that were an array, and nothing.
func listedAsOneObject(t *testing.T, id string) {
	t.Helper()
	var list struct{ Runs []listed }
	if err := json.Unmarshal([]byte(must(t, codeOK, "", "list", "--json").out), &list); err != nil || !slices.ContainsFunc(list.Runs, func(l listed) bool { return l.WorkflowID == id }) {
		t.Errorf("list --json: %+v, %v, want %s in it", list, err, id)
	}
	file := filepath.Join(t.TempDir(), "report.json")
	var written struct{ WorkflowID, File string }
	if err := json.Unmarshal([]byte(must(t, codeOK, "", "report", id, "--json", "--out", file).out), &written); err != nil || written.WorkflowID != id || written.File != file {
		t.Errorf("report --json --out: %+v, %v, want %s and %s", written, err, id, file)
	}
}

// remeasure asks for new evidence and returns its digest.
func remeasure(t *testing.T, id, digest string) string {
	t.Helper()
	must(t, codeOK, "measures again", "remeasure", id, "--reason", "mended")
	return awaitGate(t, id, digest).Status.Digest
}

func endARun(t *testing.T, table, verb string) {
	id, at := startRun(t, table)
	args := []string{verb, id, "--reason", "not today"}
	if verb == "reject" {
		args = append(args, "--digest", at.Status.Digest)
	}
	must(t, codeOK, "", args...)
	must(t, codeRefused, verb+"ed", "watch", id)
	must(t, codeOK, verb+"ed", "status", id)
}

func nameARun(t *testing.T) {
	awaitGate(t, "hbase-migration.a.b.early")
	must(t, codeOK, "hbase-migration.a.b.early", "status")
	must(t, codeNotFound, `did you mean "hbase-migration.a.b.early"?`, "status", "hbase-migration.a.b.earl")
	startRun(t, "second")
	must(t, codeUsage, "name the one you mean", "status")
	must(t, codeOK, "", "abort", "hbase-migration.a.b.second", "--reason", "r")
	must(t, codeOK, "", "abort", "hbase-migration.a.b.early", "--reason", "r")
	must(t, codeRefused, "aborted", "watch", "hbase-migration.a.b.early")
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover/workflows"
	"drover/workflows/step"
)

// TestTheConfigurationIsReadOnce: plan and start read it twice, and a file that
// was saved in between made them go by both.
func TestTheConfigurationIsReadOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "drover.yaml")
	if err := os.WriteFile(file, []byte("sites:\n  disk: {local: {root: /}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newApp(strings.NewReader(""), &strings.Builder{}, &strings.Builder{})
	a.configPath = file
	if _, err := a.config(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("half of a f"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := a.config()
	if _, ok := cfg.Sites["disk"]; err != nil || !ok {
		t.Errorf("the second time: %+v, %v, want what the first one gave", cfg, err)
	}
}

// TestProgressIsNotPutIntoWordsForEveryChange: a difference of a million changes
// was told a million times, to nobody.
func TestProgressIsNotPutIntoWordsForEveryChange(t *testing.T) {
	a := newApp(strings.NewReader(""), &strings.Builder{}, &strings.Builder{})
	m := a.newMeter(t.Context())
	m.at = time.Now().Add(-2 * plainEvery) // due once
	words := 0
	for range 1000 {
		m.show(func() string { words++; return "x" })
	}
	if words != 1 {
		t.Errorf("put into words %d times of 1000, want once", words)
	}
}

// TestAChoiceIsAskedForBeforeThePrompt: three questions were answered before the
// gate refused for want of a choice.
func TestAChoiceIsAskedForBeforeThePrompt(t *testing.T) {
	v := view{WorkflowID: "x", Status: step.Status{
		WaitingAt: workflows.GateDrift, Digest: "abc", Choices: []string{workflows.ChoiceRestore, workflows.ChoiceAdopt},
	}}
	a := newApp(strings.NewReader("y\nwhy\n"), &strings.Builder{}, &strings.Builder{})
	_, err := a.complete(t.Context(), v, decision{approved: true, by: "ann"})
	if exitCode(err) != codeUsage || !strings.Contains(err.Error(), "--choice restore|adopt") {
		t.Errorf("it ended with %v, want the choices", err)
	}
	if _, err = a.complete(t.Context(), v, decision{by: "ann"}); strings.Contains(err.Error(), "--choice") {
		t.Errorf("a rejection was asked for a choice: %v", err)
	}
}

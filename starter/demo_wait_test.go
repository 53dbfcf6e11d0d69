package main

import (
	"strings"
	"testing"

	"drover/workflows"
	"drover/workflows/step"
)

// TestTheDemoTellsACommandThatExists: make demo printed "drover approve" where
// nothing was called drover.
func TestTheDemoTellsACommandThatExists(t *testing.T) {
	hash := strings.Repeat("4f", 32)
	for program, want := range map[string]string{
		"/src/drover/bin/drover":                          "bin/drover",
		"/src/drover/starter":                             "./starter",
		"/opt/bin/drover":                                 "/opt/bin/drover",
		"/usr/bin/drover":                                 "drover",
		"/tmp/go-build12/b001/exe/starter":                "go run ./starter",
		"/home/u/.cache/go-build/4f/4f00-d/starter":       "go run ./starter",
		"/somebody/set/GOCACHE/4f/" + hash + "-d/starter": "go run ./starter",
	} {
		if got := calledFrom("/src/drover", program, "/usr/bin/drover"); got != want {
			t.Errorf("%s is called %q, want %q", program, got, want)
		}
	}
	v := view{WorkflowID: "x", Status: step.Status{WaitingAt: workflows.GateCutover, Digest: "abc"}}
	if got := waitWords(v, "bin/drover"); !strings.Contains(got, "in another terminal (drover is bin/drover here)") {
		t.Errorf("says %q, want how drover is called", got)
	}
}

// TestTheTableDemoSaysThatItWaits: it stood at the gate without a word.
func TestTheTableDemoSaysThatItWaits(t *testing.T) {
	var talk strings.Builder
	a := newApp(strings.NewReader(""), &strings.Builder{}, &talk)
	g := &tableGate{demo: &tableDemo{app: a, world: &world{app: a}}}
	v := view{WorkflowID: "x", Status: step.Status{WaitingAt: workflows.GateCutover, Digest: "abc"}}
	for range 2 { // it looks many times and says it once
		if err := g.pass(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(talk.String(), "waiting for you"); n != 1 {
		t.Errorf("it says %d times that it waits, want once:\n%s", n, talk.String())
	}
}

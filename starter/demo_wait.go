package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"drover/workflows"
	"drover/workflows/step"
)

// sayWaiting says what a person has to do at an open gate.
func (w *world) sayWaiting(v view) { w.say("%s", waitWords(v, calledHere())) }

// waitWords says what a person has to do, with the command to the letter where
// the gate's own leaves a choice, and what drover is called here: who was told
// to type make demo has no command of that name.
func waitWords(v view, called string) string {
	where := "in another terminal"
	if called != "drover" {
		where += " (drover is " + called + " here)"
	}
	if s := v.Status; s.WaitingAt == workflows.GateDrift {
		return "waiting for you, " + where + ": " + step.ApproveCommand(v.WorkflowID, s.WaitingAt, s.Digest, workflows.ChoiceRestore)
	}
	return "waiting for you: the command above, " + where
}

// calledHere is how the running program is called from another terminal in the
// same directory.
func calledHere() string {
	program, err := os.Executable()
	if err != nil {
		return "drover"
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = ""
	}
	found, err := exec.LookPath("drover")
	if err != nil {
		found = ""
	}
	return calledFrom(dir, program, found)
}

// calledFrom gives the shortest name of a program: drover where PATH finds this
// one, else its path. What "go run" made is gone when it ends, or hidden in Go's
// cache: there it is called as it was.
func calledFrom(dir, program, onPath string) string {
	if onPath == program {
		return "drover"
	}
	for part := range strings.SplitSeq(filepath.ToSlash(program), "/") {
		if strings.HasPrefix(part, "go-build") || len(part) == 66 && strings.HasSuffix(part, "-d") {
			return "go run ./starter"
		}
	}
	if rel, err := filepath.Rel(dir, program); err == nil && filepath.IsLocal(rel) {
		if !strings.Contains(rel, string(filepath.Separator)) {
			rel = "./" + rel
		}
		return rel
	}
	return program
}

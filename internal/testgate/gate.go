package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// event is a line of go test -json (see go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Elapsed    float64
	Output     string
}

// gate follows a run of go test.
type gate struct {
	out  io.Writer
	each bool

	passed  int
	skipped []string
	failed  []string
	idle    []string // packages with test files of which no test ran
	held    map[string][]string
	ran     map[string]int
	err     error
}

func (g *gate) read(events io.Reader) error {
	g.held, g.ran = map[string][]string{}, map[string]int{}
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			g.print("%s\n", lines.Text())
			continue
		}
		g.take(e)
	}
	return errors.Join(lines.Err(), g.err)
}

func (g *gate) take(e event) {
	key := e.Package + "\x00" + e.Test
	switch {
	case e.Action == "build-output":
		g.print("%s", e.Output)
	case e.Action == "output" && e.Test == "":
		g.packageLine(e)
	case e.Action == "output":
		g.held[key] = append(g.held[key], e.Output)
	case e.Test == "":
		g.endPackage(e)
	case e.Action == "pass" || e.Action == "fail" || e.Action == "skip":
		g.endTest(e, key)
	}
}

// packageLine prints what go test says of a package, its verdict above all,
// without the PASS that precedes it.
func (g *gate) packageLine(e event) {
	if e.Output == "PASS\n" || strings.HasPrefix(e.Output, "?   ") {
		return
	}
	g.print("%s", e.Output)
}

func (g *gate) endTest(e event, key string) {
	name := e.Package + "." + e.Test
	g.ran[e.Package]++
	switch e.Action {
	case "pass":
		g.passed++
	case "skip":
		g.skipped = append(g.skipped, name)
	case "fail":
		g.failed = append(g.failed, name)
	}
	if e.Action != "pass" {
		g.print("%s", strings.Join(g.held[key], ""))
	}
	if g.each && !strings.Contains(e.Test, "/") {
		g.print("    %s %s (%.1fs)\n", e.Action, name, e.Elapsed)
	}
	delete(g.held, key)
}

// endPackage notes a package whose tests were all filtered away. One without
// test files is skipped by go test and none of our business.
func (g *gate) endPackage(e event) {
	switch e.Action {
	case "pass":
		if g.ran[e.Package] == 0 {
			g.idle = append(g.idle, e.Package)
		}
	case "fail":
		// What a test wrote before the process died is all there is to see.
		for key, output := range g.held {
			if strings.HasPrefix(key, e.Package+"\x00") {
				g.print("%s", strings.Join(output, ""))
				delete(g.held, key)
			}
		}
	}
}

// verdict says everything that is wrong with the run.
func (g *gate) verdict(least int) error {
	var wrong []error
	for _, name := range g.failed {
		wrong = append(wrong, fmt.Errorf("failed: %s", name))
	}
	for _, name := range g.skipped {
		wrong = append(wrong, fmt.Errorf("skipped: %s: nothing is skipped here, make it run or remove it", name))
	}
	for _, name := range g.idle {
		wrong = append(wrong, fmt.Errorf("no test ran in %s", name))
	}
	if g.passed < least {
		wrong = append(wrong, fmt.Errorf("%d tests passed, at least %d are expected", g.passed, least))
	}
	g.print("testgate: %d passed, %d failed, %d skipped\n", g.passed, len(g.failed), len(g.skipped))
	return errors.Join(wrong...)
}

func (g *gate) print(format string, args ...any) {
	if _, err := fmt.Fprintf(g.out, format, args...); err != nil && g.err == nil {
		g.err = fmt.Errorf("print: %w", err)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.temporal.io/sdk/client"
	"golang.org/x/term"

	"drover/internal/config"
	"drover/internal/fault"
	"drover/internal/sandbox"
	"drover/internal/temporalclient"
)

// app is what every verb works with: where to write, how to ask, and how to
// reach configuration and Temporal. A verb never touches os.Stdout itself.
type app struct {
	in  io.Reader
	out io.Writer // answers
	err io.Writer // talk

	json       bool
	configPath string
	loaded     *config.Config // once it was read
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *app {
	return &app{in: stdin, out: stdout, err: &lineWriter{to: stderr}}
}

// lineWriter lets several goroutines talk without mixing their lines.
type lineWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// say tells the operator something on stderr: one line, no capital, no final
// period.
func (a *app) say(format string, args ...any) {
	for line := range strings.SplitSeq(strings.TrimRight(fmt.Sprintf(format, args...), "\n"), "\n") {
		// Talk is lost when stderr is closed; the answer on stdout is not.
		_, _ = fmt.Fprintf(a.err, "drover: %s\n", line)
	}
}

// log is say for libraries that report progress as plain lines.
func (a *app) log(line string) { a.say("%s", line) }

// complain prints an error and what to do next.
func (a *app) complain(err error) {
	a.say("%s", err)
	var decided *verdict
	if errors.As(err, &decided) && decided.next != "" {
		a.say("try: %s", decided.next)
	}
}

// answer prints a verb's result to stdout: v as one JSON object with --json,
// else what text writes.
func (a *app) answer(v any, text func(io.Writer) error) error {
	if !a.json {
		return text(a.out)
	}
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	return nil
}

// interactive reports whether a person can be asked: stdin and stderr are
// terminals and the answer is not meant for a program.
func (a *app) interactive() bool { return !a.json && isTerminal(a.in) && a.onTerminal() }

// onTerminal reports whether talk goes to a terminal, where bars may move.
func (a *app) onTerminal() bool {
	w, ok := a.err.(*lineWriter)
	return ok && isTerminal(w.to)
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// config loads the configuration that --config, DROVER_CONFIG or the working
// directory names, or else that of the sandbox on this machine. It
// is read once: a verb goes by one state of the file.
func (a *app) config() (config.Config, error) {
	if a.loaded != nil {
		return *a.loaded, nil
	}
	path, found := a.configFile()
	if !found {
		return config.Config{}, usage("there is no configuration: give --config, set DROVER_CONFIG, or write %s here (the README shows one)", config.DefaultFile).
			try("drover sandbox up, which writes one for its own clusters")
	}
	cfg, err := config.Load(path)
	if err != nil {
		return config.Config{}, fault.As(fault.InvalidInput, err)
	}
	a.loaded = &cfg
	return cfg, nil
}

// optionalConfig is config for verbs that only need to reach Temporal: without
// any configuration the environment and the embedded server decide.
func (a *app) optionalConfig() (config.Config, error) {
	if _, found := a.configFile(); !found {
		return config.Config{}, nil
	}
	return a.config()
}

// configFile finds the configuration; what the operator named counts as found
// although it may be absent, so that its absence is an error.
func (a *app) configFile() (path string, found bool) {
	if a.configPath != "" {
		return a.configPath, true
	}
	if path := os.Getenv("DROVER_CONFIG"); path != "" {
		return path, true
	}
	if exists(config.DefaultFile) {
		return config.DefaultFile, true
	}
	dir, err := sandbox.DefaultDir()
	path = filepath.Join(dir, sandbox.ConfigFile)
	return path, err == nil && exists(path)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// temporal connects to the Temporal service. Close the client after use.
func (a *app) temporal(ctx context.Context) (client.Client, temporalclient.Endpoint, error) {
	cfg, err := a.optionalConfig()
	if err != nil {
		return nil, temporalclient.Endpoint{}, err
	}
	told := false
	return temporalclient.Dial(ctx, temporalclient.Options{
		Config: cfg.Temporal,
		Retrying: func(endpoint temporalclient.Endpoint, _ error) {
			if !told {
				a.say("Temporal at %s does not answer yet, trying again", endpoint.Address)
			}
			told = true
		},
	})
}

// Command drover is the operator's door to the migration runbooks: it starts
// runs, shows where they are and what they wait for, and carries decisions to
// them. One file per verb; everything a verb prints to stdout is its answer,
// everything on stderr is talk.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errInterrupted is the cause of the context that Ctrl-C cancels.
var errInterrupted = errors.New("interrupted")

func main() {
	os.Exit(runUntilSignal())
}

// runUntilSignal cancels the command at the first signal; a second one kills
// the process, because the handler is gone by then.
func runUntilSignal() int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel(errInterrupted)
	}()
	return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

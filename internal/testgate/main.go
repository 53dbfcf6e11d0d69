// Command testgate runs go test and holds it to its word: a skipped test, a
// package whose tests did not run, and a run without any test are failures.
// It prints go test's own closing line of every package, the whole output of
// what failed, and with -each a line per finished test.
//
//	testgate [-each] [-least N] -- go-test-arguments
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testgate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("testgate", flag.ContinueOnError)
	each := flags.Bool("each", false, "print a line for every finished test")
	least := flags.Int("least", 1, "how many tests must pass at least")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, flags.Args()...)...)
	cmd.Stderr = os.Stderr
	// An interrupt reaches go test too, which lets the tests clean up.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	events, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("read go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start go test: %w", err)
	}
	g := gate{out: out, each: *each}
	readErr := g.read(events)
	waitErr := cmd.Wait()
	if waitErr != nil {
		waitErr = fmt.Errorf("go test: %w", waitErr)
	}
	return errors.Join(readErr, g.verdict(*least), waitErr)
}

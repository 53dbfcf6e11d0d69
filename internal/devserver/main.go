// Command devserver is Temporal's server and web UI in one process, on one
// SQLite file, listening on loopback only. Drover builds and starts it when
// nobody pointed it at a Temporal service; package internal/embedded is the
// launcher.
//
// It lives in a module of its own because the server pulls in several hundred
// modules that a worker or the command line must never depend on.
//
// Its arguments are those of `temporal server start-dev`, so that it can stand
// in for the official command line tool, for example as
// testsuite.DevServerOptions.ExistingPath in the Go SDK.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "devserver:", err)
		os.Exit(1)
	}
}

// run serves until a signal arrives, stdin closes (when asked to watch it) or
// the UI fails, and then stops the server in order.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	opts, err := parse(args, stderr)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()

	release, err := claim(ctx, opts.PIDFile)
	if err != nil {
		return err
	}
	defer release()
	if err := opts.checkPorts(); err != nil {
		return err
	}

	started := time.Now()
	srv, err := serve(ctx, opts)
	if err != nil {
		return err
	}
	opts.announce(stdout, time.Since(started))

	var gone <-chan struct{}
	if opts.ExitOnStdinClose {
		gone = closed(stdin)
	}
	select {
	case <-ctx.Done():
	case <-gone:
	case err = <-srv.uiFailed:
	}
	cancel() // a second signal now ends the process at once
	return errors.Join(err, srv.stop())
}

// closed returns a channel that is closed at the end of r. A parent that holds
// the other end of a pipe thereby takes this process with it however it dies,
// SIGKILL included, on every operating system.
func closed(r io.Reader) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Any error means the same as the end: nobody is left at the other side.
		_, _ = io.Copy(io.Discard, r)
	}()
	return done
}

// announce prints where the server is reached, in the words of the official
// command line tool.
func (o options) announce(w io.Writer, took time.Duration) {
	db := o.DBFile
	if db == "" {
		db = "in-memory"
	}
	fmt.Fprintf(w, "%-21s %s\n", "Temporal Server:", hostPort(o.IP, o.Port))
	fmt.Fprintf(w, "%-21s %s\n", "Temporal HTTP:", hostPort(o.IP, o.HTTPPort))
	if !o.Headless {
		fmt.Fprintf(w, "%-21s http://%s\n", "Temporal UI:", hostPort(o.IP, o.UIPort))
	}
	fmt.Fprintf(w, "%-21s %s\n", "Temporal Persistence:", db)
	fmt.Fprintf(w, "%-21s %d ms\n", "Started in:", took.Milliseconds())
}

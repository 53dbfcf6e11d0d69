// Bench-hbase runs the HBase benchmarks and prints one JSON object a line on
// stdout; what it is doing goes to stderr. Run it as `make bench-hbase`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"drover/internal/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench-hbase:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case bench.ExportChild:
			return bench.ExportOnce(ctx, args[1:])
		case bench.VerifyChild, bench.ScanChild:
			return bench.VerifyOnce(ctx, args[0], args[1:])
		}
	}
	flags := flag.NewFlagSet("bench-hbase", flag.ContinueOnError)
	rounds := flags.Int("rounds", 3, "how often each pair runs")
	only := flags.String("only", "", "run only this bench: hbase-export or hbase-verify")
	dir := flags.String("dir", "", "directory of the benchmarks' own sandbox (default in the user's cache directory)")
	keep := flags.Bool("keep", false, "leave the sandbox up, for a next run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		*dir = filepath.Join(cache, "drover", "sandbox-bench")
	}
	w, err := bench.Setup(ctx, *dir, func(line string) { fmt.Fprintln(os.Stderr, line) })
	if err != nil {
		return err
	}
	defer func() {
		w.Close() //nolint:errcheck // nothing was promised about open connections
		if !*keep {
			if err := w.Sandbox.Down(context.WithoutCancel(ctx)); err != nil {
				fmt.Fprintln(os.Stderr, "bench-hbase:", err)
			}
		}
	}()
	if *only == "" || *only == "hbase-export" {
		if err := bench.Export(ctx, w, *rounds, os.Stdout); err != nil {
			return err
		}
	}
	if *only == "" || *only == "hbase-verify" {
		if err := bench.Verify(ctx, w, *rounds, os.Stdout); err != nil {
			return err
		}
	}
	return nil
}

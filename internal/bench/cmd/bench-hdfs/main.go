// Bench-hdfs runs the HDFS benchmarks and prints one JSON object a line on
// stdout; what it is doing goes to stderr. Run it as `make bench-hdfs`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"drover/internal/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench-hdfs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case bench.BaselineChild, bench.RoundChild, bench.ListChild, bench.RateChild:
			return bench.HDFSOnce(ctx, args[0], args[1:])
		}
	}
	flags := flag.NewFlagSet("bench-hdfs", flag.ContinueOnError)
	rounds := flags.Int("rounds", 3, "how often each pair runs")
	only := flags.String("only", "", "run only this bench: "+strings.Join(bench.HDFSBenches(), ", "))
	dir := flags.String("dir", "", "directory of the benchmarks' own sandbox (default in the user's cache directory)")
	keep := flags.Bool("keep", false, "leave the sandbox up, for a next run")
	trial := flags.Bool("trial", false, "a hundredth of the data: to see that it runs, not to quote")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *only != "" && !slices.Contains(bench.HDFSBenches(), *only) {
		return fmt.Errorf("-only %s: there are %s", *only, strings.Join(bench.HDFSBenches(), ", "))
	}
	if *dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		*dir = filepath.Join(cache, "drover", "sandbox-bench-hdfs")
	}
	sizes := bench.FullSizes()
	if *trial {
		sizes = bench.TrialSizes()
	}
	w, err := bench.SetupHDFS(ctx, *dir, sizes, func(line string) { fmt.Fprintln(os.Stderr, line) })
	if err != nil {
		return err
	}
	defer func() {
		w.Close() //nolint:errcheck // nothing was promised about open connections
		if !*keep {
			if err := w.Sandbox.Down(context.WithoutCancel(ctx)); err != nil {
				fmt.Fprintln(os.Stderr, "bench-hdfs:", err)
			}
		}
	}()
	for _, name := range bench.HDFSBenches() {
		if *only == "" || *only == name {
			if err := bench.HDFS(ctx, w, name, *rounds, os.Stdout); err != nil {
				return err
			}
		}
	}
	return nil
}

// Bench-hdfs runs the HDFS benchmarks and prints one JSON object a line on
// stdout; what it is doing goes to stderr. Run it as `make bench-hdfs`.
package main

import (
	"context"
	"flag"

	"drover/internal/bench"
)

func main() {
	var trial bool
	bench.Command{
		Name:     "bench-hdfs",
		Sandbox:  "sandbox-bench-hdfs",
		Benches:  bench.HDFSBenches(),
		Children: []string{bench.BaselineChild, bench.RoundChild, bench.ListChild, bench.RateChild},
		Once:     bench.HDFSOnce,
		Flags: func(f *flag.FlagSet) {
			f.BoolVar(&trial, "trial", false, "a hundredth of the data: to see that it runs, not to quote")
		},
		Setup: func(ctx context.Context, dir string, log func(string)) (bench.Rig, error) {
			sizes := bench.FullSizes()
			if trial {
				sizes = bench.TrialSizes()
			}
			return bench.SetupHDFS(ctx, dir, sizes, log)
		},
	}.Main()
}

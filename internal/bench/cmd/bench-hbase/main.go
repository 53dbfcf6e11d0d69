// Bench-hbase runs the HBase benchmarks and prints one JSON object a line on
// stdout; what it is doing goes to stderr. Run it as `make bench-hbase`.
package main

import (
	"context"

	"drover/internal/bench"
)

func main() {
	bench.Command{
		Name:     "bench-hbase",
		Sandbox:  "sandbox-bench",
		Benches:  bench.HBaseBenches(),
		Children: []string{bench.ExportChild, bench.VerifyChild, bench.ScanChild},
		Once:     bench.HBaseOnce,
		Setup: func(ctx context.Context, dir string, log func(string)) (bench.Rig, error) {
			return bench.Setup(ctx, dir, log)
		},
	}.Main()
}

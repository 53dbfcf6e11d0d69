//go:build cluster

package compare

import (
	"fmt"
	"testing"
	"time"

	"drover/internal/hbase"
)

func TestCostTry(t *testing.T) {
	ctx, w := newWorld(t)
	table := hbase.TableName{Namespace: "default", Qualifier: "drover_bench"}
	if _, err := w.b.cluster.Table(ctx, table); err != nil {
		w.copyTable(ctx, t, table)
	}
	source, target := w.sides(table)
	p := pairOf(source, target)
	for _, n := range []int{1000, 10000} {
		var keys [][]byte
		for i := range n {
			keys = append(keys, fmt.Appendf(nil, "%026d", i*(1200000/n)))
		}
		for _, par := range []int{2, 4, 2, 4} {
			start := time.Now()
			c, err := p.rows(ctx, keys, par, func(r row) error { return fmt.Errorf("%q", r.key) })
			must(t, err)
			d := time.Since(start)
			t.Logf("par %d %d rows asked, %d read: %v, %v a row", par, n, c.Rows, d, d/time.Duration(n))
		}
	}
	start := time.Now()
	res, err := Tables(ctx, source, target, Options{})
	must(t, err)
	d := time.Since(start)
	t.Logf("full: %d rows %d bytes %v, %.0f MB/s", res.Rows, res.Bytes, d, float64(res.Bytes)/d.Seconds()/1e6)
}

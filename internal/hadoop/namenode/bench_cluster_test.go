//go:build cluster

package namenode_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"drover/internal/hadoop/namenode"
)

// BenchmarkCalls measures calls over one connection with so many under way at
// once, and over several. cpu-us/op is what this process spends on a call.
func BenchmarkCalls(b *testing.B) {
	c := onCluster(b)
	c.empty(c.file)
	wide := c.dir + "/wide"
	fill(b, c, wide)
	entries := func(c *namenode.Client, _ int64) error {
		return c.List(b.Context(), wide, func([]namenode.Status) error { return nil })
	}
	for _, call := range []struct {
		name string
		run  func(c *namenode.Client, n int64) error
	}{
		{"stat", func(n *namenode.Client, _ int64) error { _, err := n.Stat(b.Context(), c.file); return err }},
		{"blocks", func(n *namenode.Client, _ int64) error { _, err := n.Blocks(b.Context(), c.file); return err }},
		{"create", func(n *namenode.Client, i int64) error {
			_, err := n.Create(b.Context(), fmt.Sprintf("%s/%d-%s", c.dir, i, n.Name()), namenode.CreateOptions{BlockSize: 1 << 20, Replication: 1})
			return err
		}},
		{"settimes", func(n *namenode.Client, i int64) error { return n.SetTimes(b.Context(), c.file, i, -1) }},
		{"list-4000", entries},
	} {
		for _, shape := range [][2]int{{1, 1}, {1, 8}, {1, 64}, {4, 64}} {
			b.Run(fmt.Sprintf("%s/conns=%d/calls=%d", call.name, shape[0], shape[1]), func(b *testing.B) {
				measure(b, c, shape[0], shape[1], call.run)
			})
		}
	}
}

// fill makes a directory of 4,000 empty directories.
func fill(b *testing.B, c cluster, dir string) {
	b.Helper()
	var under sync.WaitGroup
	for part := range 16 {
		under.Go(func() {
			for i := range 250 {
				if err := c.Mkdirs(b.Context(), fmt.Sprintf("%s/entry-%d-%d", dir, part, i), 0o755, true); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	under.Wait()
}

func measure(b *testing.B, c cluster, conns, calls int, run func(*namenode.Client, int64) error) {
	clients := make([]*namenode.Client, conns)
	for i := range clients {
		n, err := namenode.Open(namenode.Config{Addresses: []string{c.addr}, User: c.user})
		if err != nil {
			b.Fatal(err)
		}
		defer n.Close() //nolint:errcheck // the last call came back
		if _, err := n.Stat(b.Context(), c.dir); err != nil {
			b.Fatal(err)
		}
		clients[i] = n
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	before := spent(b)
	b.ResetTimer()
	for w := range calls {
		workers.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := run(clients[w%conns], n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64((spent(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// spent is the CPU time of this process so far.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

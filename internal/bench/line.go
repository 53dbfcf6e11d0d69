// Package bench measures Drover's engines against the tools people use instead,
// on the same data, on one machine, in one run. Both sides run as processes of
// their own, so that CPU and memory are the operating system's account of the
// whole client, start-up included.
package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Line is one figure: the medians of ours and the peer's over all rounds.
type Line struct {
	Bench  string  `json:"bench"`
	Tool   string  `json:"tool"`   // the peer
	Metric string  `json:"metric"` // with its unit
	Ours   float64 `json:"ours"`
	Peer   float64 `json:"peer"`
	Ratio  float64 `json:"ratio"` // ours / peer
	Runs   int     `json:"runs"`  // rounds the medians are over
}

// Metrics of Line.
const (
	WallSeconds    = "wall_s"
	CPUSeconds     = "cpu_s"
	MemoryMB       = "rss_mb"     // largest resident size, 10^6 bytes
	WallNetSeconds = "wall_net_s" // less the time of an empty run of the same program
)

// Emit writes one line of JSON.
func Emit(w io.Writer, l Line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("emit %s %s: %w", l.Bench, l.Metric, err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("emit %s %s: %w", l.Bench, l.Metric, err)
	}
	return nil
}

// Cost is what one run of a client took.
type Cost struct {
	Wall time.Duration
	CPU  time.Duration // user and system
	RSS  int64         // bytes
}

// Pairs are the costs of both sides, a round each at the same index, and those
// of a run with next to nothing to do.
type Pairs struct {
	Ours, Peer           []Cost
	OursEmpty, PeerEmpty Cost
}

// EmitPairs writes a line for each metric.
func EmitPairs(w io.Writer, bench, tool string, p Pairs) error {
	metrics := []struct {
		name string
		of   func(c, empty Cost) float64
	}{
		{WallSeconds, func(c, _ Cost) float64 { return c.Wall.Seconds() }},
		{CPUSeconds, func(c, _ Cost) float64 { return c.CPU.Seconds() }},
		{MemoryMB, func(c, _ Cost) float64 { return float64(c.RSS) / 1e6 }},
		{WallNetSeconds, func(c, empty Cost) float64 { return (c.Wall - empty.Wall).Seconds() }},
	}
	for _, m := range metrics {
		ours := median(p.Ours, func(c Cost) float64 { return m.of(c, p.OursEmpty) })
		peer := median(p.Peer, func(c Cost) float64 { return m.of(c, p.PeerEmpty) })
		l := Line{Bench: bench, Tool: tool, Metric: m.name, Ours: round(ours), Peer: round(peer), Ratio: round(ours / peer), Runs: len(p.Ours)}
		if err := Emit(w, l); err != nil {
			return err
		}
	}
	return nil
}

// typical is the cost whose wall time is the median.
func typical(costs []Cost) Cost {
	sorted := slices.SortedFunc(slices.Values(costs), func(a, b Cost) int { return cmp.Compare(a.Wall, b.Wall) })
	return sorted[len(sorted)/2]
}

// String is the cost in words, for people.
func (c Cost) String() string {
	return fmt.Sprintf("%.2f s wall, %.2f s CPU, %.0f MB", c.Wall.Seconds(), c.CPU.Seconds(), float64(c.RSS)/1e6)
}

// median of an even number of values is the mean of the middle two.
func median(costs []Cost, of func(Cost) float64) float64 {
	if len(costs) == 0 {
		return math.NaN()
	}
	v := make([]float64, len(costs))
	for i, c := range costs {
		v[i] = of(c)
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func round(f float64) float64 { return math.Round(f*1000) / 1000 }

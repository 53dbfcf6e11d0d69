// Package bench measures Drover's engines against the tools people use instead,
// on the same data, on one machine, in one run. Both sides run as processes of
// their own, so that CPU and memory are the operating system's account of the
// whole client, start-up included.
package bench

import (
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
	// Servers is the CPU of the HDFS daemons meanwhile, Calls how many calls
	// their NameNodes answered; 0 where nobody looked.
	Servers time.Duration
	Calls   int64
}

// Pairs are the costs of both sides, a round each at the same index, and those
// of runs with next to nothing to do: one for each round, as near to it in time
// as can be, or one for all.
type Pairs struct {
	Ours, Peer           []Cost
	OursEmpty, PeerEmpty []Cost
}

// net returns the runs with the wall times of the empty runs taken off.
func net(runs, empty []Cost) []Cost {
	out := slices.Clone(runs)
	for i := range out {
		out[i].Wall -= empty[min(i, len(empty)-1)].Wall
	}
	return out
}

// EmitPairs writes a line for each metric.
func EmitPairs(w io.Writer, bench, tool string, p Pairs) error {
	wall := func(c Cost) float64 { return c.Wall.Seconds() }
	metrics := []struct {
		name       string
		of         func(c Cost) float64
		ours, peer []Cost
	}{
		{WallSeconds, wall, p.Ours, p.Peer},
		{CPUSeconds, func(c Cost) float64 { return c.CPU.Seconds() }, p.Ours, p.Peer},
		{MemoryMB, func(c Cost) float64 { return float64(c.RSS) / 1e6 }, p.Ours, p.Peer},
		{WallNetSeconds, wall, net(p.Ours, p.OursEmpty), net(p.Peer, p.PeerEmpty)},
	}
	for _, m := range metrics {
		ours, peer := median(m.ours, m.of), median(m.peer, m.of)
		l := Line{Bench: bench, Tool: tool, Metric: m.name, Ours: round(ours), Peer: round(peer), Ratio: round(ours / peer), Runs: len(p.Ours)}
		if err := Emit(w, l); err != nil {
			return err
		}
	}
	return nil
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

// Package heaptest tells tests how much memory something takes.
package heaptest

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// often is how long lies between two looks at the heap. A look costs
// microseconds and does not stop the program, as runtime.ReadMemStats does.
const often = time.Millisecond

// Peak runs fn and gives the most heap in use meanwhile, garbage included, in
// bytes above what was in use before: what the process has to have room for. A
// peak shorter than a millisecond may be missed.
func Peak(fn func()) int64 {
	runtime.GC()
	base := inUse()
	most := make(chan int64)
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(often)
		defer tick.Stop()
		var peak int64
		for {
			peak = max(peak, inUse()-base)
			select {
			case <-done:
				most <- max(peak, inUse()-base)
				return
			case <-tick.C:
			}
		}
	}()
	fn()
	close(done)
	return <-most
}

// inUse is MemStats.HeapInuse.
func inUse() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() + s[1].Value.Uint64())
}

package heaptest_test

import (
	"testing"

	"drover/internal/heaptest"
)

// block is what the test takes and lets go of.
var block []byte

func TestPeakIsSeenAlsoOfWhatIsLetGo(t *testing.T) {
	const size = 64 << 20
	got := heaptest.Peak(func() {
		block = make([]byte, size)
		for i := range block {
			block[i] = 1
		}
		block = nil
	})
	if got < size || got > size+size/4 {
		t.Errorf("peak of %d bytes, want about %d", got, size)
	}
	if got := heaptest.Peak(func() {}); got > size/4 {
		t.Errorf("peak of nothing: %d bytes", got)
	}
}

//go:build cluster

package copy_test

import (
	"testing"

	mirror "drover/internal/mirror/copy"
	"drover/internal/mirror/verify"
	"drover/internal/report"
	"drover/internal/sandbox/sandboxtest"
)

// TestNothingIsReadTwice: of a file that is copied and then compared the DataNode
// sends every block once; the comparison has it compute checksums from those it
// keeps, on both sides.
func TestNothingIsReadTwice(t *testing.T) {
	h := sandboxtest.OwnHDFS(t, nil)
	at, me := h.Addresses()[0], h.Superuser()
	w := &world{t: t, src: treeAt(t, at, me, "/source"), dst: treeAt(t, at, me, "/target")}
	const size, blocks = 3*mib + 700, 4
	e := w.put(w.src, "f", data(1, size))
	w.must(w.dst.NN.Mkdirs(t.Context(), w.dst.Root, 0o755, true))
	done, err := mirror.File(t.Context(), w.src, e, w.dst, everything())
	w.must(err)
	if done.Bytes != size || done.Checksum == "" {
		t.Fatalf("copied %+v, want all bytes and their checksum", done)
	}
	res, err := verify.Trees(t.Context(), w.src, w.dst, verify.Options{})
	w.must(err)
	if res.Verdict != report.Match || res.Proof.Checksum != 1 {
		t.Fatalf("compared: %+v, want a match by checksum", res)
	}
	// Those of one side's blocks are asked for by the copy, too.
	counted := h.AwaitDataNode("the checksums of all blocks were computed", func(counted map[string]float64) bool {
		return counted["BlockChecksumOpNumOps"] >= 3*blocks
	})
	// BytesRead holds the four bytes of each chunk's checksum, too.
	sent, most := counted["BytesRead"], float64(size+4*(size/512+blocks))
	t.Logf("%v bytes of %d sent, %v blocks read, %v checksums of blocks computed", sent, size, counted["BlocksRead"], counted["BlockChecksumOpNumOps"])
	if counted["BlocksRead"] != blocks || sent < size || sent > most {
		t.Errorf("%v bytes sent in %v reads of blocks, want %d to %v in %d", sent, counted["BlocksRead"], size, most, blocks)
	}
}

package datanode

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// pieces are sizes of buffers: smaller than a chunk, no whole number of chunks,
// more than a packet.
var pieces = []int{1, 100, 512, 700, 1024, 5000, 64 << 10}

// inPieces reads to the end or to an error and returns what was handed out.
func inPieces(r io.Reader, size int) ([]byte, error) {
	var got []byte
	for buf := make([]byte, size); ; {
		n, err := r.Read(buf)
		got = append(got, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
	}
}

// TestARottenReplicaIsNeverHandedOut: bytes whose CRC was wrong were given to the
// reader before another replica was asked.
func TestARottenReplicaIsNeverHandedOut(t *testing.T) {
	want := bytesOf(9000)
	for _, size := range pieces {
		for _, rot := range []int64{0, 511, 512, 3000, 4095, 4096, 8999} {
			for _, part := range [][2]int64{{0, 9000}, {0, 4000}, {700, 8300}, {2900, 200}} {
				first, second := &fake{t: t, data: want, rot: []int64{rot}}, &fake{t: t, data: want}
				c := network(map[string]*fake{"first": first, "second": second})
				r := c.NewReader(t.Context(), aBlock(9000), part[0], part[1])
				got, err := inPieces(r, size)
				r.Close()
				c.Close() //nolint:errcheck // idle connections only
				if err != nil || !bytes.Equal(got, want[part[0]:part[0]+part[1]]) {
					t.Fatalf("byte %d is rotten, %v in pieces of %d: %d bytes, %v", rot, part, size, len(got), err)
				}
				met := rot/ChunkSize >= part[0]/ChunkSize && rot/ChunkSize <= (part[0]+part[1]-1)/ChunkSize
				if (len(second.asked) == 1) != met {
					t.Errorf("byte %d is rotten, %v: the second replica was asked for %v", rot, part, second.asked)
				}
			}
		}
	}
}

func TestNoSoundReplicaIsAnError(t *testing.T) {
	want := bytesOf(9000)
	for _, size := range pieces {
		c := network(map[string]*fake{
			"first":  {t: t, data: want, rot: []int64{3000}},
			"second": {t: t, data: want, rot: []int64{5000}},
		})
		r := c.NewReader(t.Context(), aBlock(9000), 10, 8990)
		got, err := inPieces(r, size)
		if !bytes.HasPrefix(want[10:], got) || len(got) > 4864-10 {
			t.Errorf("pieces of %d: %d bytes handed out, want those before the chunk at 4608", size, len(got))
		}
		var all *ReplicasError
		if !errors.As(err, &all) || !errors.Is(err, ErrDamaged) {
			t.Fatalf("pieces of %d: got %v, want that no replica is left", size, err)
		}
		for _, part := range []string{"blk_7", "datanode first", "datanode second"} {
			if strings.Count(err.Error(), part) != 1 {
				t.Errorf("%q does not name %s once", err, part)
			}
		}
		if n, again := r.Read(make([]byte, size)); n != 0 || again == nil {
			t.Errorf("read on behind the error: %d bytes, %v", n, again)
		}
		r.Close()
		c.Close() //nolint:errcheck // idle connections only
	}
}

// TestAReplicaIsReadOnWhereTheOtherFailed: at the byte reached, and the DataNode
// that failed comes last for the blocks that follow.
func TestAReplicaIsReadOnWhereTheOtherFailed(t *testing.T) {
	want := bytesOf(100_000)
	first, second := &fake{t: t, data: want, ends: true}, &fake{t: t, data: want}
	c := network(map[string]*fake{"first": first, "second": second})
	defer c.Close() //nolint:errcheck // idle connections only
	for n := range 2 {
		r := c.NewReader(t.Context(), aBlock(100_000), 0, 100_000)
		got, err := inPieces(r, 700)
		r.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("read %d: %d bytes, %v", n, len(got), err)
		}
	}
	if len(first.asked) != 1 || len(second.asked) != 2 || second.asked[0] < 40_000 || second.asked[1] != 0 {
		t.Errorf("asked for %v and %v, want the rest from the second, and then all", first.asked, second.asked)
	}
}

// TestTheOnlyReplicaIsReadOn: its DataNode closes connections of readers that
// take their time.
func TestTheOnlyReplicaIsReadOn(t *testing.T) {
	want := bytesOf(100_000)
	only := &fake{t: t, data: want, ends: true}
	c := network(map[string]*fake{"only": only})
	b := aBlock(100_000)
	b.Nodes = []Node{{Addr: "only"}}
	got, err := inPieces(c.NewReader(t.Context(), b, 0, 100_000), 4096)
	if len(only.asked) < 3 || !slices.IsSorted(only.asked) || !bytes.HasPrefix(want, got) || len(got) < 90_000 {
		t.Errorf("asked for %v, %d bytes", only.asked, len(got))
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

func TestUnreachableReplicasAreNamed(t *testing.T) {
	c := network(nil)
	for name, b := range map[string]Block{"first": aBlock(10), ErrNoNode.Error(): {ID: []byte{16, 7}}} {
		_, err := inPieces(c.NewReader(t.Context(), b, 0, 10), 10)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "blk_7") {
			t.Errorf("got %v, want the block and %s named", err, name)
		}
		if wanted := map[bool]error{true: ErrNoNode, false: errNoFake}[len(b.Nodes) == 0]; !errors.Is(err, wanted) {
			t.Errorf("%v does not wrap its causes", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := inPieces(c.NewReader(ctx, aBlock(10), 0, 10), 10); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

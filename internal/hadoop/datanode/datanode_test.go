package datanode

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"drover/internal/hadoop/wire"
	"drover/internal/storage"
)

// aBlock is a block on two nodes; only the first is ever called.
func aBlock(size int) Block {
	return Block{ID: []byte{16, 7}, Size: int64(size), Nodes: []Node{{Addr: "first"}, {Addr: "second"}}}
}

func bytesOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*i + i>>8)
	}
	return b
}

func TestReadGivesTheBytesAskedFor(t *testing.T) {
	f := &fake{t: t, data: bytesOf(5000)}
	c := f.client()
	defer c.Close() //nolint:errcheck // idle connections only
	for _, tt := range [][2]int{{0, 5000}, {0, 1}, {1, 1}, {511, 2}, {512, 512}, {700, 4300}, {4999, 1}, {0, 512}} {
		in, err := c.Read(t.Context(), aBlock(5000), int64(tt[0]), int64(tt[1]))
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		err = in.Data(func(p []byte) error { got = append(got, p...); return nil })
		in.Close()
		if err != nil || !bytes.Equal(got, f.data[tt[0]:tt[0]+tt[1]]) {
			t.Errorf("%v: %d bytes, %v", tt, len(got), err)
		}
	}
	if f.conns != 1 {
		t.Errorf("%d connections for reads one after the other, want 1", f.conns)
	}
}

func TestIdleConnectionThatWasClosedIsReplaced(t *testing.T) {
	f := &fake{t: t, data: bytesOf(100), drop: true}
	c := f.client()
	defer c.Close() //nolint:errcheck // idle connections only
	for i := range 3 {
		in, err := c.Read(t.Context(), aBlock(100), 0, 100)
		if err != nil {
			t.Fatalf("read %d: %v", i, err)
		}
		if err := in.Data(func([]byte) error { return nil }); err != nil {
			t.Errorf("read %d: %v", i, err)
		}
		in.Close()
	}
	if f.requests != 3 {
		t.Errorf("%d requests, want 3", f.requests)
	}
}

func TestDamagedDataIsRefused(t *testing.T) {
	f := &fake{t: t, data: bytesOf(2000), damage: true}
	in, err := f.client().Read(t.Context(), aBlock(2000), 0, 2000)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := in.Data(func([]byte) error { return nil }); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}

// TestARottenReplicaIsTheSourcesFault: the DataNodes that refused it were named
// for it, and left out of all writes for ten minutes.
func TestARottenReplicaIsTheSourcesFault(t *testing.T) {
	for name, to := range map[string]*fake{"refused": {checks: true}, "the first of two goes": {checks: true, goes: true}} {
		for _, size := range []int{100, 5 << 20} {
			from := &fake{t: t, data: bytesOf(size), damage: true}
			to := &fake{t: t, checks: to.checks, goes: to.goes}
			at := aBlock(size)
			_, err := Relay(t.Context(), from.client(), at, to.client(), aBlock(0), func(int) error { return nil })
			var broken *PipelineError
			var damaged *DamagedError
			if errors.As(err, &broken) || !errors.As(err, &damaged) || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "blk_7 at source datanode first") {
				t.Errorf("%s, %d bytes: got %v, want the source's replica named", name, size, err)
			}
			if !at.Pass(err) || at.Nodes[0].Addr != "second" || at.Nodes[1].Addr != "first" {
				t.Errorf("%s, %d bytes: then asked in the order %v, want the other first", name, size, at.Nodes)
			}
		}
	}
	one := Block{Nodes: []Node{{Addr: "first"}}}
	if one.Pass(&DamagedError{Node: one.Nodes[0]}) {
		t.Error("a block of one replica has another to try")
	}
}

func TestRelayKeepsBytesAndChecksum(t *testing.T) {
	for _, size := range []int{1, 512, 513, 100_000, 3 << 20} {
		from, to := &fake{t: t, data: bytesOf(size)}, &fake{t: t}
		var moved int
		sum, err := Relay(t.Context(), from.client(), aBlock(size), to.client(), aBlock(0), func(n int) error { moved += n; return nil })
		if err != nil || moved != size || !bytes.Equal(to.data, from.data) || !bytes.Equal(sum, to.sum()) {
			t.Errorf("%d bytes: %d moved, %d there, %v", size, moved, len(to.data), err)
		}
		want := storage.NewSummer(0)
		want.Write(from.data) //nolint:errcheck // never fails
		if got := FileSum([][]byte{sum}); got != want.Checksum().Sum {
			t.Errorf("%d bytes: checksum %s, want %s", size, got, want.Checksum().Sum)
		}
	}
}

func TestRelayThatIsGivenUpEnds(t *testing.T) {
	from, to := &fake{t: t, data: bytesOf(3 << 20)}, &fake{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Relay(ctx, from.client(), aBlock(3<<20), to.client(), aBlock(0), func(int) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	enough := errors.New("enough")
	_, err = Relay(t.Context(), from.client(), aBlock(3<<20), to.client(), aBlock(0), func(int) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("got %v, want the caller's error", err)
	}
}

func TestWriterContinuesAPartialChunk(t *testing.T) {
	for _, there := range []int{0, 1, 511, 512, 700, 65536 + 3} {
		f := &fake{t: t, data: bytesOf(there)}
		w, err := f.client().NewWriter(t.Context(), aBlock(there), WriteOptions{Append: there > 0})
		if err != nil {
			t.Fatal(err)
		}
		more := bytesOf(200_000)
		for _, p := range [][]byte{more[:1], more[1:700], more[700:]} {
			if n, err := w.Write(p); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := w.Close(); err != nil || w.Size() != int64(there+len(more)) || !bytes.Equal(f.data[there:], more) {
			t.Errorf("behind %d bytes: %v, size %d", there, err, w.Size())
		}
		if there == 0 && !bytes.Equal(w.Sum(), f.sum()) {
			t.Errorf("sum %x, want %x", w.Sum(), f.sum())
		}
	}
}

// TestAWriterMayTakeItsTime holds a block open until the DataNode has been told
// several times that somebody is still there.
func TestAWriterMayTakeItsTime(t *testing.T) {
	f := &fake{t: t, beats: make(chan struct{})}
	w, err := f.client().NewWriter(t.Context(), aBlock(0), WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.keepAlive(time.Millisecond)
	want := bytesOf(100_000)
	for _, p := range [][]byte{want[:70_000], want[70_000:]} {
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			<-f.beats
		}
	}
	go func() {
		for range f.beats { //nolint:revive // those on their way
		}
	}()
	if err := w.Close(); err != nil || !bytes.Equal(f.data, want) {
		t.Errorf("%v, %d bytes arrived", err, len(f.data))
	}
	close(f.beats)
}

func TestFailedNodeIsNamed(t *testing.T) {
	for _, size := range []int{100, 5 << 20} {
		from, to := &fake{t: t, data: bytesOf(size)}, &fake{t: t, status: 1}
		_, err := Relay(t.Context(), from.client(), aBlock(size), to.client(), aBlock(0), func(int) error { return nil })
		var broken *PipelineError
		if !errors.As(err, &broken) || broken.Bad.Addr != "second" || broken.Block != "block blk_7" {
			t.Errorf("%d bytes: got %v, want the second node named", size, err)
		}
	}
}

// TestTheNodeThatCannotBeReachedIsNamed and not the one in front of it, which
// was blamed: the NameNode was then asked to leave out one good node after the
// other, and never the dead one.
func TestTheNodeThatCannotBeReachedIsNamed(t *testing.T) {
	id := wire.Message(nil).Str(1, "10.0.0.2").Str(2, "second.example").Str(3, "uuid").Uint(4, 9866)
	b := aBlock(0)
	b.Nodes[1].Raw = wire.Message(nil).Raw(1, id)
	for badLink, want := range map[string]string{"10.0.0.2:9866": "second", "second": "second", "10.0.0.3:9866": "first"} {
		_, err := (&fake{t: t, badLink: badLink}).client().Write(t.Context(), b, WriteOptions{})
		var broken *PipelineError
		if !errors.As(err, &broken) || broken.Bad.Addr != want || !strings.Contains(err.Error(), "because of datanode "+badLink) {
			t.Errorf("the first node says it is %s: got %v, want %s left out", badLink, err, want)
		}
	}
}

func TestNoNode(t *testing.T) {
	c := New(Config{})
	if _, err := c.Read(t.Context(), Block{}, 0, 1); !errors.Is(err, ErrNoNode) {
		t.Errorf("read: %v", err)
	}
	if _, err := c.Write(t.Context(), Block{}, WriteOptions{}); !errors.Is(err, ErrNoNode) {
		t.Errorf("write: %v", err)
	}
	if _, err := c.Checksum(t.Context(), Block{}, 1, false); !errors.Is(err, ErrNoNode) {
		t.Errorf("checksum: %v", err)
	}
}

func FuzzScanner(f *testing.F) {
	f.Add(header{data: 3}.append(nil, 7), 2)
	f.Add([]byte{0, 0, 0, 4, 0, 0}, 1)
	f.Fuzz(func(t *testing.T, stream []byte, step int) {
		var s scanner
		r := bytes.NewReader(stream)
		buf := make([]byte, max(1, min(step, 1000)))
		for {
			n, err := r.Read(buf)
			if errors.Is(err, io.EOF) || s.scan(buf[:n]) != nil {
				break
			}
		}
		if s.data < 0 || s.sums < 0 || s.rest < 0 {
			t.Errorf("%+v", s)
		}
	})
}

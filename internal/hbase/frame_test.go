package hbase

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// answering is a Conn whose server answers each call with what answer makes of
// its id.
func answering(t *testing.T, answer func(id uint32) []byte) *Conn {
	t.Helper()
	near, far := net.Pipe()
	c := &Conn{addr: "server:1", service: ClientService, nc: near, pending: map[uint32]*call{}, done: make(chan struct{})}
	go c.readLoop()
	var served sync.WaitGroup
	served.Go(func() {
		r := bufio.NewReader(far)
		for {
			var size [4]byte
			if _, err := io.ReadFull(r, size[:]); err != nil {
				return
			}
			body := make([]byte, binary.BigEndian.Uint32(size[:]))
			if _, err := io.ReadFull(r, body); err != nil {
				return
			}
			var h hbasepb.RequestHeader
			if err := protodelim.UnmarshalFrom(bufio.NewReader(bytes.NewReader(body)), &h); err != nil {
				t.Error(err)
				return
			}
			if _, err := far.Write(answer(h.GetCallId())); err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), far.Close()); err != nil {
			t.Error(err)
		}
		served.Wait()
	})
	return c
}

// answerOf is the frame that answers a call with cells.
func answerOf(t *testing.T, id uint32, message, cells []byte) []byte {
	t.Helper()
	h := &hbasepb.ResponseHeader{CallId: proto.Uint32(id), CellBlockMeta: &hbasepb.CellBlockMeta{Length: proto.Uint32(uint32(len(cells)))}}
	buf := bytes.NewBuffer(make([]byte, 4))
	if _, err := protodelim.MarshalTo(buf, h); err != nil {
		t.Fatal(err)
	}
	buf.Write(binary.AppendUvarint(nil, uint64(len(message))))
	buf.Write(message)
	buf.Write(cells)
	binary.BigEndian.PutUint32(buf.Bytes(), uint32(buf.Len()-4))
	return buf.Bytes()
}

// TestRecycledCellsAreNotMixedUp has callers side by side who look at their
// cells until they give them back.
func TestRecycledCellsAreNotMixedUp(t *testing.T) {
	cellsOf := func(id uint32) []byte { return bytes.Repeat([]byte{byte(id)}, int(id%40)*10_000) }
	c := answering(t, func(id uint32) []byte { return answerOf(t, id, nil, cellsOf(id)) })
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 50 {
				cells, err := c.Call(t.Context(), "Scan", &hbasepb.ScanRequest{}, &hbasepb.ScanResponse{})
				if err != nil {
					t.Error(err)
					return
				}
				if len(cells) > 0 && (!bytes.Equal(cells, bytes.Repeat(cells[:1], len(cells))) || len(cells)%10_000 != 0) {
					t.Errorf("%d cells of more than one answer", len(cells))
				}
				c.Recycle(cells)
			}
		})
	}
	callers.Wait()
}

func TestAnswerThatCannotBeReadFailsItsCallOnly(t *testing.T) {
	c := answering(t, func(id uint32) []byte {
		if id == 1 {
			return answerOf(t, id, []byte{0xff}, []byte("cells"))
		}
		return answerOf(t, id, nil, []byte("cells"))
	})
	_, err := c.Call(t.Context(), "Scan", &hbasepb.ScanRequest{}, &hbasepb.ScanResponse{})
	var broken *ConnError
	if !errors.As(err, &broken) || !strings.Contains(err.Error(), "read answer") {
		t.Errorf("got %v, want a *ConnError that tells of the answer", err)
	}
	cells, err := c.Call(t.Context(), "Scan", &hbasepb.ScanRequest{}, &hbasepb.ScanResponse{})
	if string(cells) != "cells" || err != nil {
		t.Errorf("the next call got %q, %v", cells, err)
	}
}

func TestAnswerNobodyWaitsForIsDropped(t *testing.T) {
	c := answering(t, func(id uint32) []byte {
		return append(answerOf(t, 99, nil, make([]byte, 100_000)), answerOf(t, id, nil, []byte("cells"))...)
	})
	for range 3 {
		cells, err := c.Call(t.Context(), "Scan", &hbasepb.ScanRequest{}, &hbasepb.ScanResponse{})
		if string(cells) != "cells" || err != nil {
			t.Fatalf("got %q, %v", cells, err)
		}
	}
}

func TestFrameThatIsNoneBreaksTheConnection(t *testing.T) {
	for name, frame := range map[string][]byte{
		"over the limit":                    {0xff, 0xff, 0xff, 0xff},
		"header longer than the frame":      {0, 0, 0, 2, 9, 0},
		"length of the header without end":  {0, 0, 0, 1, 0x80},
		"answer cut off by the end of it":   {0, 0, 0, 3, 2, 8, 1},
		"no header where one must be given": {0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := answering(t, func(uint32) []byte { return frame })
			_, err := c.Call(t.Context(), "Scan", &hbasepb.ScanRequest{}, &hbasepb.ScanResponse{})
			if err == nil {
				t.Fatal("the call succeeded")
			}
		})
	}
}

//go:build cluster

package activities_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"drover/internal/hadoop/wire"
)

// call is one that changes something, as it went to a NameNode.
type call struct {
	site, method, path string
	// request tells a call from one that is repeated until the DataNodes have
	// reported a block.
	request string
}

// wiretap stands between a client and a NameNode, and shows every call that
// changes something to the watch.
type wiretap struct {
	site, nameNode string
	listener       net.Listener
	watch          *watch
	// meets, when not nil, is told of every call, also of those that only read,
	// and says whether it is let through.
	meets func(c call) bool
}

// watch sees the calls of all wiretaps of a round. At the n-th it kills: before
// the call is let through, or when it is answered, before the client hears it.
type watch struct {
	mu     sync.Mutex
	calls  []call // let through, each once
	at     int    // 1 is the first; 0 never
	after  bool
	kill   func()
	killed *call
}

// begin watches one process.
func (w *watch) begin(at int, after bool, kill func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls, w.at, w.after, w.kill, w.killed = nil, at, after, kill, nil
}

// seen returns the calls that were let through, and the one at which the
// process was killed.
func (w *watch) seen() ([]call, *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls, w.killed
}

// asked reports whether a call is let through, and whether its answer is not.
func (w *watch) asked(c call) (pass, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.killed != nil {
		return false, false
	}
	// How often a call is repeated until the DataNodes have reported differs
	// from run to run; the places must not.
	if slices.Contains(w.calls, c) {
		return true, false
	}
	if len(w.calls)+1 == w.at && !w.after {
		w.killed = &c
		w.kill()
		return false, false
	}
	w.calls = append(w.calls, c)
	return true, len(w.calls) == w.at
}

// answered kills at the answer to the last call.
func (w *watch) answered(c call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.killed = &c
	w.kill()
}

func tap(t *testing.T, site, nameNode string, w *watch) *wiretap {
	t.Helper()
	return tapped(t, &wiretap{site: site, nameNode: nameNode, watch: w})
}

func tapped(t *testing.T, p *wiretap) *wiretap {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.listener = l
	t.Cleanup(func() { l.Close() }) //nolint:errcheck // nobody calls any more
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

func (p *wiretap) addr() string { return p.listener.Addr().String() }

// serve relays one connection until either side ends it.
func (p *wiretap) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // relayed to its end
	server, err := net.Dial("tcp", p.nameNode)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // relayed to its end
	if _, err := io.CopyN(server, client, 7); err != nil {
		return
	}
	var mu sync.Mutex
	last := map[int32]call{} // whose answers are not let through, by call id
	go func() {
		defer client.Close() //nolint:errcheck // ends the other direction
		for {
			frame, err := readFrame(server)
			if err != nil {
				return
			}
			mu.Lock()
			c, kills := last[callID(frame, 1, func(v uint64) int32 { return int32(v) })]
			mu.Unlock()
			if kills {
				p.watch.answered(c)
				return
			}
			if _, err := client.Write(frame); err != nil {
				return
			}
		}
	}()
	for {
		frame, err := readFrame(client)
		if err != nil {
			return
		}
		c, changes := p.parse(frame)
		if p.meets != nil && !p.meets(c) {
			return
		}
		if changes {
			pass, kills := p.watch.asked(c)
			if !pass {
				return
			}
			if kills {
				mu.Lock()
				last[callID(frame, 3, func(v uint64) int32 { return int32(wire.Sint(v)) })] = c
				mu.Unlock()
			}
		}
		if _, err := server.Write(frame); err != nil {
			return
		}
	}
}

// readFrame reads a frame with its length.
func readFrame(r io.Reader) ([]byte, error) {
	size := make([]byte, 4)
	if _, err := io.ReadFull(r, size); err != nil {
		return nil, err
	}
	frame := make([]byte, 4+binary.BigEndian.Uint32(size))
	copy(frame, size)
	_, err := io.ReadFull(r, frame[4:])
	return frame, err
}

// callID reads the field of a frame's header that holds the call's id.
func callID(frame []byte, field wire.Number, convert func(uint64) int32) int32 {
	id := int32(-1)
	head, _, err := wire.CutDelimited(frame[4:])
	if err == nil {
		err = wire.Fields(head, func(n wire.Number, v uint64, _ []byte) error {
			if n == field {
				id = convert(v)
			}
			return nil
		})
	}
	if err != nil {
		return -1
	}
	return id
}

// parse says which call a request is, and whether it changes something.
func (p *wiretap) parse(frame []byte) (c call, changes bool) {
	if callID(frame, 3, func(v uint64) int32 { return int32(wire.Sint(v)) }) < 0 {
		return c, false // the connection's context
	}
	c.site = p.site
	_, rest, errHead := wire.CutDelimited(frame[4:])
	about, rest, errAbout := wire.CutDelimited(rest)
	body, _, errBody := wire.CutDelimited(rest)
	first := func(into *string) func(wire.Number, uint64, []byte) error {
		return func(n wire.Number, _ uint64, raw []byte) error {
			if n == 1 {
				*into = string(raw)
			}
			return nil
		}
	}
	c.request = string(body)
	err := errors.Join(errHead, errAbout, errBody, wire.Fields(about, first(&c.method)), wire.Fields(body, first(&c.path)))
	for _, reading := range []string{"get", "list", "is", "renewLease", "setSafeMode"} { // the last one only asks
		if err != nil || strings.HasPrefix(c.method, reading) {
			return c, false
		}
	}
	return c, true
}

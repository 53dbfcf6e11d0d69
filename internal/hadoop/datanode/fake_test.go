package datanode

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // the algorithm HDFS defines for checksums
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"sync"
	"testing"

	"drover/internal/hadoop/wire"
)

// fake is a DataNode that keeps one block in memory. It speaks the protocol and
// checks what it is sent as a DataNode does.
type fake struct {
	t        *testing.T
	mu       sync.Mutex
	data     []byte
	sums     []byte // CRCs received
	conns    int
	requests int
	// damage changes a byte of each packet it sends; status refuses packets.
	damage bool
	status uint64
	// rot are bytes of the block that are not what they were written as; ends
	// makes it go in the middle of what it sends.
	rot  []int64
	ends bool
	// asked are the offsets it was asked for.
	asked []int64
	// checks refuses what does not match its CRCs as the last DataNode of a
	// pipeline does; with goes as the first of two does then, without a word.
	checks, goes bool
	// badLink names another node that keeps it from taking a block.
	badLink string
	// beats gets a value for each packet that only says the writer is alive.
	beats chan struct{}
	// drop ends each connection after its first request.
	drop bool
}

func (f *fake) client() *Client { return network(map[string]*fake{"": f}) }

// network returns a client that finds each fake at its address, or at every
// address the one that has none; where it finds none it cannot connect.
func network(fakes map[string]*fake) *Client {
	at := map[string]string{}
	for addr, f := range fakes {
		at[addr] = f.listen()
	}
	return New(Config{Name: "test", Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		to, ok := at[addr]
		if !ok {
			to, ok = at[""]
		}
		if !ok {
			return nil, errNoFake
		}
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}})
}

var errNoFake = errors.New("nobody listens")

// listen serves at an address, which it returns.
func (f *fake) listen() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { l.Close() }) //nolint:errcheck // only listens
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns++
			f.mu.Unlock()
			go f.serve(c)
		}
	}()
	return l.Addr().String()
}

func (f *fake) serve(c net.Conn) {
	defer c.Close() //nolint:errcheck // the end of it
	r := bufio.NewReader(c)
	for {
		var head [3]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		req, err := wire.ReadDelimited(r)
		if err != nil || head[1] != version {
			f.t.Errorf("request of version %d: %v", head[1], err)
			return
		}
		f.mu.Lock()
		f.requests++
		f.mu.Unlock()
		switch head[2] {
		case opRead:
			f.read(c, r, req)
		case opWrite:
			f.write(c, r, req)
			return
		}
		if f.drop {
			return
		}
	}
}

func (f *fake) read(c net.Conn, r *bufio.Reader, req []byte) {
	var offset, length int64
	//nolint:errcheck // what a client of ours sends
	wire.Fields(req, func(n wire.Number, v uint64, _ []byte) error {
		switch n {
		case 2:
			offset = int64(v)
		case 3:
			length = int64(v)
		}
		return nil
	})
	from := offset / ChunkSize * ChunkSize
	to := min(int64(len(f.data)), (offset+length+ChunkSize-1)/ChunkSize*ChunkSize)
	sum := wire.Message(nil).Raw(1, standardChecksum()).Uint(2, uint64(from))
	out := wire.AppendDelimited(nil, wire.Message(nil).Uint(1, 0).Raw(4, sum))
	rest := bytes.Clone(f.data[from:to])
	var seqno int64
	for at := from; len(rest) > 0; seqno++ {
		p := rest[:min(len(rest), 3*ChunkSize)]
		rest = rest[len(p):]
		crcs := crcsOf(p)
		if f.damage {
			p[0] ^= 1
		}
		for _, rot := range f.rot {
			if i := rot - at; i >= 0 && i < int64(len(p)) {
				p[i] ^= 1
			}
		}
		out = header{offset: at, seqno: seqno, data: len(p)}.append(out, len(crcs)+len(p))
		out = append(append(out, crcs...), p...)
		at += int64(len(p))
	}
	out = header{offset: to, seqno: seqno, last: true}.append(out, 0)
	f.mu.Lock()
	f.asked = append(f.asked, offset)
	f.mu.Unlock()
	if f.ends {
		c.Write(out[:len(out)/2]) //nolint:errcheck // the client notices
		c.Close()                 //nolint:errcheck // as a DataNode that died
		return
	}
	if _, err := c.Write(out); err != nil {
		return
	}
	wire.ReadDelimited(r) //nolint:errcheck // the client's word on how it went
}

func crcsOf(p []byte) (out []byte) {
	for len(p) > 0 {
		n := min(len(p), ChunkSize)
		out = binary.BigEndian.AppendUint32(out, crc32.Checksum(p[:n], crc32.MakeTable(crc32.Castagnoli)))
		p = p[n:]
	}
	return out
}

// write takes a block, or more of one, and holds its packets against their CRCs
// and the rules of BlockReceiver.
func (f *fake) write(c net.Conn, r *bufio.Reader, req []byte) {
	if f.badLink != "" {
		c.Write(wire.AppendDelimited(nil, wire.Message(nil).Uint(1, 1).Str(2, f.badLink))) //nolint:errcheck // the client notices
		return
	}
	c.Write(wire.AppendDelimited(nil, wire.Message(nil).Uint(1, 0))) //nolint:errcheck // the client notices
	s := scanner{}
	var sums, data []byte
	s.onSums = func(p []byte) { sums = append(sums, p...) }
	s.onData = func(p []byte) error { data = append(data, p...); return nil }
	one := make([]byte, 1)
	for packets, beats := int64(0), int64(0); !s.ended(); {
		if _, err := io.ReadFull(r, one); err != nil {
			return
		}
		if err := s.scan(one); err != nil {
			f.t.Error(err)
			return
		}
		if s.packets == packets || s.sums > 0 || s.rest > 0 {
			continue
		}
		packets = s.packets
		seqno := packets - 1 - beats
		if len(data) == 0 && !s.done {
			beats, seqno = beats+1, heartbeat
			f.beats <- struct{}{}
		}
		f.mu.Lock()
		if part := len(f.data) % ChunkSize; part > 0 && len(data) > ChunkSize-part {
			f.t.Errorf("packet of %d bytes behind a chunk of %d", len(data), part)
		}
		status := f.status
		switch wrong := !bytes.Equal(crcsOf(data), sums); {
		case wrong && f.goes:
			f.mu.Unlock()
			return
		case wrong && f.checks:
			status = 2
		case wrong:
			f.t.Errorf("CRCs do not match %d bytes", len(data))
		}
		f.data, f.sums = append(f.data, data...), append(f.sums, sums...)
		f.mu.Unlock()
		sums, data = nil, nil
		ack := wire.Message(nil).Sint(1, seqno).Uint(2, 0).Uint(2, status)
		if _, err := c.Write(wire.AppendDelimited(nil, ack)); err != nil {
			return
		}
	}
}

func (f *fake) sum() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := md5.Sum(f.sums) //nolint:gosec // see above
	return s[:]
}

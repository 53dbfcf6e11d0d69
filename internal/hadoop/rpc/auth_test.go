package rpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"drover/internal/hadoop/rpc"
	"drover/internal/hadoop/rpc/rpctest"
)

// secret is an authentication that changes every byte, as a wrapping one would.
type secret struct{ rpc.Simple }

func (secret) Preamble() byte { return 0xdf }

func (secret) Handshake(_ context.Context, conn net.Conn, addr string) (net.Conn, error) {
	if addr == "" {
		return nil, errors.New("no address")
	}
	return &flipped{conn}, nil
}

type flipped struct{ net.Conn }

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	flip(p[:n])
	return n, err
}

func (f *flipped) Write(p []byte) (int, error) {
	q := append([]byte(nil), p...)
	flip(q)
	return f.Conn.Write(q)
}

func flip(p []byte) {
	for i := range p {
		p[i] ^= 0xff
	}
}

func TestAuthenticationWrapsTheConnection(t *testing.T) {
	s := rpctest.Serve(t, echo)
	c := open(t, rpc.Config{
		Addresses: []string{s.Addr}, Protocol: "p", Auth: secret{"ada"},
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			// Between the two stands one who takes the wrapping off again.
			inner, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			near, far := net.Pipe()
			go unwrap(inner, far)
			return near, nil
		},
	})
	wantEcho(t, c, "x")
	if r := s.Requests()[0]; r.User != "ada" {
		t.Errorf("request %+v", r)
	}
}

func unwrap(inner, far net.Conn) {
	hello := make([]byte, 7)
	if _, err := io.ReadFull(far, hello); err != nil || hello[6] != 0xdf {
		far.Close() //nolint:errcheck // fails the call
		return
	}
	hello[6] = 0
	inner.Write(hello) //nolint:errcheck // fails the call
	clear := &flipped{far}
	go io.Copy(clear, inner) //nolint:errcheck // ends with the sockets
	io.Copy(inner, clear)    //nolint:errcheck // ends with the sockets
	inner.Close()            //nolint:errcheck // nothing else to do
}

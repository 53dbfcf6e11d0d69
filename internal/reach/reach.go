// Package reach tells which addresses this machine can connect to.
package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Port is an address and what dialling it gave.
type Port struct {
	Role string // what listens there, such as regionserver
	Addr string // "host:port"
	Err  error  // nil: it accepted a connection
}

// String says what was dialled and, when it did not answer, why.
func (p Port) String() string {
	if p.Err == nil {
		return fmt.Sprintf("%s (%s)", p.Addr, p.Role)
	}
	return fmt.Sprintf("%s (%s): %v", p.Addr, p.Role, bare(p.Err))
}

// bare takes off what net says a second time: operation and address.
func bare(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

const (
	// timeout is what a server in the same network never needs.
	timeout = 3 * time.Second
	// atOnce bounds the dials under way: a thousand servers behind a wall are
	// told within half a minute.
	atOnce = 128
)

// Dial connects to every port once, some at a time, each for at most three
// seconds, and returns them with what came of it. Nothing is sent.
func Dial(ctx context.Context, ports []Port) []Port {
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range ports {
		g.Go(func() error {
			d := net.Dialer{Timeout: timeout}
			conn, err := d.DialContext(ctx, "tcp", ports[i].Addr)
			if err == nil {
				err = conn.Close()
			}
			ports[i].Err = err
			return nil
		})
	}
	_ = g.Wait() // no dial returns an error: each port keeps its own
	return ports
}

// Closed returns the ports that did not answer.
func Closed(ports []Port) []Port {
	var closed []Port
	for _, p := range ports {
		if p.Err != nil {
			closed = append(closed, p)
		}
	}
	return closed
}

// shown is how many ports a sentence names.
const shown = 8

// List names ports in one line, the first eight if there are more.
func List(ports []Port) string {
	var names []string
	for _, p := range ports[:min(shown, len(ports))] {
		names = append(names, p.String())
	}
	list := strings.Join(names, "; ")
	if more := len(ports) - len(names); more > 0 {
		list += fmt.Sprintf("; and %d more", more)
	}
	return list
}

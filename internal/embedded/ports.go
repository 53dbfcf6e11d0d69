package embedded

import (
	"fmt"
	"net"
	"strconv"
)

// loopback is the only address used: the server knows no authentication.
const loopback = "127.0.0.1"

// choosePorts fills the zeros of forced: with the well-known port if it is
// free, else with one the operating system gives. A forced port that is taken
// is an error, as whoever forced it counts on it.
func choosePorts(forced Ports) (Ports, error) {
	chosen := forced
	all := []struct {
		name       string
		port       *int
		convention int
	}{
		{"gRPC", &chosen.GRPC, 7233},
		{"HTTP", &chosen.HTTP, 7243},
		{"UI", &chosen.UI, 8233},
	}
	// The listeners stay open until all are chosen, so that no port comes twice.
	for _, p := range all {
		l, err := listen(*p.port, p.convention)
		if err != nil {
			return Ports{}, fmt.Errorf("choose the %s port of the Temporal server: %w", p.name, err)
		}
		defer func() { _ = l.Close() }()
		*p.port = l.Addr().(*net.TCPAddr).Port
	}
	return chosen, nil
}

func listen(forced, convention int) (net.Listener, error) {
	at := func(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
	if forced != 0 {
		return net.Listen("tcp", at(forced))
	}
	if l, err := net.Listen("tcp", at(convention)); err == nil {
		return l, nil
	}
	return net.Listen("tcp", at(0))
}

package main

import (
	"fmt"
	"net"
	"strconv"
)

func hostPort(ip string, port int) string { return net.JoinHostPort(ip, strconv.Itoa(port)) }

// checkPorts fails when a port is taken and replaces an HTTP port of 0 with a
// free one. The server itself answers a taken port by killing the process
// from inside, with a stack trace for a message.
func (o *options) checkPorts() error {
	if o.HTTPPort == 0 {
		port, err := freePort(o.IP)
		if err != nil {
			return err
		}
		o.HTTPPort = port
	}
	wanted := []struct {
		flag string
		port int
	}{{"port", o.Port}, {"http-port", o.HTTPPort}}
	if !o.Headless {
		wanted = append(wanted, struct {
			flag string
			port int
		}{"ui-port", o.UIPort})
	}
	for _, w := range wanted {
		l, err := net.Listen("tcp", hostPort(o.IP, w.port))
		if err != nil {
			return fmt.Errorf("--%s: %w: choose another", w.flag, err)
		}
		if err := l.Close(); err != nil {
			return fmt.Errorf("--%s: probe: %w", w.flag, err)
		}
	}
	return nil
}

// freePort asks the operating system for a port nobody listens on. It may be
// taken by somebody else before it is used; the launcher then tries again.
func freePort(ip string) (int, error) {
	l, err := net.Listen("tcp", hostPort(ip, 0))
	if err != nil {
		return 0, fmt.Errorf("find a free port on %s: %w", ip, err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("find a free port on %s: %w", ip, err)
	}
	return port, nil
}

package hbase

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"drover/internal/hbase/hbasepb"
)

// ServerName names one start of one server, as HBase does.
type ServerName struct {
	Host      string
	Port      int
	StartCode uint64
}

// ParseServerName reads "host,port,startcode", the form of znodes and queues.
func ParseServerName(s string) (ServerName, error) {
	p := strings.Split(s, ",")
	if len(p) != 3 || p[0] == "" {
		return ServerName{}, fmt.Errorf("server name %q: not host,port,startcode", s)
	}
	port, err := strconv.ParseUint(p[1], 10, 16)
	if err != nil {
		return ServerName{}, fmt.Errorf("server name %q: port: %w", s, err)
	}
	code, err := strconv.ParseUint(p[2], 10, 64)
	if err != nil {
		return ServerName{}, fmt.Errorf("server name %q: start code: %w", s, err)
	}
	return ServerName{Host: p[0], Port: int(port), StartCode: code}, nil
}

func serverNameOf(p *hbasepb.ServerName) ServerName {
	return ServerName{Host: p.GetHostName(), Port: int(p.GetPort()), StartCode: p.GetStartCode()}
}

// String gives "host,port,startcode".
func (s ServerName) String() string {
	return fmt.Sprintf("%s,%d,%d", s.Host, s.Port, s.StartCode)
}

// Addr gives "host:port".
func (s ServerName) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

func (s ServerName) proto() *hbasepb.ServerName {
	port, code := uint32(s.Port), s.StartCode
	host := s.Host
	return &hbasepb.ServerName{HostName: &host, Port: &port, StartCode: &code}
}

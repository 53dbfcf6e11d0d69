package hbase

import (
	"context"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
)

// Port is one address that a peer's servers and the worker have to reach, and
// what dialling it from here gave.
type Port struct {
	Role string // zookeeper, master or regionserver
	Addr string // "host:port" as the server registered itself
	Err  error  // nil: it accepted a connection
}

// ServerPorts dials every ZooKeeper server, the active master and every live
// region server. It tells what this machine reaches; whether the other
// cluster's servers do cannot be seen from here. Servers that ZooKeeper cannot
// name make the error.
func (c *Cluster) ServerPorts(ctx context.Context) ([]Port, error) {
	servers, err := c.cfg.Servers()
	if err != nil {
		return nil, err
	}
	var ports []Port
	for _, s := range servers {
		ports = append(ports, Port{Role: "zookeeper", Addr: s})
	}
	master, err := c.Master(ctx)
	if err != nil {
		return probe(ctx, ports), err
	}
	ports = append(ports, Port{Role: "master", Addr: master.Addr()})
	live, err := c.LiveServers(ctx)
	for _, s := range live {
		ports = append(ports, Port{Role: "regionserver", Addr: s.Addr()})
	}
	return probe(ctx, ports), err
}

// probeTimeout is what a server in the same network never needs.
const probeTimeout = 3 * time.Second

func probe(ctx context.Context, ports []Port) []Port {
	var g errgroup.Group
	g.SetLimit(32)
	for i := range ports {
		g.Go(func() error {
			d := net.Dialer{Timeout: probeTimeout}
			conn, err := d.DialContext(ctx, "tcp", ports[i].Addr)
			if err == nil {
				err = conn.Close()
			}
			ports[i].Err = err
			return nil
		})
	}
	_ = g.Wait() // no probe returns an error: each keeps its own
	return ports
}

package hbase

import (
	"context"

	"drover/internal/reach"
)

// What ServerPorts dials, as Port.Role.
const (
	RoleZooKeeper    = "zookeeper"
	RoleMaster       = "master"
	RoleRegionServer = "regionserver"
)

// ServerPorts dials every ZooKeeper server, the active master and every live
// region server, as they registered themselves. It tells what this machine
// reaches; whether the other cluster's servers do cannot be seen from here.
// Servers that ZooKeeper cannot name make the error.
func (c *Cluster) ServerPorts(ctx context.Context) ([]reach.Port, error) {
	servers, err := c.cfg.Servers()
	if err != nil {
		return nil, err
	}
	var ports []reach.Port
	for _, s := range servers {
		ports = append(ports, reach.Port{Role: RoleZooKeeper, Addr: s})
	}
	master, err := c.Master(ctx)
	if err != nil {
		return reach.Dial(ctx, ports), err
	}
	ports = append(ports, reach.Port{Role: RoleMaster, Addr: master.Addr()})
	live, err := c.LiveServers(ctx)
	for _, s := range live {
		ports = append(ports, reach.Port{Role: RoleRegionServer, Addr: s.Addr()})
	}
	return reach.Dial(ctx, ports), err
}

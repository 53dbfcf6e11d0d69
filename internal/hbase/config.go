package hbase

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Config says where a cluster is.
type Config struct {
	// Quorum lists the ZooKeeper servers, "h1:2181,h2:2181". A server without
	// a port gets 2181.
	Quorum string
	// ZNodeParent is zookeeper.znode.parent; default "/hbase".
	ZNodeParent string
	// RootDir is hbase.rootdir, for example hdfs://namenode:8020/hbase.
	RootDir string
	// User is the effective user of all calls; default "hbase".
	User string
}

const (
	defaultParent = "/hbase"
	defaultUser   = "hbase"
	defaultZKPort = "2181"
)

func (c Config) withDefaults() Config {
	if c.ZNodeParent == "" {
		c.ZNodeParent = defaultParent
	}
	if c.User == "" {
		c.User = defaultUser
	}
	return c
}

// Servers splits the quorum into "host:port", in the order written.
func (c Config) Servers() ([]string, error) {
	var out []string
	for s := range strings.SplitSeq(c.Quorum, ",") {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		host, port, err := net.SplitHostPort(s)
		if err != nil {
			host, port = strings.Trim(s, "[]"), defaultZKPort
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil || host == "" {
			return nil, fmt.Errorf("quorum %q: %q is not host:port", c.Quorum, s)
		}
		out = append(out, net.JoinHostPort(host, port))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("quorum %q: no ZooKeeper server in it", c.Quorum)
	}
	return out, nil
}

// ClusterKey gives the key that a replication peer is added with:
// "h1,h2:2181:/hbase" when all servers share one port, else
// "h1:2181,h2:2182:2181:/hbase" (zookeeper.ZKConfig.transformClusterKey, which
// reads the last two parts as default port and parent).
func (c Config) ClusterKey() string {
	c = c.withDefaults()
	servers, err := c.Servers()
	if err != nil {
		return ""
	}
	hosts := make([]string, len(servers))
	samePort := true
	_, first, _ := net.SplitHostPort(servers[0])
	for i, s := range servers {
		host, port, _ := net.SplitHostPort(s)
		hosts[i] = host
		samePort = samePort && port == first
	}
	if !samePort {
		hosts = servers
	}
	return strings.Join(hosts, ",") + ":" + first + ":" + c.ZNodeParent
}

// validate refuses what HBase itself would refuse later and less clearly.
func (c Config) validate() error {
	if _, err := c.Servers(); err != nil {
		return err
	}
	if !strings.HasPrefix(c.ZNodeParent, "/") || strings.HasSuffix(c.ZNodeParent, "/") {
		return fmt.Errorf("znode parent %q: must begin with / and not end with it", c.ZNodeParent)
	}
	return nil
}

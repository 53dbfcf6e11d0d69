package hadoop

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

const (
	defaultZooKeeperPort = "2181"
	defaultZNodeParent   = "/hbase"
	defaultNameNodePort  = "8020"
)

// Quorum returns HBase's ZooKeeper servers as "h1:2181,h2:2181". Every entry of
// hbase.zookeeper.quorum may carry its own port; the others take
// hbase.zookeeper.property.clientPort. It is "" when no quorum is configured:
// Java's default, localhost, is never what an operator means.
func (s Site) Quorum() (string, error) {
	return NormalizeQuorum(strings.Join(s.List("hbase.zookeeper.quorum"), ","),
		s.GetOr("hbase.zookeeper.property.clientPort", defaultZooKeeperPort))
}

// NormalizeQuorum gives every host of a comma-separated list a port.
func NormalizeQuorum(quorum, port string) (string, error) {
	if port == "" {
		port = defaultZooKeeperPort
	}
	var servers []string
	for entry := range strings.SplitSeq(quorum, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		host, own := entry, port
		if h, p, err := net.SplitHostPort(entry); err == nil {
			host, own = h, p
		}
		if n, err := strconv.ParseUint(own, 10, 16); err != nil || n == 0 {
			return "", fmt.Errorf("zookeeper server %q: port %q is no port number", entry, own)
		}
		if host == "" || strings.ContainsAny(host, "/ \t") {
			return "", fmt.Errorf("zookeeper server %q: write host or host:port", entry)
		}
		servers = append(servers, net.JoinHostPort(strings.Trim(host, "[]"), own))
	}
	return strings.Join(servers, ","), nil
}

// ZNodeParent returns zookeeper.znode.parent, "/hbase" when it is not set.
func (s Site) ZNodeParent() string { return s.GetOr("zookeeper.znode.parent", defaultZNodeParent) }

// RootDir returns hbase.rootdir as a full URI: a path without a scheme belongs
// to fs.defaultFS, and hdfs:///path to the default NameNode. It is "" when no
// root directory is configured.
func (s Site) RootDir() (string, error) {
	root, ok := s.Get("hbase.rootdir")
	if !ok || root == "" {
		return "", nil
	}
	return s.Qualify(root)
}

// Qualify completes a path or URI with the scheme and authority of
// fs.defaultFS, as Hadoop's Path.makeQualified does.
func (s Site) Qualify(path string) (string, error) {
	u, err := url.Parse(path)
	if err != nil {
		return "", fmt.Errorf("path %q is no URI: %w", path, err)
	}
	if u.Scheme != "" && (u.Host != "" || u.Scheme == "file") {
		return strings.TrimRight(path, "/"), nil
	}
	base, ok := s.Get("fs.defaultFS")
	if !ok {
		return "", fmt.Errorf("path %q names no file system and fs.defaultFS is not set: give the core-site.xml or a full URI such as hdfs://namenode:8020%s", path, u.Path)
	}
	def, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("fs.defaultFS %q is no URI: %w", base, err)
	}
	if u.Scheme != "" && u.Scheme != def.Scheme {
		return "", fmt.Errorf("path %q has no address and fs.defaultFS is %s, not a %s file system: write the address", path, base, u.Scheme)
	}
	return strings.TrimRight(def.Scheme+"://"+def.Host+u.Path, "/"), nil
}

// NameNodes returns the RPC addresses, host:port, that serve an hdfs URI: all
// NameNodes of a nameservice in their configured order, or the one address in
// the URI with port 8020 when it has none. "" stands for fs.defaultFS.
func (s Site) NameNodes(uri string) ([]string, error) {
	if uri == "" {
		uri = s.GetOr("fs.defaultFS", "")
	}
	if uri == "" {
		return nil, errors.New("fs.defaultFS is not set: give the core-site.xml or a namenode address")
	}
	full, err := s.Qualify(uri)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(full)
	if err != nil {
		return nil, fmt.Errorf("file system %q is no URI: %w", full, err)
	}
	if u.Scheme != "hdfs" {
		return nil, fmt.Errorf("file system %s is not hdfs: its scheme is %q", full, u.Scheme)
	}
	for _, service := range append(s.List("dfs.nameservices"), s.List("dfs.internal.nameservices")...) {
		if service == u.Host {
			return s.nameservice(service)
		}
	}
	if u.Port() == "" {
		return []string{net.JoinHostPort(u.Hostname(), defaultNameNodePort)}, nil
	}
	return []string{u.Host}, nil
}

func (s Site) nameservice(service string) ([]string, error) {
	ids := s.List("dfs.ha.namenodes." + service)
	if len(ids) == 0 {
		if address := s.GetOr("dfs.namenode.rpc-address."+service, ""); address != "" {
			return []string{withPort(address)}, nil
		}
		return nil, fmt.Errorf("nameservice %s: neither dfs.ha.namenodes.%s nor dfs.namenode.rpc-address.%s is set: give the hdfs-site.xml", service, service, service)
	}
	var addresses []string
	for _, id := range ids {
		key := "dfs.namenode.rpc-address." + service + "." + id
		address := s.GetOr(key, "")
		if address == "" {
			return nil, fmt.Errorf("nameservice %s: %s is not set", service, key)
		}
		addresses = append(addresses, withPort(address))
	}
	return addresses, nil
}

func withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(address, defaultNameNodePort)
}

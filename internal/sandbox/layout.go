package sandbox

import (
	"fmt"
	"hash/fnv"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ZooKeeper names the one daemon that belongs to no cluster. The others are
// called "<site>/<role>", for example "a/master".
const ZooKeeper = "zookeeper"

// Roles of the daemons of one cluster.
const (
	RoleNameNode     = "namenode"
	RoleDataNode     = "datanode"
	RoleMaster       = "master"
	RoleRegionServer = "regionserver"
)

// SiteNames returns the names of the two clusters.
func SiteNames() []string { return []string{"a", "b"} }

// DaemonNames returns the names of all nine daemons, each after those it needs.
func DaemonNames() []string {
	names := []string{ZooKeeper}
	for _, role := range []string{RoleNameNode, RoleDataNode, RoleMaster, RoleRegionServer} {
		for _, site := range SiteNames() {
			names = append(names, site+"/"+role)
		}
	}
	return names
}

// daemonsFor returns those of DaemonNames that HDFS consists of, or all.
func daemonsFor(onlyHDFS bool) []string {
	return slices.DeleteFunc(DaemonNames(), func(name string) bool {
		_, role := splitDaemon(name)
		return onlyHDFS && role != RoleNameNode && role != RoleDataNode
	})
}

// checkDaemon refuses a name that is not one of DaemonNames.
func checkDaemon(name string) error {
	if slices.Contains(DaemonNames(), name) {
		return nil
	}
	return fmt.Errorf("daemon %q: no such daemon; there are %s", name, strings.Join(DaemonNames(), ", "))
}

// splitDaemon returns the site ("" for ZooKeeper) and role of a valid name.
func splitDaemon(name string) (site, role string) {
	site, role, found := strings.Cut(name, "/")
	if !found {
		return "", name
	}
	return site, role
}

// Ports live in slots below the range systems hand out for outgoing
// connections (Linux from 32768, macOS from 49152): a port of ours is then
// never taken by a passing connection while its daemon restarts.
const (
	firstPort    = 20000
	slotSize     = 32
	slotCount    = 384
	portsPerSite = 10
)

// ports gives every listener of the sandbox its number, counted from a base.
type ports struct{ base int }

func (p ports) zookeeper() int { return p.base }

func (p ports) of(site string, offset int) int {
	return p.base + 1 + slices.Index(SiteNames(), site)*portsPerSite + offset
}

func (p ports) nameNode(site string) int     { return p.of(site, 0) }
func (p ports) nameNodeHTTP(site string) int { return p.of(site, 1) }
func (p ports) dataNode(site string) int     { return p.of(site, 2) }
func (p ports) dataNodeHTTP(site string) int { return p.of(site, 3) }
func (p ports) dataNodeIPC(site string) int  { return p.of(site, 4) }
func (p ports) master(site string) int       { return p.of(site, 5) }
func (p ports) regionServer(site string) int { return p.of(site, 6) }

// main returns the port clients of a daemon connect to.
func (p ports) main(daemon string) int {
	site, role := splitDaemon(daemon)
	switch role {
	case RoleNameNode:
		return p.nameNode(site)
	case RoleDataNode:
		return p.dataNode(site)
	case RoleMaster:
		return p.master(site)
	case RoleRegionServer:
		return p.regionServer(site)
	default:
		return p.zookeeper()
	}
}

// all returns every port of the sandbox.
func (p ports) all() []int {
	list := []int{p.zookeeper()}
	for _, site := range SiteNames() {
		for offset := range portsPerSite {
			list = append(list, p.of(site, offset))
		}
	}
	return list
}

// choosePorts picks a slot of free ports for dir: always the same one, unless
// something else listens there, in which case the next free slot.
func choosePorts(dir string, free func(port int) bool) (ports, error) {
	sum := fnv.New32a()
	sum.Write([]byte(dir))
	start := int(sum.Sum32() % slotCount)
	for i := range slotCount {
		p := ports{base: firstPort + (start+i)%slotCount*slotSize}
		if !slices.ContainsFunc(p.all(), func(port int) bool { return !free(port) }) {
			return p, nil
		}
	}
	return ports{}, fmt.Errorf("choose ports for %s: all %d slots from port %d up are in use", dir, slotCount, firstPort)
}

// portFree reports whether a daemon could listen on port now.
func portFree(port int) bool {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// The paths below Dir.
func (s *Sandbox) confDir(site string) string { return filepath.Join(s.dir, "conf", site) }

func (s *Sandbox) toolsConfDir(site string) string {
	return filepath.Join(s.dir, "conf", site+"-tools")
}

func (s *Sandbox) zooConf() string { return filepath.Join(s.dir, "conf", "zoo.cfg") }
func (s *Sandbox) tmpDir() string  { return filepath.Join(s.dir, "tmp") }
func (s *Sandbox) dataDir(daemon string) string {
	return filepath.Join(s.dir, "data", filepath.FromSlash(daemon))
}

func (s *Sandbox) logFile(daemon string) string {
	return filepath.Join(s.dir, "logs", strings.ReplaceAll(daemon, "/", "-")+".log")
}

package sandboxtest

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"drover/internal/hadoop/namenode"
	"drover/internal/sandbox"
)

// Names of the daemons of an HDFS. The second NameNode is there in a pair only.
const (
	NameNode       = "nn1"
	SecondNameNode = "nn2"
	DataNode       = "datanode"
)

// nameService is what the daemons of a high-availability pair call it.
const nameService = "pair"

// servesWithin bounds the wait for a daemon, however slow the machine is.
const servesWithin = 3 * time.Minute

// HDFS is a file system of one test's own, without an HBase, whose daemons the
// test may kill and whose settings it may change. It costs a start of two or
// three JVMs. Permissions are checked; the superuser is who runs the test.
type HDFS struct {
	t         testing.TB
	box       *sandbox.Sandbox
	dir       string
	nameNodes []string          // daemons
	ports     map[string]int    // by setting
	settings  map[string]string // of the test
	running   map[string]*daemon
}

// daemon is a running process.
type daemon struct {
	kill  context.CancelFunc
	ended chan struct{}
	said  string // when it ended by itself
}

// OwnHDFS starts a NameNode and a DataNode with further settings of
// hdfs-site.xml, and returns when files can be written. It ends with the test.
func OwnHDFS(t testing.TB, settings map[string]string) *HDFS {
	t.Helper()
	return OwnNodes(t, 1, settings)
}

// AwaitWritable waits until files can be written.
func (h *HDFS) AwaitWritable() {
	h.t.Helper()
	h.Await("files can be written", func(ctx context.Context, nn *namenode.Client) (bool, error) {
		safe, err := nn.SafeMode(ctx)
		if err != nil || safe {
			return false, err
		}
		stats, err := nn.FsStats(ctx)
		return stats.Remaining > 0, err
	})
}

// OwnPair starts two NameNodes that share their edits by a directory, both
// standby, and a DataNode that knows both. Activate one of them, then
// AwaitWritable.
func OwnPair(t testing.TB) *HDFS {
	t.Helper()
	h := newHDFS(t, nil, NameNode, SecondNameNode)
	h.format()
	// The manual way of setting up a standby: its state begins as a copy of the
	// formatted one's.
	err := os.CopyFS(h.nameDir(SecondNameNode), os.DirFS(h.nameDir(NameNode)))
	if err != nil {
		t.Fatalf("copy the state of %s: %v", NameNode, err)
	}
	h.Start(NameNode, SecondNameNode, DataNode)
	return h
}

func newHDFS(t testing.TB, settings map[string]string, nameNodes ...string) *HDFS {
	t.Helper()
	dir, err := os.MkdirTemp("", "drover-hdfs-")
	if err != nil {
		t.Fatalf("make a directory for an HDFS: %v", err)
	}
	h := &HDFS{t: t, box: Shared(t), dir: dir, nameNodes: nameNodes, ports: map[string]int{}, settings: maps.Clone(settings), running: map[string]*daemon{}}
	if h.settings == nil {
		h.settings = map[string]string{}
	}
	t.Cleanup(func() {
		h.Kill(slices.Collect(maps.Keys(h.running))...)
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove an HDFS: %v", err)
		}
	})
	// The daemons want to find the directories of their web pages.
	for _, app := range []string{"hdfs", "datanode"} {
		if err := os.MkdirAll(filepath.Join(dir, "classes", "webapps", app), 0o755); err != nil {
			t.Fatalf("make a directory for an HDFS: %v", err)
		}
	}
	return h
}

// port gives the listener of a setting its number, below those that systems
// hand out for outgoing connections: it must be free again after a kill.
func (h *HDFS) port(setting string) string {
	if h.ports[setting] == 0 {
		for h.ports[setting] == 0 {
			port := 10000 + rand.IntN(9000)
			l, err := new(net.ListenConfig).Listen(h.t.Context(), "tcp", loopback(port))
			if err == nil && l.Close() == nil && !slices.Contains(slices.Collect(maps.Values(h.ports)), port) {
				h.ports[setting] = port
			}
		}
	}
	return loopback(h.ports[setting])
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Addresses are those of the NameNodes' RPC service.
func (h *HDFS) Addresses() []string {
	var out []string
	for _, nn := range h.nameNodes {
		out = append(out, h.port("rpc."+nn))
	}
	return out
}

// Superuser is who may do everything.
func (h *HDFS) Superuser() string {
	h.t.Helper()
	me, err := user.Current()
	if err != nil {
		h.t.Fatal(err)
	}
	return me.Username
}

// Set changes a setting for the daemons that are started from now on; an empty
// value takes the test's away.
func (h *HDFS) Set(key, value string) {
	if delete(h.settings, key); value != "" {
		h.settings[key] = value
	}
}

func (h *HDFS) nameDir(nn string) string { return filepath.Join(h.dir, nn) }

// site is the configuration of one daemon.
func (h *HDFS) site(name string) map[string]string {
	set := map[string]string{
		"hadoop.tmp.dir":            filepath.Join(h.dir, "tmp"),
		"dfs.replication":           "1",
		"dfs.permissions.enabled":   "true",
		"dfs.namenode.name.dir":     "file://" + h.nameDir(NameNode),
		"dfs.namenode.rpc-address":  h.port("rpc." + NameNode),
		"dfs.namenode.http-address": h.port("http." + NameNode),
		"fs.defaultFS":              "hdfs://" + h.port("rpc."+NameNode),
		"dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
	}
	if isDataNode(name) {
		set["dfs.datanode.data.dir"] = "file://" + filepath.Join(h.dir, name)
		for _, listener := range []string{"dfs.datanode.address", "dfs.datanode.http.address", "dfs.datanode.ipc.address"} {
			set[listener] = h.port(listener + "." + name)
		}
	}
	if len(h.nameNodes) > 1 {
		set["fs.defaultFS"] = "hdfs://" + nameService
		set["dfs.nameservices"] = nameService
		set["dfs.ha.namenodes."+nameService] = strings.Join(h.nameNodes, ",")
		set["dfs.namenode.shared.edits.dir"] = "file://" + filepath.Join(h.dir, "edits")
		set["dfs.ha.standby.checkpoints"] = "false"
		set["dfs.ha.tail-edits.period"] = "1"
		for _, nn := range h.nameNodes {
			set["dfs.namenode.rpc-address."+nameService+"."+nn] = h.port("rpc." + nn)
			set["dfs.namenode.http-address."+nameService+"."+nn] = h.port("http." + nn)
		}
		if !isDataNode(name) {
			set["dfs.ha.namenode.id"] = name
			set["dfs.namenode.name.dir"] = "file://" + h.nameDir(name)
		}
	}
	maps.Copy(set, h.settings)
	return set
}

// configure writes the configuration of one daemon and returns its path. What
// it leaves out is as in the sandbox.
func (h *HDFS) configure(name string) string {
	h.t.Helper()
	type property struct {
		Name  string `xml:"name"`
		Value string `xml:"value"`
	}
	var doc struct {
		XMLName    xml.Name   `xml:"configuration"`
		Properties []property `xml:"property"`
	}
	set := h.site(name)
	for _, key := range slices.Sorted(maps.Keys(set)) {
		doc.Properties = append(doc.Properties, property{key, set[key]})
	}
	body, err := xml.Marshal(doc)
	path := filepath.Join(h.dir, name+".xml")
	if err = errors.Join(err, os.WriteFile(path, body, 0o644)); err != nil {
		h.t.Fatalf("configure %s: %v", name, err)
	}
	return path
}

// java runs a daemon's class with a configuration until it ends or ctx does.
func (h *HDFS) java(ctx context.Context, name, conf string, args ...string) (sandbox.JavaResult, error) {
	class := "org.apache.hadoop.hdfs.server.namenode.NameNode"
	if isDataNode(name) {
		class = "org.apache.hadoop.hdfs.server.datanode.DataNode"
	}
	o := sandbox.JavaOptions{Heap: "192m", JVM: []string{"-Xbootclasspath/a:" + filepath.Join(h.dir, "classes")}}
	return h.box.RunJava(ctx, "a", o, class, append([]string{"-conf", conf}, args...)...)
}

func (h *HDFS) format() {
	h.t.Helper()
	res, err := h.java(h.t.Context(), NameNode, h.configure(NameNode), "-format", "-force", "-nonInteractive")
	if err != nil || res.ExitCode != 0 {
		h.t.Fatalf("format an HDFS: %v, exit code %d:\n%s", err, res.ExitCode, res.Stderr)
	}
}

// Start starts daemons and returns at once.
func (h *HDFS) Start(daemons ...string) {
	h.t.Helper()
	for _, name := range daemons {
		ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
		d := &daemon{kill: cancel, ended: make(chan struct{})}
		h.running[name] = d
		conf := h.configure(name)
		go func() {
			defer close(d.ended)
			if res, err := h.java(ctx, name, conf); err == nil {
				d.said = fmt.Sprintf("ended with exit code %d:\n%s", res.ExitCode, res.Stderr)
			}
		}()
	}
}

// Kill ends daemons with SIGKILL and returns when they are gone.
func (h *HDFS) Kill(daemons ...string) {
	for _, name := range daemons {
		if d := h.running[name]; d != nil {
			d.kill()
			<-d.ended
			delete(h.running, name)
		}
	}
}

// Client returns a client of the NameNodes, as its superuser.
func (h *HDFS) Client() *namenode.Client {
	h.t.Helper()
	nn, err := namenode.Open(namenode.Config{Addresses: h.Addresses(), User: h.Superuser()})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { nn.Close() }) //nolint:errcheck // idle connections only
	return nn
}

// Await asks until the answer is yes. A daemon that ends by itself meanwhile
// fails the test.
func (h *HDFS) Await(what string, ask func(context.Context, *namenode.Client) (bool, error)) {
	h.t.Helper()
	nn := h.Client()
	ctx, cancel := context.WithTimeout(h.t.Context(), servesWithin)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := ask(ctx, nn)
		if yes && err == nil {
			return
		}
		for name, d := range h.running {
			select {
			case <-d.ended:
				h.t.Fatalf("%s of an HDFS %s", name, d.said)
			default:
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			h.t.Fatalf("HDFS in %s: waited %v until %s: %v", h.dir, servesWithin, what, err)
		}
	}
}

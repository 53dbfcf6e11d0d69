package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase"
	"drover/internal/hbase/hbasepb"
	"drover/internal/pause"
)

// readyDeadline bounds the wait for the daemons, however slow the machine.
const readyDeadline = 5 * time.Minute

// probeTimeout bounds one look at one daemon.
const probeTimeout = 3 * time.Second

// restarts is how often an HBase daemon that ended while it was waited for is
// started again: an HMaster or HRegionServer ends itself when what it needs is
// missing for a moment, for example while the only DataNode restarts.
const restarts = 2

// awaitReady starts the daemons that do not run, each when what it needs is
// there, and returns when every one serves. It says which ones it still waits
// for and fails when one ends for good, or at the deadline.
func (s *Sandbox) awaitReady(ctx context.Context, daemons []string) error {
	ctx, cancel := context.WithTimeout(ctx, readyDeadline)
	defer cancel()
	w := waiting{
		sandbox: s, left: slices.Clone(daemons), why: map[string]error{},
		started: map[string]int{}, logRead: map[string]time.Time{},
	}
	if err := w.look(ctx); err != nil || w.done() {
		return err
	}
	stopSaying := s.log.waitingFor(w.String)
	defer stopSaying()
	for {
		if err := w.look(ctx); err != nil || w.done() {
			return err
		}
		if err := pause.For(ctx, 150*time.Millisecond); err != nil {
			return fmt.Errorf("wait for %s: %w; logs are in %s", &w, err, filepath.Join(s.dir, "logs"))
		}
	}
}

// look starts or probes every daemon that was not ready yet.
func (w *waiting) look(ctx context.Context) error {
	alive, err := w.sandbox.pids(ctx)
	if err != nil {
		return err
	}
	for _, name := range w.names() {
		if alive[name] == 0 {
			if err := w.start(ctx, name); err != nil {
				return err
			}
			continue
		}
		err := w.sandbox.probe(ctx, name)
		if w.settle(name, err); err == nil {
			if w.started[name] > 0 {
				w.sandbox.log.say("%s is ready", name)
			}
			continue
		}
		if err := w.clear(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// clear kills an HBase daemon that said it aborts but did not end. One that
// lost its WAL while it initialised lingers like that for five minutes, serving
// nobody.
func (w *waiting) clear(ctx context.Context, name string) error {
	if time.Since(w.logRead[name]) < time.Second {
		return nil
	}
	w.logRead[name] = time.Now()
	body, err := w.sandbox.currentLog(name)
	if err != nil {
		return fmt.Errorf("look for an abort of %s: %w", name, err)
	}
	if !bytes.Contains(body, []byte("***** ABORTING ")) {
		return nil
	}
	return stop(ctx, w.sandbox.dir, true, func(n string) bool { return n == name })
}

// start starts a daemon once it can, again if it ended and that may pass.
func (w *waiting) start(ctx context.Context, name string) error {
	site, role := splitDaemon(name)
	mayStart := 1
	switch role {
	case RoleMaster:
		mayStart += restarts
		// An HMaster that finds no NameNode ends at once; all others wait.
		if !listens(ctx, w.sandbox.state.ports().nameNode(site)) {
			w.settle(name, errors.New("is not started before its NameNode listens"))
			return nil
		}
	case RoleRegionServer:
		mayStart += restarts
	}
	if w.started[name] == mayStart {
		return fmt.Errorf("start %s: it ended; the end of its log %s:\n%s", name, w.sandbox.logFile(name), w.sandbox.logTail(name))
	}
	if w.started[name] > 0 {
		w.sandbox.log.say("%s ended, starting it again", name)
	}
	w.started[name]++
	return w.sandbox.spawn(name)
}

// listens reports whether something accepts connections on port.
func listens(ctx context.Context, port int) bool {
	dialer := net.Dialer{Timeout: probeTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", loopback(port))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// probe looks once whether a daemon serves and says why not.
func (s *Sandbox) probe(ctx context.Context, daemon string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	site, role := splitDaemon(daemon)
	p := s.state.ports()
	switch role {
	case RoleNameNode:
		return probeNameNode(ctx, p.nameNodeHTTP(site))
	case RoleDataNode:
		return probeDataNode(ctx, p.dataNodeHTTP(site))
	case RoleMaster:
		return probeMaster(ctx, loopback(p.master(site)))
	case RoleRegionServer:
		return probeRegionServer(ctx, loopback(p.regionServer(site)))
	default:
		return probeZooKeeper(ctx, loopback(p.zookeeper()))
	}
}

// probeZooKeeper asks for the server's state, which it refuses to tell until it
// serves requests.
func probeZooKeeper(ctx context.Context, addr string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return errors.New("does not listen yet")
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	if !bytes.Contains(answer, []byte("Mode: ")) {
		return errors.New("does not serve yet")
	}
	return nil
}

// probeNameNode wants the NameNode out of safe mode with a DataNode to write to.
func probeNameNode(ctx context.Context, port int) error {
	var bean struct {
		FSState          string `json:"FSState"`
		NumLiveDataNodes int    `json:"NumLiveDataNodes"`
	}
	if err := readBean(ctx, port, "Hadoop:service=NameNode,name=FSNamesystemState", &bean); err != nil {
		return err
	}
	if bean.FSState != "Operational" {
		return fmt.Errorf("is in state %q", bean.FSState)
	}
	if bean.NumLiveDataNodes == 0 {
		return errors.New("has no live DataNode")
	}
	return nil
}

// probeDataNode wants the DataNode registered: a NameNode goes on calling a
// DataNode that was killed "live" for ten minutes, so it is no witness.
func probeDataNode(ctx context.Context, port int) error {
	var bean struct {
		BPServiceActorInfo string `json:"BPServiceActorInfo"` // JSON in a string
	}
	if err := readBean(ctx, port, "Hadoop:service=DataNode,name=DataNodeInfo", &bean); err != nil {
		return err
	}
	var actors []struct {
		ActorState string `json:"ActorState"`
	}
	if err := json.Unmarshal([]byte(bean.BPServiceActorInfo), &actors); err != nil {
		return fmt.Errorf("read DataNodeInfo: %w", err)
	}
	if len(actors) == 0 || actors[0].ActorState != "RUNNING" {
		return errors.New("is not registered with its NameNode")
	}
	return nil
}

// readBean reads one JMX bean of a Hadoop daemon over its web port.
func readBean(ctx context.Context, port int, name string, bean any) error {
	address := "http://" + loopback(port) + "/jmx?qry=" + url.QueryEscape(name)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return errors.New("does not answer on its web port yet")
	}
	defer response.Body.Close()
	var answer struct {
		Beans []json.RawMessage `json:"beans"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("read bean %s: %w", name, err)
	}
	if len(answer.Beans) == 0 {
		return fmt.Errorf("has no bean %s yet", name)
	}
	return json.Unmarshal(answer.Beans[0], bean)
}

// probeMaster asks for a namespace, which a master refuses until it is
// initialised (a list of tables it gives earlier), and for a live region server.
func probeMaster(ctx context.Context, addr string) error {
	conn, err := hbase.Dial(ctx, addr, hbase.MasterService, "drover")
	if err != nil {
		return err
	}
	defer conn.Close()
	request := &hbasepb.GetNamespaceDescriptorRequest{NamespaceName: proto.String("default")}
	if _, err := conn.Call(ctx, "GetNamespaceDescriptor", request, &hbasepb.GetNamespaceDescriptorResponse{}); err != nil {
		return err
	}
	var status hbasepb.GetClusterStatusResponse
	if _, err := conn.Call(ctx, "GetClusterStatus", &hbasepb.GetClusterStatusRequest{}, &status); err != nil {
		return err
	}
	if len(status.GetClusterStatus().GetLiveServers()) == 0 {
		return errors.New("has no live region server")
	}
	return nil
}

// probeRegionServer asks a region server for its name.
func probeRegionServer(ctx context.Context, addr string) error {
	conn, err := hbase.Dial(ctx, addr, hbase.AdminService, "drover")
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Call(ctx, "GetServerInfo", &hbasepb.GetServerInfoRequest{}, &hbasepb.GetServerInfoResponse{})
	return err
}

// logTail returns the last lines the current process of a daemon wrote.
func (s *Sandbox) logTail(daemon string) string {
	body, err := s.currentLog(daemon)
	if err != nil {
		return err.Error()
	}
	return tail(body, 12)
}

// currentLog returns what the current process of a daemon wrote.
func (s *Sandbox) currentLog(daemon string) ([]byte, error) {
	file, err := os.Open(s.logFile(daemon))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Seek(s.state.Daemons[daemon].LogOffset, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(file)
}

//go:build cluster

package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"drover/internal/config"
	"drover/internal/embedded"
	"drover/internal/hbase"
	"drover/internal/hbase/rows"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/temporalclient"
	"drover/workers"
)

// lane is one direction between the two clusters, with a Temporal server of its
// own and a worker process that can be killed. Three tests run at a time, one a
// lane: most of what a killed worker costs is waiting. They share nothing that
// a run changes: the switches for splits and merges belong to the source
// cluster, everything else to a table, a directory or a run. So there is one lane
// a direction for everything, and one beside them for mirrors.
type lane struct {
	from, to string     // names of the sites
	home     chan *lane // where it waits for its next test
	dir      string
	box      *sandbox.Sandbox
	cfg      config.Config
	server   *embedded.Server
	client   client.Client
	worker   *process

	source, target         *hbase.Cluster
	sourceRows, targetRows *rows.Client
}

// What is in a lane is made for its first test and ended by TestMain.
var (
	// free holds the lanes that no test is in, mirrors the one kept for mirrors.
	free    = make(chan *lane, 2)
	mirrors = make(chan *lane, 1)
	// first holds a lane for the longest test: begun last, it would run alone.
	first = make(chan *lane, 1)
)

func TestMain(m *testing.M) {
	if text := os.Getenv(doomEnv); text != "" {
		fmt.Fprintln(os.Stderr, doomed(text))
		os.Exit(1)
	}
	hbase.SilenceZooKeeper()
	flag.Parse()
	// Lanes bound what runs at a time; the testing package would hand its few
	// slots to tests that wait for one.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	all := []*lane{{from: "a", to: "b", home: free}, {from: "b", to: "a", home: free}, {from: "a", to: "b", home: mirrors}}
	if flag.Lookup("test.run").Value.String() == "" {
		first <- all[0]
	} else {
		free <- all[0]
	}
	free <- all[1]
	mirrors <- all[2]
	code := m.Run()
	for _, l := range all {
		if err := l.close(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e: end of lane:", err)
			code = max(code, 1)
		}
	}
	if binaries.dir != "" {
		_ = os.RemoveAll(binaries.dir)
	}
	os.Exit(code)
}

// turn lets one test at a time make what is shared: two servers that look for
// free ports at once find the same.
var turn sync.Mutex

// binaries are built once per test process.
var binaries struct{ dir string }

func buildBinaries(t *testing.T) {
	t.Helper()
	if binaries.dir != "" {
		return
	}
	dir, err := os.MkdirTemp("", "drover-e2e-bin-")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "worker"), "drover/workers/worker").CombinedOutput()
	if err != nil {
		t.Fatalf("build the worker: %v\n%s", err, out)
	}
	binaries.dir = dir
}

// open makes what is missing of the lane.
func (l *lane) open(t *testing.T) {
	t.Helper()
	turn.Lock()
	defer turn.Unlock()
	buildBinaries(t)
	if l.box == nil {
		box := sandboxtest.Shared(t)
		cfg, err := config.Load(box.ConfigPath())
		if err != nil {
			t.Fatal(err)
		}
		l.box, l.cfg = box, cfg
	}
	if l.server == nil {
		l.serve(t)
	}
	if l.client == nil {
		c, _, err := temporalclient.Dial(t.Context(), temporalclient.Options{Config: config.Temporal{Address: l.server.GRPC}, Wait: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		l.client = c
	}
	if l.source == nil {
		l.source, l.sourceRows = l.connect(t, l.from)
	}
	if l.target == nil {
		l.target, l.targetRows = l.connect(t, l.to)
	}
	if l.worker == nil || l.worker.ended() {
		l.startWorker(t)
	}
}

func (l *lane) serve(t *testing.T) {
	t.Helper()
	var err error
	// Not t.TempDir: the server outlives the test.
	if l.dir == "" {
		if l.dir, err = os.MkdirTemp("", "drover-e2e-temporal-"); err != nil {
			t.Fatal(err)
		}
	}
	l.server, err = embedded.Start(t.Context(), embedded.Options{Dir: l.dir, SearchAttributes: workers.SearchAttributeTypes(), Log: func(line string) {
		fmt.Fprintf(os.Stderr, "lane %s to %s: %s\n", l.from, l.to, line)
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func (l *lane) connect(t *testing.T, site string) (*hbase.Cluster, *rows.Client) {
	t.Helper()
	s := l.cfg.Sites[site].HBase
	cfg := hbase.Config{Quorum: s.Quorum, ZNodeParent: s.ZNodeParent, RootDir: s.RootDir, User: s.User}
	client, err := rows.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := hbase.Open(cfg)
	if err != nil {
		client.Close()
		t.Fatal(err)
	}
	return cluster, client
}

func (l *lane) close() error {
	var err error
	if l.worker != nil {
		err = l.worker.kill()
	}
	if l.client != nil {
		l.client.Close()
	}
	if l.server != nil {
		err = errors.Join(err, l.server.Stop(context.Background()))
	}
	for _, c := range []*rows.Client{l.sourceRows, l.targetRows} {
		if c != nil {
			c.Close()
		}
	}
	for _, c := range []*hbase.Cluster{l.source, l.target} {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	if l.dir != "" {
		err = errors.Join(err, os.RemoveAll(l.dir))
	}
	return err
}

// process is a child whose output is shown when a test fails.
type process struct {
	cmd  *exec.Cmd
	out  output
	done chan struct{} // closed when it has ended
}

func (l *lane) startWorker(t *testing.T) {
	t.Helper()
	l.worker = l.workerOf(t, l.withHooks(t))
}

// workerOf starts a worker on a configuration.
func (l *lane) workerOf(t *testing.T, file string) *process {
	t.Helper()
	cmd := exec.Command(filepath.Join(binaries.dir, "worker"), "--config", file, "--quiet")
	cmd.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+l.server.GRPC)
	return begin(t, cmd)
}

// begin starts a process that does not outlive the tests.
func begin(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // it is only ever killed
		close(p.done)
	}()
	return p
}

// hookSaid is where the hook of these tests writes what it was told.
func (l *lane) hookSaid() string { return filepath.Join(l.dir, "hook") }

// withHooks is the sandbox's configuration with a hook.
func (l *lane) withHooks(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(l.box.ConfigPath())
	if err != nil {
		t.Fatal(err)
	}
	text = fmt.Appendf(text, "\nhooks:\n  note: {command: [/bin/sh, -c, 'echo \"$DROVER_EVENT $DROVER_TARGET_PATH\" >> \"$1\"', sh, %q]}\n", l.hookSaid())
	path := filepath.Join(l.dir, "drover.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// kill ends the process as a power cut would.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// output may be read while the process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// since gives what was written after the first n bytes, the last lines of it.
func (o *output) since(n int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	const last = 100
	lines := strings.SplitAfter(string(o.text.Bytes()[min(n, o.text.Len()):]), "\n")
	return strings.Join(lines[max(0, len(lines)-last):], "")
}

func (o *output) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Len()
}

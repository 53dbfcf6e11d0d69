//go:build cluster

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
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
	"drover/workflows"
	"drover/workflows/step"
)

// patience bounds every wait of these tests; it is reached only when something
// hangs.
const patience = 3 * time.Minute

// binaries are built once per test process.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "drover-e2e-bin-")
	if err != nil {
		return "", err
	}
	for name, pkg := range map[string]string{"worker": "drover/workers/worker", "drover": "drover/starter"} {
		out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	hbase.SilenceZooKeeper()
	code := m.Run()
	if dir, err := binaries(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// rig is a Temporal server of the test's own, the shared clusters, and a
// worker process that can be killed.
type rig struct {
	t      *testing.T
	box    *sandbox.Sandbox
	cfg    config.Config
	server *embedded.Server
	client client.Client
	worker *process

	source, target         *hbase.Cluster
	sourceRows, targetRows *rows.Client
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, box: sandboxtest.Shared(t)}
	var err error
	if r.cfg, err = config.Load(r.box.ConfigPath()); err != nil {
		t.Fatal(err)
	}
	attributes := map[string]string{}
	for _, name := range workers.SearchAttributes() {
		attributes[name] = "Keyword"
	}
	r.server, err = embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), SearchAttributes: attributes, Log: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	r.dial()
	r.openClusters()
	r.startWorker()
	return r
}

func (r *rig) dial() {
	r.t.Helper()
	c, _, err := temporalclient.Dial(r.t.Context(), temporalclient.Options{Config: config.Temporal{Address: r.server.GRPC}, Wait: time.Minute})
	if err != nil {
		r.t.Fatal(err)
	}
	r.client = c
	r.t.Cleanup(c.Close)
}

func (r *rig) openClusters() {
	r.t.Helper()
	open := func(site string) (*hbase.Cluster, *rows.Client) {
		s := r.cfg.Sites[site].HBase
		cfg := hbase.Config{Quorum: s.Quorum, ZNodeParent: s.ZNodeParent, RootDir: s.RootDir, User: s.User}
		cluster, err := hbase.Open(cfg)
		if err != nil {
			r.t.Fatal(err)
		}
		client, err := rows.Open(cfg)
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() {
			client.Close()
			if err := cluster.Close(); err != nil {
				r.t.Error(err)
			}
		})
		return cluster, client
	}
	r.source, r.sourceRows = open("a")
	r.target, r.targetRows = open("b")
}

// process is a child whose output is shown when the test fails.
type process struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan error
}

func (r *rig) startWorker() {
	r.t.Helper()
	dir, err := binaries()
	if err != nil {
		r.t.Fatal(err)
	}
	p := &process{cmd: exec.Command(filepath.Join(dir, "worker"), "--config", r.box.ConfigPath(), "--quiet"), done: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+r.server.GRPC)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	if r.worker == nil {
		r.t.Cleanup(func() { r.killWorker() })
	}
	r.worker = p
}

// killWorker ends the worker as a power cut would.
func (r *rig) killWorker() {
	r.t.Helper()
	if err := r.worker.cmd.Process.Kill(); err != nil && !strings.Contains(err.Error(), "already finished") {
		r.t.Error(err)
	}
	err := <-r.worker.done
	r.worker.done <- err
	if r.t.Failed() {
		r.t.Logf("worker said:\n%s", r.worker.out.String())
	}
}

// start starts a migration with plain JSON.
func (r *rig) start(id string, input map[string]any) client.WorkflowRun {
	r.t.Helper()
	run, err := r.client.ExecuteWorkflow(r.t.Context(), client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.RunbooksQueue, WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, workers.HBaseMigration, input)
	if err != nil {
		r.t.Fatal(err)
	}
	return run
}

// status asks until a worker answers.
func (r *rig) status(id string) step.Status {
	r.t.Helper()
	var s step.Status
	r.await("an answer to the status query", func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		v, err := r.client.QueryWorkflow(ctx, id, "", step.StatusQuery)
		if err != nil {
			return false, err
		}
		if err := v.Get(&s); err != nil {
			r.t.Fatal(err)
		}
		return true, nil
	})
	return s
}

// await polls until done; the last error tells why it was not.
func (r *rig) await(what string, done func(context.Context) (bool, error)) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		ok, err := done(ctx)
		if ok {
			return
		}
		if err != nil {
			last = err
		}
		select {
		case <-ctx.Done():
			r.t.Fatalf("waited %s for %s: %v\nworker said:\n%s", patience, what, last, r.worker.out.String())
		case <-tick.C:
		}
	}
}

// awaitGate waits until a gate is open with evidence, or the run ended.
func (r *rig) awaitGate(id, gate string) step.Status {
	r.t.Helper()
	var s step.Status
	r.await("gate "+gate, func(ctx context.Context) (bool, error) {
		s = r.status(id)
		if s.Outcome != "" {
			r.t.Fatalf("run ended (%s) before gate %s: %s", s.Outcome, gate, asJSON(s))
		}
		return s.WaitingAt == gate && s.Digest != "", fmt.Errorf("status: phase %s, waiting: %s", s.Phase, s.Waiting)
	})
	return s
}

func (r *rig) decide(id string, d step.Decision) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	h, err := r.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: step.DecideUpdate, Args: []any{d}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	return h.Get(ctx, nil)
}

func (r *rig) approve(id, gate string) {
	r.t.Helper()
	s := r.awaitGate(id, gate)
	if err := r.decide(id, step.Decision{Gate: gate, Digest: s.Digest, By: "e2e", Reason: "test", Approved: true}); err != nil {
		r.t.Fatalf("approve %s: %v", gate, err)
	}
}

func (r *rig) result(run client.WorkflowRun) workflows.HBaseMigrationResult {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	var res workflows.HBaseMigrationResult
	if err := run.Get(ctx, &res); err != nil {
		r.t.Fatalf("run %s: %v\nworker said:\n%s", run.GetID(), err, r.worker.out.String())
	}
	return res
}

func asJSON(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

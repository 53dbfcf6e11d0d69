//go:build cluster

package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	// The first build on a machine takes minutes.
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// startHere starts a server on a fresh directory; the binary is the shared one.
func startHere(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Log = func(line string) { t.Log(line) }
	s, err := Start(testContext(t), o)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Kill(); err != nil {
			t.Errorf("end of test: %v", err)
		}
	})
	return s
}

// startWorkflow starts a workflow nobody works on, by plain JSON.
func startWorkflow(t *testing.T, s *Server, id string) {
	t.Helper()
	body := `{"workflowType":{"name":"Any"},"taskQueue":{"name":"none"},"input":[{"a":1}],` +
		`"searchAttributes":{"indexedFields":{"MigrationPhase":"preflight"}}}`
	resp, err := http.Post(s.HTTP+"/api/v1/namespaces/default/workflows/"+id, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("start workflow %s: %s", id, resp.Status)
	}
}

func workflowStatus(t *testing.T, s *Server, id string) string {
	t.Helper()
	body, err := get(t.Context(), s.HTTP+"/api/v1/namespaces/default/workflows/"+id)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ WorkflowExecutionInfo struct{ Status string } }
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.WorkflowExecutionInfo.Status
}

var phaseAttribute = map[string]string{"MigrationPhase": "Keyword"}

func TestAStartedServerTakesWorkflowsByPlainJSON(t *testing.T) {
	s := startHere(t, Options{SearchAttributes: phaseAttribute})
	startWorkflow(t, s, "plain-json")
	if got := workflowStatus(t, s, "plain-json"); got != "WORKFLOW_EXECUTION_STATUS_RUNNING" {
		t.Errorf("status of a started workflow: got %s", got)
	}
	if _, err := get(t.Context(), s.UI+"/namespaces/default/workflows"); err != nil {
		t.Errorf("UI: %v", err)
	}
}

func TestASecondStartFindsTheFirst(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	first := startHere(t, o)
	second, err := Start(testContext(t), o)
	if err != nil {
		t.Fatal(err)
	}
	if !second.Found || second.PID != first.PID || second.GRPC != first.GRPC {
		t.Errorf("second start: got found=%t pid=%d at %s, want the server %d at %s",
			second.Found, second.PID, second.GRPC, first.PID, first.GRPC)
	}
	if err := second.Stop(testContext(t)); err != nil {
		t.Fatalf("stop of a found server: %v", err)
	}
	if _, err := Find(testContext(t), o); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Find after stop: got %v, want %v", err, ErrNotRunning)
	}
}

func TestAKilledServerComesBackWithItsWorkflows(t *testing.T) {
	s := startHere(t, Options{SearchAttributes: phaseAttribute})
	startWorkflow(t, s, "survivor")
	grpc, pid := s.GRPC, s.PID
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t.Context(), s.HTTP); err == nil {
		t.Fatal("a killed server answers")
	}
	if err := s.Restart(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if s.GRPC != grpc || s.PID == pid {
		t.Errorf("restart: got pid %d at %s, want a new process at %s", s.PID, s.GRPC, grpc)
	}
	if got := workflowStatus(t, s, "survivor"); got != "WORKFLOW_EXECUTION_STATUS_RUNNING" {
		t.Errorf("status after the crash: got %s", got)
	}
}

func TestAnOlderDatabaseGetsNewSearchAttributes(t *testing.T) {
	dir := t.TempDir()
	s := startHere(t, Options{Dir: dir})
	if err := s.Stop(testContext(t)); err != nil {
		t.Fatal(err)
	}
	s = startHere(t, Options{Dir: dir, SearchAttributes: phaseAttribute})
	startWorkflow(t, s, "new-attribute")
}

func TestAForcedPortInUseIsRefused(t *testing.T) {
	s := startHere(t, Options{})
	_, err := Start(testContext(t), Options{Dir: t.TempDir(), Ports: Ports{GRPC: s.state.Ports.GRPC}})
	if err == nil || !strings.Contains(err.Error(), "gRPC port") {
		t.Errorf("start on a taken port: got %v, want an error about the gRPC port", err)
	}
}

func TestAServerThatDiesAtStartTellsWhy(t *testing.T) {
	_, err := Start(testContext(t), Options{Dir: t.TempDir(), SearchAttributes: map[string]string{"Phase": "Colour"}})
	if err == nil || !strings.Contains(err.Error(), "Colour") {
		t.Errorf("start with a bad search attribute: got %v, want the server's own words", err)
	}
}

// The environment of a test binary that stands in for a program using Start.
const starterDir = "EMBEDDED_TEST_STARTER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(starterDir); dir != "" {
		s, err := Start(context.Background(), Options{Dir: dir, Detached: os.Getenv("EMBEDDED_TEST_DETACHED") != ""})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(s.PID)
		select {} // until killed
	}
	os.Exit(m.Run())
}

// runStarter runs a process that starts a server on dir and returns it once
// the server answers.
func runStarter(t *testing.T, dir string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), starterDir+"="+dir), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatalf("starter: %v", err)
	}
	return cmd
}

func TestTheServerDiesWithAKilledParent(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	starter := runStarter(t, o.Dir)
	s, err := Find(testContext(t), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait() // reports the kill
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.waitGone(ctx); err != nil {
		t.Errorf("after its parent was killed: %v", err)
	}
}

func TestADetachedServerOutlivesAKilledParent(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	starter := runStarter(t, o.Dir, "EMBEDDED_TEST_DETACHED=1")
	if err := starter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait() // reports the kill
	s, err := Find(testContext(t), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

func TestTheBinaryIsBuiltOnce(t *testing.T) {
	first, err := Build(testContext(t), Options{Log: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(first.Path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Build(testContext(t), Options{Log: func(line string) { t.Errorf("second build says %q", line) }})
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(second.Path)
	if err != nil {
		t.Fatal(err)
	}
	if first != second || !before.ModTime().Equal(after.ModTime()) {
		t.Errorf("second build: got %+v, want the first one's %+v", second, first)
	}
	if left, _ := filepath.Glob(first.Path + ".new*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

package sandboxtest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestOnlySandboxesOfDeadTestsAreEnded(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dead := exec.CommandContext(t.Context(), "true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	abandoned, _ := standIn(t, dead.Process.Pid)
	owned, release := standIn(t, os.Getpid())

	endAbandoned(t)

	if err := abandoned.Wait(); err == nil {
		t.Error("the daemon of the dead test ended by itself, want it killed")
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if err := owned.Wait(); err != nil {
		t.Errorf("the daemon of this test: %v, want it left alone", err)
	}
}

// standIn starts a process that looks like a daemon of a sandbox made by the
// test process owner. It ends well when released.
func standIn(t *testing.T, owner int) (cmd *exec.Cmd, release func() error) {
	t.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("%s%d-1", ownPrefix, owner))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), "sh", "-c", "echo up; read line; exit 0", "-Ddrover.sandbox="+dir+"/a/master")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("up\n"))); err != nil {
		t.Fatalf("wait for the process: %v", err)
	}
	return cmd, in.Close
}

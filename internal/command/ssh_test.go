package command_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover/internal/command"
	"drover/internal/fault"
)

func remote(t *testing.T, c command.SSHConfig) *command.Host {
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Fatalf("%v: install it with scripts/setup.sh", err)
	}
	h, err := command.SSH(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSSHJobOutlivesTheConnection(t *testing.T) {
	server, config := sshHost(t)
	h := remote(t, config)
	argv, runs, pipe := gate(t)
	state, err := h.Start(t.Context(), command.Spec{Name: "job", Argv: argv})
	if err != nil {
		t.Fatal(err)
	}
	if state.Phase != command.Running || content(t, runs) != "run" {
		t.Fatalf("state %+v, want it running", state)
	}
	server.close()
	if _, err := h.Look(t.Context(), "job"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without a connection: %v, want unavailable", err)
	}
	// The same directory, looked at without ssh: the job does not care.
	here := local(t, config.Dir)
	if got, err := here.Look(t.Context(), "job"); err != nil || got != state {
		t.Errorf("state %+v, %v, want %+v", got, err, state)
	}
	open(t, pipe, "5")
	if got := await(t, here, "job", command.Exited); got.ExitCode != 5 {
		t.Errorf("code %d, want 5", got.ExitCode)
	}
}

func TestSSHRunsWhatItIsGiven(t *testing.T) {
	_, config := sshHost(t)
	h := remote(t, config)
	odd := []string{"a b", "it's", `"$HOME"`, "`id`", "line\nbreak", "é%20", "-n", ""}
	got, err := h.Run(t.Context(), append([]string{"printf", "%s|"}, odd...), map[string]string{"A": "b c"})
	if want := strings.Join(odd, "|") + "|"; err != nil || string(got.Stdout) != want {
		t.Errorf("got %q, %v, want %q", got.Stdout, err, want)
	}
	// 255 is what ssh itself ends with when it cannot connect.
	got, err = h.Run(t.Context(), []string{"sh", "-c", "echo why >&2; exit 255"}, nil)
	if err != nil || got.ExitCode != 255 || string(got.Stderr) != "why\n" {
		t.Errorf("code %d, %q, %v, want 255 as an answer", got.ExitCode, got.Stderr, err)
	}
	start(t, h, "long", "sh", "-c", "echo begun; exec sleep 300")
	state, err := h.Cancel(t.Context(), "long", deadline)
	if err != nil || state.Phase != command.Cancelled || state.ExitCode != 143 {
		t.Errorf("cancel: %+v, %v", state, err)
	}
	if said := output(t, h, "long", command.Stdout); said != "begun\n" && said != "" {
		t.Errorf("stdout %q", said)
	}
	if err := h.Forget(t.Context(), "long"); err != nil {
		t.Error(err)
	}
}

func TestSSHRefusesAHostItDoesNotKnow(t *testing.T) {
	_, config := sshHost(t)
	for name, change := range map[string]func(*command.SSHConfig){
		"no known key": func(c *command.SSHConfig) {
			c.KnownHostsFile = filepath.Join(t.TempDir(), "none")
			if err := os.WriteFile(c.KnownHostsFile, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"a wrong login": func(c *command.SSHConfig) {
			_, other := sshHost(t)
			c.IdentityFile = other.IdentityFile
		},
	} {
		bad := config
		change(&bad)
		began := time.Now()
		_, err := remote(t, bad).Run(t.Context(), []string{"true"}, nil)
		if fault.KindOf(err) != fault.Unavailable || time.Since(began) > deadline {
			t.Errorf("%s: %v after %v, want a refusal that asks nothing", name, err, time.Since(began))
		}
	}
}

package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"drover/internal/fault"
)

// Host is a machine jobs run on. It keeps nothing in memory that another
// process could not find again, and is safe for concurrent use.
type Host struct {
	name      string // for errors
	dir       string // of all jobs, on that machine
	shellArgv []string
	spawn     func(ctx context.Context, wrapperArgs []string) error
}

// Local returns this machine. dir, which must be absolute and on a disk of this
// machine, holds the directories of the jobs; it is made when the first one
// starts. Whoever shall find the jobs again must be given the same dir.
func Local(dir string) (*Host, error) {
	if !filepath.IsAbs(dir) {
		return nil, fault.As(fault.InvalidInput, fmt.Errorf("job directory %q: give an absolute path", dir))
	}
	h := &Host{name: "this machine", dir: filepath.Clean(dir), shellArgv: []string{"sh", "-s"}}
	h.spawn = spawnLocal
	return h, nil
}

// spawnLocal starts the wrapper as the leader of a session, so that neither a
// Ctrl-C for us nor our end reaches it.
func spawnLocal(_ context.Context, wrapperArgs []string) error {
	cmd := exec.Command("sh", append([]string{"-c", wrapperScript, "drover-job"}, wrapperArgs...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = string(os.PathSeparator)
	if err := cmd.Start(); err != nil {
		return err
	}
	// Reaps it if it ends while we live; how it ended is in its directory.
	go func() { _ = cmd.Wait() }()
	return nil
}

// SSHConfig says how to reach a machine with the ssh command. The account's own
// ssh configuration applies, so that a jump host can be set there.
type SSHConfig struct {
	// Destination is host or user@host.
	Destination string
	// Port is 22 when zero.
	Port int
	// IdentityFile holds the private key; empty leaves the choice to ssh.
	IdentityFile string
	// KnownHostsFile holds the host's key; empty means the account's own. A
	// host whose key is not in it is refused.
	KnownHostsFile string
	// Dir is the directory of the jobs on that machine, absolute.
	Dir string
}

// SSH returns a machine reached with the ssh command. It asks nothing: a host
// key that is not known, and a login that would need a password, are errors.
func SSH(c SSHConfig) (*Host, error) {
	switch {
	case c.Destination == "" || strings.HasPrefix(c.Destination, "-") || strings.ContainsAny(c.Destination, " \t\n"):
		return nil, fault.As(fault.InvalidInput, fmt.Errorf("ssh destination %q: give host or user@host", c.Destination))
	case !path.IsAbs(c.Dir):
		return nil, fault.As(fault.InvalidInput, fmt.Errorf("job directory %q on %s: give an absolute path", c.Dir, c.Destination))
	case c.Port < 0 || c.Port > 65535:
		return nil, fault.As(fault.InvalidInput, fmt.Errorf("ssh port %d of %s: give 1 to 65535", c.Port, c.Destination))
	}
	argv := []string{
		"ssh", "-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
		"-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4",
	}
	if c.KnownHostsFile != "" {
		argv = append(argv, "-o", "UserKnownHostsFile="+c.KnownHostsFile)
	}
	if c.IdentityFile != "" {
		argv = append(argv, "-o", "IdentitiesOnly=yes", "-i", c.IdentityFile)
	}
	if c.Port != 0 {
		argv = append(argv, "-p", strconv.Itoa(c.Port))
	}
	// The login shell of the account sees these words only; everything that
	// varies travels on standard input to a POSIX shell.
	argv = append(argv, "--", c.Destination, "exec sh -s")
	h := &Host{name: c.Destination, dir: path.Clean(c.Dir), shellArgv: argv}
	h.spawn = h.spawnRemote
	return h, nil
}

// Name says which machine it is, in words.
func (h *Host) Name() string { return h.name }

func (h *Host) spawnRemote(ctx context.Context, wrapperArgs []string) error {
	_, err := h.ask(ctx, spawnScript, append([]string{wrapperScript}, wrapperArgs...)...)
	return err
}

// Run runs a command and waits for it. It ends when ctx does, on this machine
// with the command, over ssh perhaps without: for short commands only.
func (h *Host) Run(ctx context.Context, argv []string, env map[string]string) (Result, error) {
	if err := checkCommand(argv, env); err != nil {
		return Result{}, fmt.Errorf("run on %s: %w", h.name, err)
	}
	got, err := h.shell(ctx, runScript, withEnv(argv, env)...)
	if err != nil {
		return Result{}, fmt.Errorf("run %s on %s: %w", argv[0], h.name, err)
	}
	return got, nil
}

// withEnv puts variables before a command, in a fixed order.
func withEnv(argv []string, env map[string]string) []string {
	if len(env) == 0 {
		return argv
	}
	words := []string{"env"}
	for name, value := range env {
		words = append(words, name+"="+value)
	}
	slices.Sort(words[1:])
	return append(words, argv...)
}

func checkCommand(argv []string, env map[string]string) error {
	if len(argv) == 0 || argv[0] == "" {
		return fault.As(fault.InvalidInput, errors.New("no command given; name the program to run"))
	}
	for _, word := range argv {
		if strings.ContainsRune(word, 0) {
			return fault.As(fault.InvalidInput, fmt.Errorf("argument %q holds a NUL byte; no program can be given that", word))
		}
	}
	for name, value := range env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
			return fault.As(fault.InvalidInput, fmt.Errorf("variable %q: no program can be given that name or value", name))
		}
	}
	return nil
}

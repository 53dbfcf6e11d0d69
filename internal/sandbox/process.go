package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"drover/internal/pause"
)

// marker is the JVM property every process of a sandbox carries on its command
// line: "<dir>/<name>". By it a process is known to be ours, whatever became of
// the process that started it and whoever got its id later.
const marker = "-Ddrover.sandbox="

// running is one live process of a sandbox.
type running struct {
	name string // a daemon's name, or "tool", or "<site>/format"
	pid  int
}

// scan lists the live processes of the sandbox in dir.
func scan(ctx context.Context, dir string) ([]running, error) {
	commands, err := commandLines(ctx)
	if err != nil {
		return nil, fmt.Errorf("list processes of sandbox %s: %w", dir, err)
	}
	var found []running
	for pid, command := range commands {
		if name, ok := markedName(command, dir); ok {
			found = append(found, running{name: name, pid: pid})
		}
	}
	return found, nil
}

// markedName returns what a command line says its process is in the sandbox in
// dir. Arguments are separated by NUL, or by spaces where only ps can tell.
func markedName(command, dir string) (string, bool) {
	_, rest, found := strings.Cut(command, marker+dir+"/")
	if !found {
		return "", false
	}
	name, _, _ := strings.Cut(rest, "\x00")
	name, _, _ = strings.Cut(name, " ")
	return name, name != ""
}

// commandLines returns the command line of every live process by id. A process
// that has ended and was not yet waited for has none and is left out.
func commandLines(ctx context.Context) (map[int]string, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return commandLinesFromPS(ctx) // no /proc on macOS
	}
	commands := map[int]string{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		command, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err != nil || len(command) == 0 {
			continue // ended since, or not ours to read
		}
		commands[pid] = string(command)
	}
	return commands, nil
}

func commandLinesFromPS(ctx context.Context) (map[int]string, error) {
	out, err := exec.CommandContext(ctx, "ps", "-axww", "-o", "pid=,command=").Output()
	if err != nil {
		return nil, fmt.Errorf("ps: %w", err)
	}
	commands := map[int]string{}
	for line := range strings.Lines(string(out)) {
		id, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		pid, err := strconv.Atoi(id)
		if err != nil {
			return nil, fmt.Errorf("ps printed %q where a process id was expected", line)
		}
		commands[pid] = command
	}
	return commands, nil
}

// spawn starts a daemon that outlives this process: in a session of its own, so
// that a Ctrl-C meant for us does not reach it, writing to its log.
func (s *Sandbox) spawn(daemon string) error {
	logFile, err := openLog(s.logFile(daemon))
	if err != nil {
		return fmt.Errorf("start %s: %w", daemon, err)
	}
	defer logFile.Close()
	offset, err := logFile.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("start %s: %w", daemon, err)
	}
	// The second is java.io.tmpdir: a NameNode that finds it missing ends at once.
	for _, dir := range []string{s.dataDir(daemon), s.tmpDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("start %s: %w", daemon, err)
		}
	}
	java, err := javaBinary()
	if err != nil {
		return fmt.Errorf("start %s: %w", daemon, err)
	}
	cmd := exec.Command(java, s.daemonArgs(daemon)...)
	cmd.Dir = s.dataDir(daemon)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", daemon, err)
	}
	// Collects the exit status if the daemon ends while we live; otherwise it
	// would linger as a zombie. How it ended, its log tells.
	go func() { _ = cmd.Wait() }()
	s.state.Daemons[daemon] = process{PID: cmd.Process.Pid, StartedAt: time.Now(), LogOffset: offset}
	return s.writeState()
}

// logLimit is the size at which a log is put aside when its daemon starts.
const logLimit = 64 << 20

// openLog opens a daemon's log for a new process to append to.
func openLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
}

// stopGrace is how long a daemon may take to end by itself before it is killed.
const stopGrace = 20 * time.Second

// stop ends the processes of the sandbox whose name wanted accepts and returns
// when they are gone. They get SIGTERM first, unless at once is set.
func stop(ctx context.Context, dir string, atOnce bool, wanted func(name string) bool) error {
	began, sig := time.Now(), syscall.SIGTERM
	if atOnce {
		sig = syscall.SIGKILL
	}
	signalled := map[int]syscall.Signal{}
	for {
		if time.Since(began) > stopGrace {
			sig = syscall.SIGKILL
		}
		found, err := scan(ctx, dir)
		if err != nil {
			return err
		}
		left := 0
		for _, p := range found {
			if !wanted(p.name) {
				continue
			}
			left++
			if signalled[p.pid] == sig {
				continue
			}
			if err := syscall.Kill(p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end %s (process %d): %w", p.name, p.pid, err)
			}
			signalled[p.pid] = sig
		}
		if left == 0 {
			return nil
		}
		if err := pause.For(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("end processes of sandbox %s: %w", dir, err)
		}
	}
}

// residentBytes is the memory a process holds now; 0 when it cannot be told.
func residentBytes(ctx context.Context, pid int) int64 {
	out, err := exec.CommandContext(ctx, "ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0
	}
	kib, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		return 0
	}
	return kib * 1024
}

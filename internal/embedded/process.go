package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// child is a server that this process started and must reap.
type child struct {
	cmd *exec.Cmd
	// lifeline is the write end of the server's stdin; the server stops when it
	// closes. Nil when the server outlives this process.
	lifeline io.Closer
	done     chan struct{} // closed when the process was reaped
	err      error         // how it ended; read after done
}

// startAttempts bounds how often other ports are tried: between choosing a
// port and using it somebody else may take it.
const startAttempts = 3

func launch(ctx context.Context, o Options, bin Binary) (*Server, error) {
	var failures []error
	for range startAttempts {
		ports, err := choosePorts(o.Ports)
		if err != nil {
			return nil, err
		}
		st, err := describe(o, bin, ports)
		if err != nil {
			return nil, err
		}
		s := newServer(o, st)
		err = s.spawn(ctx)
		if err == nil {
			o.log("Temporal server %s started: process %d, %s, UI %s", s.Version, s.PID, s.GRPC, s.UI)
			return s, nil
		}
		failures = append(failures, err)
		if ctx.Err() != nil || !errors.Is(err, errDied) {
			break
		}
	}
	return nil, fmt.Errorf("start Temporal server: %w", errors.Join(failures...))
}

// describe fixes everything a start needs, so that a restart is the same.
func describe(o Options, bin Binary, ports Ports) (state, error) {
	st := state{
		Version: bin.Version, Binary: bin.Path, Ports: ports, Detached: o.Detached,
		// A database is never migrated: each server version has its own.
		DBFile:  filepath.Join(o.Dir, "temporal-"+bin.Version+".db"),
		LogFile: filepath.Join(o.Dir, "server.log"),
	}
	st.Args = []string{
		"server", "start-dev", "--ip", loopback,
		"--port", strconv.Itoa(ports.GRPC), "--http-port", strconv.Itoa(ports.HTTP), "--ui-port", strconv.Itoa(ports.UI),
		"--db-filename", st.DBFile, "--pid-file", o.pidFile(), "--log-format", "json",
	}
	if !o.Detached {
		st.Args = append(st.Args, "--exit-on-stdin-close")
	}
	for _, name := range slices.Sorted(maps.Keys(o.SearchAttributes)) {
		st.Args = append(st.Args, "--search-attribute", name+"="+o.SearchAttributes[name])
	}
	for _, key := range slices.Sorted(maps.Keys(o.DynamicConfig)) {
		value, err := json.Marshal(o.DynamicConfig[key])
		if err != nil {
			return state{}, fmt.Errorf("encode dynamic config %s: %w", key, err)
		}
		st.Args = append(st.Args, "--dynamic-config-value", key+"="+string(value))
	}
	return st, nil
}

// spawn runs the process its state describes and returns when it answers. It
// leaves nothing running when it fails.
func (s *Server) spawn(ctx context.Context) error {
	logStart, err := s.run()
	if err != nil {
		return err
	}
	s.state.PID, s.state.Started = s.child.cmd.Process.Pid, time.Now().UTC()
	s.PID, s.Found = s.state.PID, false
	// Before it answers, so that it is found even if this process dies now.
	err = s.state.write(s.opts.stateFile())
	if err == nil {
		err = s.waitReady(ctx)
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, errDied) {
		err = fmt.Errorf("%w: %w: %s (all of it in %s)", errDied, s.child.err, tail(s.LogFile, logStart), s.LogFile)
	}
	return errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
}

// run starts the process and returns where its part of the log begins.
func (s *Server) run() (logStart int64, err error) {
	log, err := os.OpenFile(s.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("open log: %w", err)
	}
	defer func() { _ = log.Close() }() // the child has its own
	if at, err := log.Stat(); err == nil {
		logStart = at.Size()
	}
	c := &child{cmd: exec.Command(s.state.Binary, s.state.Args...), done: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.Dir = s.opts.Dir
	c.cmd.SysProcAttr = ownGroup(s.state.Detached)
	if !s.state.Detached {
		if c.lifeline, err = c.cmd.StdinPipe(); err != nil {
			return 0, fmt.Errorf("open stdin of %s: %w", s.state.Binary, err)
		}
	}
	if err := c.cmd.Start(); err != nil {
		return 0, fmt.Errorf("run %s: %w", s.state.Binary, err)
	}
	go func() {
		c.err = c.cmd.Wait()
		if c.err == nil {
			c.err = errors.New("exit status 0")
		}
		close(c.done)
	}()
	s.child = c
	return logStart, nil
}

// tail returns the last lines written to path since offset.
func tail(path string, offset int64) string {
	data, err := os.ReadFile(path)
	if err != nil || int64(len(data)) < offset {
		return "its log cannot be read"
	}
	lines := strings.Split(strings.TrimSpace(string(data[offset:])), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// end signals the server and waits until it is gone; it gives way to SIGKILL
// when it takes too long.
func (s *Server) end(ctx context.Context, sig os.Signal) error {
	running, err := s.running()
	if err != nil || !running {
		return err
	}
	p, err := os.FindProcess(s.PID)
	if err != nil {
		return fmt.Errorf("find Temporal server %d: %w", s.PID, err)
	}
	if err := signal(p, sig); err != nil {
		return fmt.Errorf("end Temporal server %d: %w", s.PID, err)
	}
	patience, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	if s.waitGone(patience) == nil {
		return nil
	}
	if err := signal(p, os.Kill); err != nil {
		return fmt.Errorf("kill Temporal server %d: %w", s.PID, err)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	return s.waitGone(last)
}

// signal treats a process that has just ended as signalled.
func signal(p *os.Process, sig os.Signal) error {
	if err := p.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// running says whether the process this Server describes still lives.
func (s *Server) running() (bool, error) {
	if s.child != nil {
		select {
		case <-s.child.done:
			return false, nil
		default:
			return true, nil
		}
	}
	pid, err := holder(s.opts.pidFile())
	return pid == s.PID && pid != 0, err
}

func (s *Server) waitGone(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		running, err := s.running()
		if err != nil || !running {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of Temporal server %d: %w", s.PID, ctx.Err())
		case <-tick.C:
		}
	}
}

package sandbox

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// DaemonStatus is what is seen of one daemon.
type DaemonStatus struct {
	Name      string    `json:"name"`
	Address   string    `json:"address"`
	Running   bool      `json:"running"`
	PID       int       `json:"pid,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	RSS       int64     `json:"rssBytes,omitempty"`
	Ready     bool      `json:"ready"`
	// Problem says why the daemon is not ready.
	Problem string `json:"problem,omitempty"`
	Log     string `json:"log"`
}

// Status looks at every daemon now, in the order of DaemonNames: without those
// of HBase where Up wanted HDFS only, unless they were started since.
func (s *Sandbox) Status(ctx context.Context) ([]DaemonStatus, error) {
	s, err := s.reread()
	if err != nil {
		return nil, err
	}
	alive, err := s.pids(ctx)
	if err != nil {
		return nil, err
	}
	var list []DaemonStatus
	wanted := daemonsFor(s.state.OnlyHDFS)
	for _, name := range DaemonNames() {
		if !slices.Contains(wanted, name) && alive[name] == 0 {
			continue
		}
		st := DaemonStatus{Name: name, Address: loopback(s.state.ports().main(name)), Log: s.logFile(name), Problem: "does not run"}
		if pid := alive[name]; pid != 0 {
			st.Running, st.PID, st.RSS = true, pid, residentBytes(ctx, pid)
			st.StartedAt = s.state.Daemons[name].StartedAt
			err := s.probe(ctx, name)
			st.Ready, st.Problem = err == nil, ""
			if err != nil {
				st.Problem = err.Error()
			}
		}
		list = append(list, st)
	}
	return list, nil
}

// Kill ends one daemon with SIGKILL, as a crash would, and returns when it is
// gone. It is no error when the daemon does not run. Kill a DataNode together
// with its HMaster, which else ends itself some time later, perhaps after Start
// found it serving.
func (s *Sandbox) Kill(ctx context.Context, daemon string) error {
	if err := checkDaemon(daemon); err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return stop(ctx, s.dir, true, func(name string) bool { return name == daemon })
}

// Suspend stops a daemon's process (SIGSTOP) so that it hangs without its
// connections breaking; Resume lets it go on.
func (s *Sandbox) Suspend(ctx context.Context, daemon string) error {
	return s.signal(ctx, daemon, syscall.SIGSTOP)
}

// Resume undoes Suspend.
func (s *Sandbox) Resume(ctx context.Context, daemon string) error {
	return s.signal(ctx, daemon, syscall.SIGCONT)
}

func (s *Sandbox) signal(ctx context.Context, daemon string, sig syscall.Signal) error {
	if err := checkDaemon(daemon); err != nil {
		return fmt.Errorf("%s: %w", sig, err)
	}
	alive, err := s.pids(ctx)
	if err != nil {
		return err
	}
	if alive[daemon] == 0 {
		return fmt.Errorf("%s %s: it does not run", sig, daemon)
	}
	if err := syscall.Kill(alive[daemon], sig); err != nil {
		return fmt.Errorf("%s %s: %w", sig, daemon, err)
	}
	return nil
}

// Start starts the daemons that do not run and returns when all of them serve.
// Name those that need each other in one call: a NameNode serves only with its
// DataNode, an HMaster only with its HRegionServer.
func (s *Sandbox) Start(ctx context.Context, daemons ...string) error {
	for _, daemon := range daemons {
		if err := checkDaemon(daemon); err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s, err = s.reread()
	if err != nil {
		return err
	}
	return s.awaitReady(ctx, daemons)
}

// Down ends every process of the sandbox and returns when they are gone: HBase
// first, so that it can still write to HDFS. Data, logs and ports stay.
func (s *Sandbox) Down(ctx context.Context) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, roles := range [][]string{{RoleMaster, RoleRegionServer}, {RoleNameNode, RoleDataNode}} {
		err := stop(ctx, s.dir, false, func(name string) bool {
			_, role := splitDaemon(name)
			return role == roles[0] || role == roles[1]
		})
		if err != nil {
			return err
		}
	}
	return stop(ctx, s.dir, false, func(string) bool { return true })
}

// Remove ends every process at once and deletes the directory.
func (s *Sandbox) Remove(ctx context.Context) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := stop(ctx, s.dir, true, func(string) bool { return true }); err != nil {
		return err
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("remove sandbox %s: %w", s.dir, err)
	}
	return nil
}

// reread returns the sandbox with what other processes may have changed since,
// and leaves s alone: others may be using it.
func (s *Sandbox) reread() (*Sandbox, error) {
	st, err := readState(s.dir)
	if err != nil {
		return nil, err
	}
	return &Sandbox{dir: s.dir, log: s.log, state: st}, nil
}

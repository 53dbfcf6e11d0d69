package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// state is what a later run must know to use, stop and restart a server.
type state struct {
	PID      int       `json:"pid"`
	Version  string    `json:"version"`
	Binary   string    `json:"binary"`
	Args     []string  `json:"args"`
	Ports    Ports     `json:"ports"`
	DBFile   string    `json:"dbFile"`
	LogFile  string    `json:"logFile"`
	Detached bool      `json:"detached"`
	Started  time.Time `json:"started"`
}

func readState(path string) (state, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return state{}, err
	}
	var st state
	if err := json.Unmarshal(data, &st); err != nil {
		return state{}, fmt.Errorf("decode %s: %w", path, err)
	}
	return st, nil
}

// write replaces the file at once, so that no reader sees half of it.
func (st state) write(path string) error {
	data, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return fmt.Errorf("encode state of the Temporal server: %w", err)
	}
	draft := path + ".new"
	if err := os.WriteFile(draft, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write state of the Temporal server: %w", err)
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("write state of the Temporal server: %w", err)
	}
	return nil
}

// holder returns the pid of the server that holds pidFile, 0 when none does.
// A pid alone would prove nothing: numbers are used again, the lock is not.
func holder(pidFile string) (int, error) {
	if _, err := os.Stat(pidFile); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	lock := flock.New(pidFile)
	free, err := lock.TryLock()
	if err != nil {
		return 0, fmt.Errorf("look who holds %s: %w", pidFile, err)
	}
	if free {
		if err := lock.Unlock(); err != nil {
			return 0, fmt.Errorf("look who holds %s: %w", pidFile, err)
		}
		return 0, nil
	}
	data, err := os.ReadFile(pidFile)
	if err != nil {
		return 0, fmt.Errorf("look who holds %s: %w", pidFile, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, fmt.Errorf("look who holds %s: %w", pidFile, err)
	}
	return pid, nil
}

func newServer(o Options, st state) *Server {
	at := func(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
	return &Server{
		GRPC: at(st.Ports.GRPC),
		HTTP: "http://" + at(st.Ports.HTTP),
		UI:   "http://" + at(st.Ports.UI),
		PID:  st.PID, Version: st.Version, LogFile: st.LogFile, DBFile: st.DBFile,
		opts: o, state: st,
	}
}

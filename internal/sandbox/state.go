package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// state is what a later process must know about a sandbox: the content of
// state.json. It is read and written only under the directory's lock.
type state struct {
	BasePort int `json:"basePort"`
	// Libs is the directory the jars of these daemons are in.
	Libs                string            `json:"libs"`
	FullJIT             bool              `json:"fullJIT,omitempty"`
	BulkLoadReplication bool              `json:"bulkLoadReplication,omitempty"`
	HBaseSite           map[string]string `json:"hbaseSite,omitempty"`
	// OnlyHDFS says that the last Up wanted nothing of HBase.
	OnlyHDFS bool               `json:"onlyHDFS,omitempty"`
	Daemons  map[string]process `json:"daemons"`
}

// process is one started daemon.
type process struct {
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"startedAt"`
	// LogOffset is the length of the daemon's log when it was started: what
	// stands before belongs to an earlier process.
	LogOffset int64 `json:"logOffset"`
}

func (s state) ports() ports { return ports{base: s.BasePort} }

// stateFile is in the sandbox's directory.
const stateFile = "state.json"

// errNoState means that no sandbox was ever started in the directory.
var errNoState = errors.New("no sandbox here")

func readState(dir string) (state, error) {
	var st state
	body, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return st, fmt.Errorf("open sandbox %s: %w; start one with `drover sandbox up --dir %s`", dir, errNoState, dir)
	}
	if err != nil {
		return st, fmt.Errorf("open sandbox %s: %w", dir, err)
	}
	if err := json.Unmarshal(body, &st); err != nil {
		return st, fmt.Errorf("open sandbox %s: %s is damaged: %w; end its daemons, then remove the directory", dir, stateFile, err)
	}
	if st.Daemons == nil {
		st.Daemons = map[string]process{}
	}
	return st, nil
}

func (s *Sandbox) writeState() error {
	body, err := json.MarshalIndent(s.state, "", "  ")
	if err == nil {
		err = writeFile(filepath.Join(s.dir, stateFile), append(body, '\n'))
	}
	if err != nil {
		return fmt.Errorf("record state of sandbox %s: %w", s.dir, err)
	}
	return nil
}

// Package embedded gives Drover a Temporal service when nobody named one: it
// builds the server of the nested module internal/devserver once into the
// user's cache directory, runs it as a child process on loopback with a
// database file, and finds it again on the next run.
//
// TEMPORAL_ADDRESS, a profile or a configured address wins over it; see
// Resolve. The package knows the server only as a process that answers on
// three ports, so nothing of Temporal is linked into its importers.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// ErrNotRunning says that no server runs on the directory asked about.
var ErrNotRunning = errors.New("no embedded Temporal server is running")

// Options says where the server keeps its files and how long it lives.
type Options struct {
	// Dir holds database, log and state; default: drover/temporal in the user's
	// cache directory. One server runs on a directory at a time.
	Dir string
	// BinDir holds the built server; default as for Dir, so that servers on
	// several directories share one build.
	BinDir string
	// Ports forces ports. A zero takes the default (gRPC 7233, HTTP 7243,
	// UI 8233) when it is free and any free port otherwise.
	Ports Ports
	// Detached lets the server outlive this process. Otherwise it stops when
	// this process ends in whatever way, SIGKILL included.
	Detached bool
	// SearchAttributes are registered before Start returns: name to type
	// (Keyword, Int, Double, Bool, Datetime, Text, KeywordList).
	SearchAttributes map[string]string
	// DynamicConfig overrides settings of the server, for tests.
	DynamicConfig map[string]any
	// Log receives lines for the operator, without line ends; nil drops them.
	// A first start takes minutes and says so at least every ten seconds.
	Log func(line string)
}

// Ports are the three TCP ports of a server.
type Ports struct {
	GRPC int `json:"grpc"`
	HTTP int `json:"http"`
	UI   int `json:"ui"`
}

// Server is a running server. Its methods are for one goroutine at a time.
type Server struct {
	GRPC string // "127.0.0.1:7233", for an SDK client
	HTTP string // "http://127.0.0.1:7243", plain JSON API
	UI   string // "http://127.0.0.1:8233"
	PID  int

	Version string // of the Temporal server, "1.32.1"
	LogFile string // what the server wrote to stdout and stderr
	DBFile  string
	// Found says that the server was running already. Who found it leaves it
	// running; only an explicit wish of the operator stops it.
	Found bool

	opts  Options
	state state
	child *child // nil when another process started the server
}

// Start returns a server that answers: the one that runs on the directory, or
// a new one, for which it first builds the binary if there is none.
func Start(ctx context.Context, o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := Find(ctx, o)
	if !errors.Is(err, ErrNotRunning) {
		return s, err
	}
	bin, err := Build(ctx, o)
	if err != nil {
		return nil, err
	}
	// Two starts at the same time must end with one server.
	lock := flock.New(filepath.Join(o.Dir, "start.lock"))
	if ok, err := lock.TryLockContext(ctx, pollEvery); !ok {
		return nil, fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	defer func() { _ = lock.Unlock() }()
	s, err = Find(ctx, o)
	if !errors.Is(err, ErrNotRunning) {
		return s, err
	}
	return launch(ctx, o, bin)
}

// Find returns the server that runs on the directory, or ErrNotRunning. It
// trusts no pid it has read: the server holds a lock on its pid file for as
// long as it lives.
func Find(ctx context.Context, o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	pid, err := holder(o.pidFile())
	if err != nil {
		return nil, err
	}
	if pid == 0 {
		return nil, ErrNotRunning
	}
	st, err := readState(o.stateFile())
	if err != nil {
		return nil, fmt.Errorf("find the Temporal server of %s (process %d runs): %w: end that process and start again", o.Dir, pid, err)
	}
	if st.PID != pid {
		return nil, fmt.Errorf("find the Temporal server of %s: process %d runs it, %s names %d: end that process and start again",
			o.Dir, pid, o.stateFile(), st.PID)
	}
	s := newServer(o, st)
	s.Found = true
	if err := s.waitReady(ctx); err != nil {
		return nil, fmt.Errorf("find the Temporal server of %s: process %d does not answer: %w", o.Dir, pid, err)
	}
	o.log("Temporal server %s found running: process %d, %s, UI %s", s.Version, s.PID, s.GRPC, s.UI)
	if !st.Detached {
		o.log("that server stops with the process that started it")
	}
	return s, nil
}

// Stop asks the server to end, kills it after ten seconds or when ctx is done,
// and returns when it is gone. A server that is gone already is no error.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.end(ctx, os.Interrupt); err != nil {
		return err
	}
	if err := os.Remove(s.opts.stateFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("stop Temporal server: %w", err)
	}
	return nil
}

// Kill ends the server without warning, as a crash would, and returns when it
// is gone. Restart brings it back.
func (s *Server) Kill() error { return s.end(context.Background(), os.Kill) }

// Restart starts the server again on the same ports and the same database,
// after ending it if it still runs.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.end(ctx, os.Interrupt); err != nil {
		return err
	}
	if err := s.spawn(ctx); err != nil {
		return fmt.Errorf("restart Temporal server: %w", err)
	}
	return nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" || o.BinDir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return o, fmt.Errorf("find the user's cache directory: %w: set XDG_CACHE_HOME", err)
		}
		base := filepath.Join(cache, "drover", "temporal")
		if o.Dir == "" {
			o.Dir = base
		}
		if o.BinDir == "" {
			o.BinDir = base
		}
	}
	var err error
	for _, dir := range []*string{&o.Dir, &o.BinDir} {
		if *dir, err = filepath.Abs(*dir); err != nil {
			return o, fmt.Errorf("directory of the Temporal server: %w", err)
		}
		if err = os.MkdirAll(*dir, 0o700); err != nil {
			return o, fmt.Errorf("directory of the Temporal server: %w", err)
		}
	}
	return o, nil
}

func (o Options) pidFile() string   { return filepath.Join(o.Dir, "server.pid") }
func (o Options) stateFile() string { return filepath.Join(o.Dir, "server.json") }

func (o Options) log(format string, args ...any) {
	if o.Log != nil {
		o.Log(fmt.Sprintf(format, args...))
	}
}

const (
	pollEvery    = 25 * time.Millisecond
	stopPatience = 10 * time.Second
	// readyPatience is far above the 0.3 s a start takes on an idle machine: a
	// first one competes with the sandbox's daemons for two cores.
	readyPatience = 60 * time.Second
)

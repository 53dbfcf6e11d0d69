package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"drover/internal/fault"
)

// Spec is a command that shall run once under a name.
type Spec struct {
	// Name is the same for every attempt to start this job, and for no other
	// job: letters, digits, dot, dash and underscore, at most 100.
	Name string
	// Argv is the program and its arguments. No shell looks at them.
	Argv []string
	// Env holds variables set beside those of the account. Other users of the
	// machine may see them, as they see Argv: no secrets.
	Env map[string]string
}

// Phase is where a job is.
type Phase string

const (
	// Absent means that nothing was started under the name.
	Absent Phase = "absent"
	// Running means that a process of the job lives.
	Running Phase = "running"
	// Exited means that the command ended and left its exit code.
	Exited Phase = "exited"
	// Cancelled means that it was ended by Cancel.
	Cancelled Phase = "cancelled"
	// Lost means that every process of the job is gone and none left an exit
	// code: somebody used SIGKILL, or the machine was restarted.
	Lost Phase = "lost"
)

// State is what is known of a job.
type State struct {
	Phase Phase
	// ExitCode counts when Phase is Exited or Cancelled; -1 is unknown. As a
	// shell has it, 127 is a command not found and 128+n an end by signal n.
	ExitCode int
	// PID leads the process group of the job.
	PID                int
	StartedAt, EndedAt time.Time
}

// Stream names what a job said.
type Stream string

// The streams of a job.
const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
)

const (
	startDeadline = 30 * time.Second
	firstLook     = 5 * time.Millisecond
	slowestLook   = 500 * time.Millisecond
)

// Start starts a job, or adopts the one that was started under this name before
// by whatever process, running or ended. Another command under a name that is
// taken is a fault.Conflict.
func (h *Host) Start(ctx context.Context, spec Spec) (State, error) {
	dir, err := h.jobDir(spec.Name)
	if err == nil {
		err = checkCommand(spec.Argv, spec.Env)
	}
	if err != nil {
		return State{}, fmt.Errorf("start job on %s: %w", h.name, err)
	}
	state, err := h.start(ctx, dir, withEnv(spec.Argv, spec.Env))
	if err != nil {
		return State{}, fmt.Errorf("start job %s on %s: %w", spec.Name, h.name, err)
	}
	return state, nil
}

func (h *Host) start(ctx context.Context, dir string, argv []string) (State, error) {
	digest := digestOf(argv)
	got, err := h.shell(ctx, prepareScript, dir, digest, Printable(argv))
	if err != nil {
		return State{}, err
	}
	if got.ExitCode != 0 {
		return State{}, fmt.Errorf("make %s: %s; give a directory this account may write to", dir, oneLine(got.Stderr))
	}
	if have := strings.TrimSpace(string(got.Stdout)); have != digest {
		return State{}, fault.As(fault.Conflict, fmt.Errorf("the name was used for another command, see %s; use another name",
			path.Join(dir, "spec")))
	}
	state, err := h.look(ctx, dir)
	if err != nil || state.Phase != Absent {
		return state, err
	}
	if err := h.spawn(ctx, append([]string{dir}, argv...)); err != nil {
		return State{}, err
	}
	deadline, cancel := context.WithTimeoutCause(ctx, startDeadline,
		fault.As(fault.Unavailable, fmt.Errorf("it did not begin within %v; is the disk of %s full?", startDeadline, dir)))
	defer cancel()
	return h.await(deadline, dir, func(s State) bool { return s.Phase != Absent })
}

// digestOf is the same for the same words.
func digestOf(argv []string) string {
	sum := sha256.Sum256([]byte(strings.Join(argv, "\x00")))
	return hex.EncodeToString(sum[:])
}

// await looks, first often and then seldom, until the state is as wanted.
func (h *Host) await(ctx context.Context, dir string, wanted func(State) bool) (State, error) {
	for pause := firstLook; ; pause = min(2*pause, slowestLook) {
		state, err := h.look(ctx, dir)
		if err != nil || wanted(state) {
			return state, err
		}
		select {
		case <-ctx.Done():
			return state, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// Look says where a job is.
func (h *Host) Look(ctx context.Context, name string) (State, error) {
	dir, err := h.jobDir(name)
	if err == nil {
		var state State
		if state, err = h.look(ctx, dir); err == nil {
			return state, nil
		}
	}
	return State{}, fmt.Errorf("look at job %s on %s: %w", name, h.name, err)
}

func (h *Host) look(ctx context.Context, dir string) (State, error) {
	said, err := h.ask(ctx, lookScript, dir)
	if err != nil {
		return State{}, err
	}
	return parseState(string(said))
}

func parseState(said string) (State, error) {
	state := State{ExitCode: -1}
	cancelled := false
	for line := range strings.Lines(said) {
		word, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		var number int64
		var err error
		switch word {
		case "phase":
			state.Phase = Phase(value)
			continue
		case "cancelled":
			cancelled = true
			continue
		}
		if number, err = strconv.ParseInt(value, 10, 64); err != nil {
			return State{}, fmt.Errorf("its directory is damaged: %q where a number was expected; remove it if nothing of the job runs", value)
		}
		switch word {
		case "pid":
			state.PID = int(number)
		case "code":
			state.ExitCode = int(number)
		case "started":
			state.StartedAt = time.Unix(number, 0)
		case "ended":
			state.EndedAt = time.Unix(number, 0)
		}
	}
	if cancelled && (state.Phase == Exited || state.Phase == Lost) {
		state.Phase = Cancelled
	}
	return state, nil
}

// Jobs lists the names of the jobs that begin with prefix and were not
// forgotten.
func (h *Host) Jobs(ctx context.Context, prefix string) ([]string, error) {
	said, err := h.ask(ctx, listScript, h.dir)
	if err != nil {
		return nil, fmt.Errorf("list jobs on %s: %w", h.name, err)
	}
	var names []string
	for name := range strings.Lines(string(said)) {
		if name = strings.TrimSpace(name); strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Output returns at most limit bytes of what a job said, from offset. Less than
// limit means that there is no more now.
func (h *Host) Output(ctx context.Context, name string, stream Stream, offset int64, limit int) ([]byte, error) {
	dir, err := h.jobDir(name)
	if err != nil {
		return nil, err
	}
	said, err := h.ask(ctx, outputScript, dir, string(stream), strconv.FormatInt(offset+1, 10), strconv.Itoa(limit))
	if err != nil {
		return nil, fmt.Errorf("read %s of job %s on %s: %w", stream, name, h.name, err)
	}
	return said, nil
}

// Cancel ends a job: SIGTERM to its process group, SIGKILL after grace, and
// returns when no process of it is left. A job that has ended stays as it is.
func (h *Host) Cancel(ctx context.Context, name string, grace time.Duration) (State, error) {
	dir, err := h.jobDir(name)
	if err == nil {
		var state State
		if state, err = h.cancel(ctx, dir, grace); err == nil {
			return state, nil
		}
	}
	return State{}, fmt.Errorf("cancel job %s on %s: %w", name, h.name, err)
}

func (h *Host) cancel(ctx context.Context, dir string, grace time.Duration) (State, error) {
	ended := func(s State) bool { return s.Phase != Running }
	state, err := h.look(ctx, dir)
	if err != nil || ended(state) {
		return state, err
	}
	patience, stop := context.WithTimeout(ctx, grace)
	defer stop()
	// More than once: a shell between fork and exec swallows a signal.
	for patience.Err() == nil {
		if err := h.signal(ctx, dir, "TERM"); err != nil {
			return State{}, err
		}
		turn, end := context.WithTimeout(patience, time.Second)
		state, err = h.await(turn, dir, ended)
		expired := turn.Err() != nil
		end()
		if err == nil || ctx.Err() != nil || !expired {
			return state, err
		}
	}
	if err := h.signal(ctx, dir, "KILL"); err != nil {
		return State{}, err
	}
	return h.await(ctx, dir, ended)
}

func (h *Host) signal(ctx context.Context, dir, signal string) error {
	_, err := h.ask(ctx, signalScript, dir, signal)
	return err
}

// Forget removes what is left of a job that does not run.
func (h *Host) Forget(ctx context.Context, name string) error {
	state, err := h.Look(ctx, name)
	if err != nil {
		return err
	}
	if state.Phase == Running {
		return fault.As(fault.Conflict, fmt.Errorf("forget job %s on %s: it runs as process %d; cancel it first", name, h.name, state.PID))
	}
	dir, err := h.jobDir(name)
	if err != nil {
		return err
	}
	if _, err := h.ask(ctx, forgetScript, dir); err != nil {
		return fmt.Errorf("forget job %s on %s: %w", name, h.name, err)
	}
	return nil
}

func (h *Host) jobDir(name string) (string, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`).MatchString(name) {
		return "", fault.As(fault.InvalidInput, fmt.Errorf("job name %q: use letters, digits, dot, dash and underscore, at most 100", name))
	}
	return path.Join(h.dir, name), nil
}

package distcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"drover/internal/command"
	"drover/internal/fault"
	"drover/internal/preflight"
)

// Engine runs distcp on one machine: beside the source, beside the target, or
// beside neither.
type Engine struct {
	Host *command.Host
	// Bin is the directory of the commands hadoop and mapred there; empty means
	// that they are on the account's PATH.
	Bin string
	// Env holds variables for them, such as HADOOP_CONF_DIR. No secrets.
	Env map[string]string
}

// Progress is how far a run is.
type Progress struct {
	JobID string
	// MapPercent is -1 until the job says how far it is.
	MapPercent int
	PID        int
}

// Result is a run that ended well.
type Result struct {
	JobID              string // none when there was nothing to copy
	Counters           Counters
	StartedAt, EndedAt time.Time // whole seconds, by the clock of that machine
}

const (
	outputPiece = 1 << 20
	killGrace   = 20 * time.Second
	// A look at a run costs a few processes, over ssh a few logins: it waits a
	// tenth of what the run took so far, within these bounds.
	shortestWait = 100 * time.Millisecond
	longestWait  = 15 * time.Second
)

// Command is the command line a run has, as argv.
func (e Engine) Command(argv []string) []string { return append([]string{e.tool("hadoop")}, argv...) }

func (e Engine) tool(name string) string {
	if e.Bin == "" {
		return name
	}
	return path.Join(e.Bin, name)
}

// Run runs distcp with the arguments of Baseline, ResumeBaseline or Round as the
// job name, and waits for its end. Called again with the same name and
// arguments, by whatever process, it goes on waiting for the same run, or
// returns how it ended: a name stands for one attempt. progress is called at
// every look.
//
// When ctx ends Run returns and the run goes on; Cancel ends it. A run that
// failed is a *Failure of the kind of its cause.
func (e Engine) Run(ctx context.Context, name string, argv []string, progress func(Progress)) (Result, error) {
	began := time.Now()
	state, err := e.Host.Start(ctx, command.Spec{Name: name, Argv: e.Command(argv), Env: e.Env})
	if err != nil {
		return Result{}, err
	}
	said := e.listen(name)
	for {
		// The state is older than the output read after it: when it says
		// ended, all of the output is there.
		if err := said.catchUp(ctx); err != nil {
			return Result{}, err
		}
		progress(Progress{JobID: said.jobID(), MapPercent: max(said.stderr.MapPercent, said.stdout.MapPercent), PID: state.PID})
		if state.Phase != command.Running {
			return said.result(state)
		}
		select {
		case <-ctx.Done():
			return Result{}, fmt.Errorf("wait for distcp job %s, which goes on: %w", name, context.Cause(ctx))
		case <-time.After(min(max(time.Since(began)/10, shortestWait), longestWait)):
		}
		if state, err = e.Host.Look(ctx, name); err != nil {
			return Result{}, err
		}
	}
}

// Cancel ends a run: the MapReduce job on YARN if there is one, then the client
// with all it started. A run that is lost may still have its job on YARN; that
// is killed too. It is no error when the run ended before.
func (e Engine) Cancel(ctx context.Context, name string) error {
	state, err := e.Host.Look(ctx, name)
	if err != nil || state.Phase == command.Absent || state.Phase == command.Exited {
		return err
	}
	said := e.listen(name)
	if err := said.catchUp(ctx); err != nil {
		return err
	}
	killed := e.killJob(ctx, said.jobID())
	_, err = e.Host.Cancel(ctx, name, killGrace)
	return errors.Join(killed, err)
}

// killJob kills a job on YARN. Those of LocalJobRunner live in the client.
func (e Engine) killJob(ctx context.Context, id string) error {
	if id == "" || strings.HasPrefix(id, "job_local") {
		return nil
	}
	got, err := e.Host.Run(ctx, []string{e.tool("mapred"), "job", "-kill", id}, e.Env)
	if err == nil && got.ExitCode != 0 {
		err = fmt.Errorf("exit code %d: %s", got.ExitCode, lastLine(got.Stderr))
	}
	if err != nil {
		return fmt.Errorf("kill MapReduce job %s: %w; kill it by hand: yarn application -kill application_%s", id, err, strings.TrimPrefix(id, "job_"))
	}
	return nil
}

// Ids of what CheckReach finds.
const (
	FindingHost  = "distcp-no-command"
	FindingReach = "distcp-unreachable"
)

// CheckReach asks, on the machine distcp would run on and with its
// configuration, for each of the directories: whether its nameservice resolves,
// its NameNode answers and the account may look. It changes nothing and takes
// the start of a JVM for each.
func (e Engine) CheckReach(ctx context.Context, dirs ...string) []preflight.Finding {
	var found []preflight.Finding
	for _, dir := range dirs {
		argv := e.Command([]string{"fs", "-ls", "-d", dir})
		got, err := e.Host.Run(ctx, argv, e.Env)
		switch {
		case err != nil:
			return append(found, block(FindingHost, e.Host.Name(), err.Error(), "start the worker on that machine, or correct the key hadoop.ssh of the worker's configuration"))
		case got.ExitCode == 126 || got.ExitCode == 127:
			return append(found, block(FindingHost, e.Host.Name(), argv[0]+" is not there or cannot be executed", "correct the key hadoop.bin of the worker's configuration"))
		case got.ExitCode != 0:
			found = append(found, unreached(dir, argv, got.Stderr))
		}
	}
	return found
}

func unreached(dir string, argv []string, stderr []byte) preflight.Finding {
	said := NewTranscript()
	said.take(stderr)
	said.end()
	cause, line := said.cause()
	if cause.ID == unknown {
		cause.Means, line = "it cannot be listed", lastLine(stderr)
		cause.Do = "run " + command.Printable(argv) + " on the machine distcp runs on"
	}
	return block(FindingReach, dir, cause.Means+": "+clip(line, 300), cause.Do)
}

func lastLine(said []byte) string {
	text := strings.TrimSpace(string(said))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// listening is the output of a job as far as it was read.
type listening struct {
	host           *command.Host
	name           string
	stdout, stderr *Transcript
	offsets        map[command.Stream]int64
}

func (e Engine) listen(name string) *listening {
	return &listening{e.Host, name, NewTranscript(), NewTranscript(), map[command.Stream]int64{}}
}

// catchUp reads what was said since.
func (l *listening) catchUp(ctx context.Context) error {
	for stream, t := range map[command.Stream]*Transcript{command.Stdout: l.stdout, command.Stderr: l.stderr} {
		for {
			piece, err := l.host.Output(ctx, l.name, stream, l.offsets[stream], outputPiece)
			if err != nil {
				return err
			}
			t.take(piece)
			l.offsets[stream] += int64(len(piece))
			if len(piece) < outputPiece {
				break
			}
		}
	}
	return nil
}

func (l *listening) jobID() string { return cmp.Or(l.stderr.JobID, l.stdout.JobID) }

func (l *listening) result(state command.State) (Result, error) {
	l.stdout.end()
	l.stderr.end()
	if state.Phase == command.Absent {
		return Result{}, fault.As(fault.Unavailable, fmt.Errorf("distcp job %s: its directory on %s is gone", l.name, l.host.Name()))
	}
	if err := Classify(l.stdout, l.stderr, state); err != nil {
		return Result{}, err
	}
	counters := l.stderr.Counters
	if !l.stderr.HasCounters {
		counters = l.stdout.Counters
	}
	return Result{JobID: l.jobID(), Counters: counters, StartedAt: state.StartedAt, EndedAt: state.EndedAt}, nil
}

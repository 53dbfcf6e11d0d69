// Package hook runs a command that an operator put into the configuration for
// a moment of a run: without a shell, with a bounded time and a little of its
// output kept.
package hook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Command is what is run.
type Command struct {
	// Argv is the program and its arguments, as they are.
	Argv []string
	// Env is added to the little that a hook inherits (see inherited).
	Env []string
	// Hidden are texts that are replaced in what is kept of the output.
	Hidden []string
	// Timeout ends the command; 0 means never.
	Timeout time.Duration
}

// Result is how a command ended that could be started.
type Result struct {
	// Exit is its exit code; 0 is success.
	Exit int `json:"exit"`
	// Tail is the end of what it wrote to stdout and stderr.
	Tail   string `json:"tail,omitempty"`
	Millis int64  `json:"millis"`
}

// kept is how many bytes of output are kept.
const kept = 2000

// grace is how long a command that is told to end may take.
const grace = 10 * time.Second

// inherited are the variables of this process that a command sees; the others
// may hold what is none of its business.
var inherited = []string{"PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR"}

// Run runs the command to its end. A command that ends with another code than 0
// is no error. When ctx ends or the time is up the command and what it started
// are told to end, then killed; that is an error.
func Run(ctx context.Context, c Command) (Result, error) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if c.Timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, c.Timeout)
	}
	defer cancel()
	out := &tail{}
	cmd := exec.CommandContext(limited, c.Argv[0], c.Argv[1:]...)
	cmd.Env = append(cmd.Env, c.Env...)
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = grace
	ownGroup(cmd)
	began := time.Now()
	err := cmd.Run()
	res := Result{Tail: c.hide(out.String()), Millis: time.Since(began).Milliseconds()}
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return res, errors.Join(ctx.Err(), killGroup(cmd))
	case limited.Err() != nil:
		return res, errors.Join(fmt.Errorf("%s did not end within %s: %w", c.Argv[0], c.Timeout, limited.Err()), killGroup(cmd))
	case errors.Is(err, exec.ErrWaitDelay):
		return res, nil // it ended well and left a child that holds its output
	case errors.As(err, &ended):
		res.Exit = ended.ExitCode()
		return res, nil
	case err != nil:
		return res, fmt.Errorf("run %s: %w", c.Argv[0], err)
	}
	return res, nil
}

// hide takes the secrets out of the output and cuts it to what is kept.
func (c Command) hide(text string) string {
	for _, secret := range c.Hidden {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "**redacted**")
		}
	}
	return strings.TrimSpace(strings.ToValidUTF8(text[max(0, len(text)-kept):], ""))
}

// tail keeps the end of what is written. One pipe feeds it: no lock.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	// Twice as much is held, so that a secret is not cut before it is hidden.
	if over := len(t.text) - 2*kept; over > 0 {
		t.text = append([]byte(nil), t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.text) }

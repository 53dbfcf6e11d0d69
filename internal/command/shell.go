package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"drover/internal/fault"
)

// Result is what a program that was waited for left.
type Result struct {
	Stdout, Stderr []byte
	ExitCode       int
}

// trailer begins the last line of stderr of every script: without it the
// script did not get to its end, and the connection is to blame.
const trailer = "drover-script-ended "

// shell runs body in a POSIX shell on the machine in question, with args as $1
// and so on and an empty standard input. A code other than zero is an answer.
func (h *Host) shell(ctx context.Context, body string, args ...string) (Result, error) {
	script := "body() {\n" + body + "\n}\nbody " + quoteAll(args) + " </dev/null\n" +
		"printf '\\n%s%d\\n' '" + trailer + "' \"$?\" >&2\nexit 0\n"
	cmd := exec.CommandContext(ctx, h.shellArgv[0], h.shellArgv[1:]...)
	cmd.Stdin = strings.NewReader(script)
	// What the script started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	said, code, ended := cutTrailer(stderr.Bytes())
	if ended {
		return Result{Stdout: stdout.Bytes(), Stderr: said, ExitCode: code}, nil
	}
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) {
		err = fmt.Errorf("%s ended early: %s", h.shellArgv[0], oneLine(said))
	}
	return Result{}, fault.As(fault.Unavailable, fmt.Errorf("%w; check that %s can be reached", err, h.name))
}

// ask is shell for a script that must end well.
func (h *Host) ask(ctx context.Context, body string, args ...string) (said []byte, err error) {
	got, err := h.shell(ctx, body, args...)
	if err == nil && got.ExitCode != 0 {
		err = errors.New(oneLine(got.Stderr))
	}
	return got.Stdout, err
}

// cutTrailer takes the script's exit code off what it said.
func cutTrailer(stderr []byte) (said []byte, code int, ended bool) {
	at := bytes.LastIndex(stderr, []byte("\n"+trailer))
	if at < 0 {
		return stderr, 0, false
	}
	number := strings.TrimSpace(string(stderr[at+1+len(trailer):]))
	code, err := strconv.Atoi(number)
	return stderr[:at], code, err == nil
}

// oneLine returns the end of what a program said, fit for an error.
func oneLine(said []byte) string {
	lines := strings.FieldsFunc(strings.TrimSpace(string(said)), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) == 0 {
		return "it said nothing"
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

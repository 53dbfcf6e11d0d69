package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Child runs this same program again with args, waits for it and returns what
// it cost: our side of a pair.
func Child(ctx context.Context, args ...string) (Cost, error) {
	self, err := os.Executable()
	if err != nil {
		return Cost{}, fmt.Errorf("run %s: %w", args[0], err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return Cost{}, fmt.Errorf("run %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out.Bytes()))
	}
	return Cost{
		Wall: time.Since(began),
		CPU:  cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		RSS:  maxRSS(cmd.ProcessState),
	}, nil
}

// maxRSS returns the largest resident size a finished process had, in bytes.
func maxRSS(done *os.ProcessState) int64 {
	usage, ok := done.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return usage.Maxrss // bytes there, kilobytes elsewhere
	}
	return usage.Maxrss * 1024
}

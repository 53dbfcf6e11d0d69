package s3test

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends the server with a test that is killed, at its deadline for
// example.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

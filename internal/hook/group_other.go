//go:build !unix

package hook

import "os/exec"

// ownGroup and killGroup have no portable counterpart: the command alone ends.
func ownGroup(*exec.Cmd) {}

func killGroup(*exec.Cmd) error { return nil }

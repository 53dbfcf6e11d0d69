//go:build unix

package embedded

import "syscall"

// ownGroup keeps the terminal's Ctrl-C from the server: its starter decides
// when it ends. A detached server also leaves the session, so that closing the
// terminal does not end it.
func ownGroup(detached bool) *syscall.SysProcAttr {
	if detached {
		return &syscall.SysProcAttr{Setsid: true}
	}
	return &syscall.SysProcAttr{Setpgid: true}
}

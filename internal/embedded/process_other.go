//go:build !unix

package embedded

import "syscall"

// ownGroup has no portable counterpart here.
func ownGroup(bool) *syscall.SysProcAttr { return nil }

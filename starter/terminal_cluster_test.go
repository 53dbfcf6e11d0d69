//go:build cluster && linux

package main

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// onTerminal starts the program with a terminal for all its streams.
func (b *built) onTerminal(args ...string) *running {
	b.t.Helper()
	master, slave := terminal(b.t)
	r := &running{t: b.t, cmd: b.command(args...), done: make(chan struct{})}
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = slave, slave, slave
	go func() { _, _ = io.Copy(&r.out, master) }() // ends with the terminal
	r.begin()
	return r
}

// terminal opens a pseudo terminal of 120 columns.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	var unlocked, number int32
	size := [4]uint16{40, 120}
	control(t, master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	control(t, master, syscall.TIOCGPTN, unsafe.Pointer(&number))
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	control(t, slave, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	return master, slave
}

func control(t *testing.T, f *os.File, request uintptr, arg unsafe.Pointer) {
	t.Helper()
	conn, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var errno syscall.Errno
	if err := conn.Control(func(fd uintptr) { _, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(arg)) }); err != nil || errno != 0 {
		t.Fatalf("ioctl %#x of %s: %v, %v", request, f.Name(), err, errno)
	}
}

// Package command runs programs of others, such as hadoop distcp, so that they
// outlive whoever started them: on this machine, or on another one over ssh.
//
// A program that runs for hours must not end because a worker was restarted,
// and must not be started twice because the worker forgot it. So every program
// is a job with a name and a directory of its own on the machine it runs on:
//
//	spec       digest of the command and, for people, the command itself
//	pid        process id, identity of that process, start (seconds since 1970)
//	stdout     what it said
//	stderr
//	exit       exit code, end (seconds since 1970); absent while it runs
//	cancelled  there when Cancel was called
//
// A second Start under the same name finds the directory and adopts the job,
// running or ended. The identity of a process is the boot of the machine and
// the tick the process was started at (on systems without /proc: its start as
// ps says it), so a process that later got the same id is never taken for it.
//
// The same POSIX shell scripts do the work on both kinds of machine. They need
// sh, ln, tail, head and sleep, over ssh also setsid of util-linux; the worker
// needs the ssh command.
package command

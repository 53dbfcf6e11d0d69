package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/serviceerror"

	"drover/internal/fault"
	"drover/workflows/step"
)

// Exit codes. They are part of the interface: scripts branch on them.
const (
	codeOK          = 0
	codeFailed      = 1
	codeUsage       = 2
	codeRefused     = 3
	codeNotFound    = 4
	codeUnreachable = 5
	codeUnknown     = 6
	codeUnproven    = 7
	codeInterrupted = 130
)

func allCodes() []int {
	return []int{codeOK, codeFailed, codeUsage, codeRefused, codeNotFound, codeUnreachable, codeUnknown, codeUnproven, codeInterrupted}
}

func codeMeaning(code int) string {
	switch code {
	case codeOK:
		return "done"
	case codeFailed:
		return "failed, or compared and different"
	case codeUsage:
		return "the command line, the input or the configuration is wrong; nothing was done"
	case codeRefused:
		return "refused: by a gate, by preflight, or by a human"
	case codeNotFound:
		return "no such run, runbook, site, snapshot or file"
	case codeUnreachable:
		return "Temporal or a cluster does not answer"
	case codeUnknown:
		return "no answer in time: the request may still take effect, look at the status"
	case codeUnproven:
		return "nothing differs, but not everything was compared"
	case codeInterrupted:
		return "interrupted"
	}
	return ""
}

// exitTable is the part of a verb's help that explains its exit codes.
func exitTable(codes ...int) string {
	var table strings.Builder
	for _, code := range codes {
		fmt.Fprintf(&table, "  %-4d %s\n", code, codeMeaning(code))
	}
	return strings.TrimRight(table.String(), "\n")
}

// exits completes a verb's long help with its exit codes.
func exits(long string, codes ...int) string {
	return strings.TrimSpace(long) + "\n\nExit codes:\n" + exitTable(codes...)
}

// verdict is an error whose exit code the verb itself knows.
type verdict struct {
	code int
	err  error
	next string
}

func (v *verdict) Error() string { return v.err.Error() }
func (v *verdict) Unwrap() error { return v.err }

// try adds the command that helps next.
func (v *verdict) try(command string) *verdict {
	v.next = command
	return v
}

func fail(code int, format string, args ...any) *verdict {
	return &verdict{code: code, err: fmt.Errorf(format, args...)}
}

func usage(format string, args ...any) *verdict { return fail(codeUsage, format, args...) }

// exitCode is the one place where an error becomes an exit code. What a verb
// decided itself wins over the kind of the failure.
func exitCode(err error) int {
	var decided *verdict
	var absent *serviceerror.NotFound
	var taken *serviceerror.WorkflowExecutionAlreadyStarted
	var away *serviceerror.Unavailable
	switch {
	case err == nil:
		return codeOK
	case errors.Is(err, errInterrupted):
		return codeInterrupted
	case errors.As(err, &decided):
		return decided.code
	case errors.As(err, &absent):
		return codeNotFound
	case errors.As(err, &taken):
		return codeRefused
	case errors.As(err, &away), errors.Is(err, context.DeadlineExceeded):
		return codeUnreachable
	}
	return kindCode(step.KindOf(err))
}

func kindCode(kind fault.Kind) int {
	switch kind {
	case fault.InvalidInput, fault.Unsupported:
		return codeUsage
	case fault.Conflict, fault.Denied, fault.Aborted:
		return codeRefused
	case fault.NotFound:
		return codeNotFound
	case fault.Unavailable:
		return codeUnreachable
	default:
		return codeFailed
	}
}

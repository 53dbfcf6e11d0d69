package hbase

import (
	"errors"
	"fmt"
	"strings"

	"drover/internal/hbase/hbasepb"
)

// RemoteError is an exception that a master or region server answered with.
// Class is the full Java class name, Message its text without the stack.
// DoNotRetry is HBase's own flag; it is not reliable for every exception
// (RestoreSnapshot on an enabled table answers false), so callers that know
// better decide by Class and Message.
type RemoteError struct {
	Class      string
	Message    string
	Stack      string
	Method     string
	Server     string
	DoNotRetry bool
}

func (e *RemoteError) Error() string {
	class := e.Class[strings.LastIndexByte(e.Class, '.')+1:]
	if e.Message == "" {
		return fmt.Sprintf("%s on %s: %s", e.Method, e.Server, class)
	}
	return fmt.Sprintf("%s on %s: %s: %s", e.Method, e.Server, class, e.Message)
}

// IsClass reports whether err holds a RemoteError whose Java class is name or
// ends in "."+name or "$"+name.
func IsClass(err error, name string) bool {
	var r *RemoteError
	if !errors.As(err, &r) {
		return false
	}
	return r.Class == name || strings.HasSuffix(r.Class, "."+name) || strings.HasSuffix(r.Class, "$"+name)
}

// ConnError says that a connection failed before an answer arrived: the call
// may or may not have been carried out.
type ConnError struct {
	Server string
	Method string
	Err    error
}

func (e *ConnError) Error() string {
	if e.Method == "" {
		return fmt.Sprintf("connect to %s: %v", e.Server, e.Err)
	}
	return fmt.Sprintf("%s on %s: connection lost: %v", e.Method, e.Server, e.Err)
}

func (e *ConnError) Unwrap() error { return e.Err }

// remoteError splits what ipc.ServerCall sends: the class name, and a stack
// trace whose first lines are "class: message".
func remoteError(e *hbasepb.ExceptionResponse, method, server string) *RemoteError {
	r := &RemoteError{
		Class: e.GetExceptionClassName(), Stack: e.GetStackTrace(),
		Method: method, Server: server, DoNotRetry: e.GetDoNotRetry(),
	}
	msg, _, _ := strings.Cut(r.Stack, "\n\tat ")
	if rest, ok := strings.CutPrefix(msg, r.Class); ok {
		msg = strings.TrimPrefix(rest, ": ")
	}
	r.Message = strings.TrimSpace(msg)
	return r
}

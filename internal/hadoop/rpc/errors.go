package rpc

import (
	"errors"
	"fmt"
	"strings"

	"drover/internal/hadoop/wire"
)

// RemoteError is an exception a server answered with.
type RemoteError struct {
	Method string // that was called
	Class  string // as Java names it: org.apache.hadoop.security.AccessControlException
	// Message is the exception's own; Stack what Java printed below it.
	Message string
	Stack   string
	fatal   bool // the server ends the connection with it
}

// Error implements error.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Method, e.ShortClass(), e.Message)
}

// ShortClass is the class without its package.
func (e *RemoteError) ShortClass() string {
	return e.Class[max(strings.LastIndexByte(e.Class, '.'), strings.LastIndexByte(e.Class, '$'))+1:]
}

// IsClass reports whether err is, or wraps, a server's exception of the class
// with this name: "FileNotFoundException".
func IsClass(err error, shortClass string) bool {
	var re *RemoteError
	return errors.As(err, &re) && re.ShortClass() == shortClass
}

// lostError is a call without an answer: the connection was lost, or the server
// hung.
type lostError struct {
	addr  string
	sent  bool // the server may have seen the call
	cause error
}

func (e *lostError) Error() string { return e.addr + ": " + e.cause.Error() }
func (e *lostError) Unwrap() error { return e.cause }

// answer is a response as it came.
type answer struct {
	callID int32
	status uint64
	err    *RemoteError // unless it is a success
	body   []byte
}

const (
	statusSuccess = 0
	statusFatal   = 2
)

// parseAnswer reads a frame: an RpcResponseHeaderProto and, after a success,
// the body.
func parseAnswer(frame []byte) (answer, error) {
	head, rest, err := wire.CutDelimited(frame)
	if err != nil {
		return answer{}, err
	}
	var a answer
	var class, text string
	err = wire.Fields(head, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			a.callID = int32(v)
		case 2:
			a.status = v
		case 4:
			class = string(raw)
		case 5:
			text = string(raw)
		}
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	if a.status != statusSuccess {
		a.err = &RemoteError{Class: class, fatal: a.status == statusFatal}
		// The server prints the exception with its stack and cuts the class off.
		var more bool
		a.err.Message, a.err.Stack, more = strings.Cut(text, "\n\tat ")
		if more {
			a.err.Stack = "\tat " + a.err.Stack
		}
		a.err.Message = strings.TrimSpace(a.err.Message)
		return a, nil
	}
	a.body, _, err = wire.CutDelimited(rest)
	return a, err
}

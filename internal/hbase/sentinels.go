package hbase

import (
	"errors"
	"fmt"
	"strings"

	"drover/internal/fault"
)

// What callers tell apart with errors.Is. Those that only a person can mend are
// marked, so that nobody tries them again and again.
var (
	ErrTableNotFound     = errors.New("table does not exist")
	ErrTableExists       = errors.New("table already exists")
	ErrPeerNotFound      = errors.New("replication peer does not exist")
	ErrPeerConflict      = fault.As(fault.Conflict, errors.New("replication peer exists with another configuration"))
	ErrPeerDisabled      = fault.As(fault.Conflict, errors.New("somebody disabled the replication peer; enable it"))
	ErrPeerSwitchedOff   = fault.As(fault.Denied, errors.New("replication peer modification is switched off on this cluster; switch it on with peer_modification_switch true"))
	ErrSnapshotNotFound  = errors.New("snapshot does not exist")
	ErrSnapshotConflict  = fault.As(fault.Conflict, errors.New("a snapshot of this name belongs to another table"))
	ErrNamespaceNotFound = errors.New("namespace does not exist")
	ErrReadOnly          = errors.New("region is read only")
	ErrClosed            = errors.New("cluster connection is closed")
)

// readOnlyText is what HRegion.checkReadOnly throws, as DoNotRetryIOException.
const readOnlyText = "region is read only"

// IsReadOnly reports whether err is the refusal of a write to a table whose
// READONLY attribute is set.
func IsReadOnly(err error) bool {
	return err != nil && (errors.Is(err, ErrReadOnly) || strings.Contains(err.Error(), readOnlyText))
}

// isUnsupported reports whether the server does not know the called method: a
// 2.6 call on 2.5. There is no class of its own for it on the wire.
func isUnsupported(err error) bool {
	var r *RemoteError
	if !errors.As(err, &r) {
		return false
	}
	return strings.Contains(r.Message, "UnsupportedOperationException") || strings.HasSuffix(r.Class, "UnsupportedOperationException") ||
		strings.Contains(r.Stack, "java.lang.UnsupportedOperationException")
}

// sentinelFor gives the sentinel for the Java exceptions that have one.
func sentinelFor(err error) error {
	switch {
	case IsClass(err, "TableNotFoundException"):
		return ErrTableNotFound
	case IsClass(err, "TableExistsException"):
		return ErrTableExists
	case IsClass(err, "ReplicationPeerNotFoundException"):
		return ErrPeerNotFound
	case IsClass(err, "SnapshotDoesNotExistException"):
		return ErrSnapshotNotFound
	case IsClass(err, "NamespaceNotFoundException"):
		return ErrNamespaceNotFound
	case IsReadOnly(err):
		return ErrReadOnly
	}
	return nil
}

// opError names operation and object once and keeps both the sentinel and the
// wire error for errors.Is and errors.As.
type opError struct {
	op, object string
	sentinel   error
	err        error
}

func (e *opError) Error() string {
	if e.sentinel != nil {
		return e.op + " " + e.object + ": " + e.sentinel.Error()
	}
	return e.op + " " + e.object + ": " + e.err.Error()
}

func (e *opError) Unwrap() []error {
	if e.sentinel != nil {
		return []error{e.sentinel, e.err}
	}
	return []error{e.err}
}

// failed wraps err as the failure of op on object; nil stays nil.
func failed(op, object string, err error) error {
	if err == nil {
		return nil
	}
	return &opError{op: op, object: object, sentinel: sentinelFor(err), err: err}
}

// needed is for what goes on with a peer that was added before: its absence
// does not pass, and takes with it what was queued.
func needed(err error) error {
	if !errors.Is(err, ErrPeerNotFound) {
		return err
	}
	return fault.As(fault.Conflict, fmt.Errorf("%w: somebody removed it, and what it had not shipped is not queued any more; abort and start again", err))
}

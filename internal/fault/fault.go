// Package fault says what kind of failure an error is, so that whoever gets it
// can tell a mistake of the operator from a cluster that is down.
//
// A library marks an error only where it knows the kind; marking changes
// neither the text nor what errors.Is and errors.As find. The kind is what
// survives a trip through Temporal: package workers turns it into the type of
// an application error, and package step reads it back.
package fault

import (
	"errors"
	"slices"
)

// Kind is the class of a failure. Its text is part of the wire format: it is
// the type of the application error an activity fails with, so a kind is never
// renamed.
type Kind string

const (
	// Unknown is the kind of an error nobody marked. It is worth a retry.
	Unknown Kind = ""
	// InvalidInput says that the operator asked for something malformed.
	InvalidInput Kind = "InvalidInput"
	// NotFound says that a named thing does not exist (yet): worth a retry
	// where something else may create it.
	NotFound Kind = "NotFound"
	// Conflict says that something that is not ours is in the way.
	Conflict Kind = "Conflict"
	// Denied says that the cluster or a person refused.
	Denied Kind = "Denied"
	// Unavailable says that the other side cannot be reached or is busy.
	Unavailable Kind = "Unavailable"
	// Mismatch says that two things which must be equal are not.
	Mismatch Kind = "Mismatch"
	// Unsupported says that a version or a feature is beyond this program.
	Unsupported Kind = "Unsupported"
	// Aborted says that the operator stopped the run.
	Aborted Kind = "Aborted"
)

// Kinds lists every kind but Unknown.
func Kinds() []Kind {
	return []Kind{InvalidInput, NotFound, Conflict, Denied, Unavailable, Mismatch, Unsupported, Aborted}
}

// Known reports whether k is one of Kinds; a type read from the wire may not be.
func (k Kind) Known() bool { return slices.Contains(Kinds(), k) }

// Permanent reports whether doing the same again cannot help.
func (k Kind) Permanent() bool {
	switch k {
	case InvalidInput, Conflict, Denied, Mismatch, Unsupported, Aborted:
		return true
	default:
		return false
	}
}

type marked struct {
	kind  Kind
	cause error
}

func (m *marked) Error() string { return m.cause.Error() }
func (m *marked) Unwrap() error { return m.cause }

// As marks err with kind. The text of err stays as it is; nil stays nil.
func As(kind Kind, err error) error {
	if err == nil {
		return nil
	}
	return &marked{kind: kind, cause: err}
}

// KindOf returns the kind err was marked with, Unknown when it was not. Of
// several marks the outermost counts: the caller nearest to the operator knew
// most. Of joined errors the first marked one counts.
func KindOf(err error) Kind {
	var m *marked
	if errors.As(err, &m) {
		return m.kind
	}
	return Unknown
}

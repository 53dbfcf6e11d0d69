// Package secret keeps credentials out of files, histories, logs and reports.
// A configuration holds a Ref that says where the secret is; the value exists
// only after Resolve and refuses to print itself.
package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const redacted = "**redacted**"

// Ref says where a secret is kept: "env:NAME" or "file:PATH". The zero Ref
// means that none is configured. A Ref is safe to print: text that is no
// reference never becomes one.
type Ref struct{ scheme, name string }

// ParseRef reads "env:NAME" or "file:PATH". The error never repeats the text,
// which may be a secret that somebody pasted where a reference belongs.
func ParseRef(text string) (Ref, error) {
	if text == "" {
		return Ref{}, nil
	}
	scheme, name, found := strings.Cut(text, ":")
	if !found || name == "" || (scheme != "env" && scheme != "file") {
		return Ref{}, errors.New("a secret is given by reference only: write env:NAME or file:PATH, never the value itself")
	}
	return Ref{scheme: scheme, name: name}, nil
}

// IsZero reports whether no secret is configured.
func (r Ref) IsZero() bool { return r == Ref{} }

// String returns the reference, not the secret.
func (r Ref) String() string {
	if r.IsZero() {
		return ""
	}
	return r.scheme + ":" + r.name
}

// MarshalText writes the reference, so that a configuration can be shown.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a reference and refuses anything else without showing it.
func (r *Ref) UnmarshalText(text []byte) error {
	parsed, err := ParseRef(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// Path returns the file a file: reference points at, and whether it is one.
func (r Ref) Path() (string, bool) { return r.name, r.scheme == "file" }

// WithPath returns the reference with another file; other schemes are returned
// as they are.
func (r Ref) WithPath(path string) Ref {
	if r.scheme == "file" {
		r.name = path
	}
	return r
}

// Resolve fetches the secret. A file's last line break is not part of it. The
// error is fs.ErrNotExist when the variable is unset or the file is absent; an
// empty secret is an error too.
func (r Ref) Resolve() (Value, error) {
	switch r.scheme {
	case "env":
		text, ok := os.LookupEnv(r.name)
		if !ok {
			return Value{}, fmt.Errorf("secret %s: the variable is not set: %w", r, fs.ErrNotExist)
		}
		return r.nonEmpty(text)
	case "file":
		text, err := os.ReadFile(r.name)
		if err != nil {
			return Value{}, fmt.Errorf("secret %s: %w", r, err)
		}
		return r.nonEmpty(strings.TrimRight(string(text), "\r\n"))
	}
	return Value{}, errors.New("no secret is configured: write env:NAME or file:PATH")
}

func (r Ref) nonEmpty(text string) (Value, error) {
	if text == "" {
		return Value{}, fmt.Errorf("secret %s is empty", r)
	}
	return Value{text: text}, nil
}

// Value is a secret in memory. Every way of printing or encoding it yields a
// fixed mark; only Reveal returns the text.
type Value struct{ text string }

// Reveal returns the secret itself: pass it on at once, keep it nowhere.
func (v Value) Reveal() string { return v.text }

// String returns a fixed mark.
func (v Value) String() string { return redacted }

// GoString returns a fixed mark for %#v.
func (v Value) GoString() string { return redacted }

// MarshalText returns a fixed mark for JSON, YAML and XML.
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format writes a fixed mark for every verb and flag, also %x and %q, which
// would otherwise reach the text by reflection.
func (v Value) Format(state fmt.State, _ rune) {
	// fmt.State offers no way to report a failed write.
	_, _ = state.Write([]byte(redacted))
}

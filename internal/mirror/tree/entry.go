package tree

import (
	"fmt"
	"strings"

	"drover/internal/fault"
)

// Kind is what an entry is.
type Kind string

// The kinds of entries.
const (
	Directory Kind = "d"
	File      Kind = "f"
	Symlink   Kind = "l"
)

// Entry is one file or directory of a tree with all that a mirror carries over.
// Its JSON is one line of a manifest.
type Entry struct {
	// Path is relative to the tree's root, "" for the root itself.
	Path  string `json:"p"`
	Kind  Kind   `json:"k"`
	Size  int64  `json:"s,omitempty"`  // bytes, of a file
	Mode  uint16 `json:"m"`            // the 01777 bits
	Owner string `json:"o"`            //
	Group string `json:"g"`            //
	MTime int64  `json:"t"`            // milliseconds
	ATime int64  `json:"at,omitempty"` // milliseconds, of a file
	// Replication and BlockSize (bytes) are a file's.
	Replication int    `json:"r,omitempty"`
	BlockSize   int64  `json:"b,omitempty"`
	FileID      uint64 `json:"i"`
	// Policy is the id of the storage policy the entry has of its own, 0 when it
	// is that of the directory above (see OwnPolicy).
	Policy byte `json:"sp,omitempty"`
	// HasACL says that there is an ACL beyond the mode; ACL holds it, as
	// getfacl prints it, base entries left out.
	HasACL bool     `json:"ha,omitempty"`
	ACL    []string `json:"acl,omitempty"`
	// XAttrs are the extended attributes of the namespaces user and trusted,
	// sorted by name.
	XAttrs []XAttr `json:"x,omitempty"`
	// Erasure and Encrypted name what this program does not copy.
	Erasure   string `json:"ec,omitempty"` // the policy's name
	Encrypted bool   `json:"enc,omitempty"`
	// Children is the number of a directory's entries, -1 when unknown. It is
	// not kept in manifests.
	Children int `json:"-"`
}

// XAttr is an extended attribute; Name begins with its namespace ("user.").
type XAttr struct {
	Name  string `json:"n"`
	Value []byte `json:"v,omitempty"`
}

// IsDir reports whether the entry is a directory.
func (e Entry) IsDir() bool { return e.Kind == Directory }

// refusal says why an entry cannot be mirrored, "" when it can.
func (e Entry) refusal() string {
	switch {
	case e.Kind == Symlink:
		return "symbolic link"
	case e.Encrypted:
		return "in an encryption zone"
	case e.Erasure != "":
		return "erasure-coded with " + e.Erasure
	}
	return ""
}

// refusals is how many entries an Unsupported names.
const refusals = 20

// Unsupported is the error of a tree that holds what cannot be copied. Nothing
// was copied.
type Unsupported struct {
	Root  string
	Count int64
	// First names the first of them, each with the reason.
	First []string
}

func (u *Unsupported) Error() string {
	text := strings.Join(u.First, ", ")
	if more := u.Count - int64(len(u.First)); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("list %s: %d entries cannot be mirrored: %s; move them out of the tree, or rewrite them as plain replicated files, and take a new snapshot", u.Root, u.Count, text)
}

// Add counts an entry, named as given, if it cannot be copied.
func (u *Unsupported) Add(name string, e Entry) {
	why := e.refusal()
	if why == "" {
		return
	}
	u.Count++
	if len(u.First) < refusals {
		u.First = append(u.First, name+" ("+why+")")
	}
}

// Err returns u as an error if it counted anything.
func (u *Unsupported) Err() error {
	if u.Count == 0 {
		return nil
	}
	return fault.As(fault.Unsupported, u)
}

// Totals count what a listing went over.
type Totals struct {
	Dirs  int64 `json:"dirs"`
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

func (n *Totals) add(e Entry) {
	if e.IsDir() {
		n.Dirs++
		return
	}
	n.Files++
	n.Bytes += e.Size
}

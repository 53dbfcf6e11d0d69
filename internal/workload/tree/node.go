package tree

import (
	"maps"
	"slices"
)

// Node is one file or directory of a tree. Paths are relative to the tree's
// root, "" is the root itself.
type Node struct {
	Path    string
	Dir     bool
	Content Content // of a file; nil is an empty one
	Attr    Attr
}

// Attr is what HDFS keeps beside the bytes. A zero field is left as HDFS made
// it, so that a tree without attributes costs no calls for them.
type Attr struct {
	Mode        uint16            `json:"mode,omitempty"` // 07777 bits
	Owner       string            `json:"owner,omitempty"`
	Group       string            `json:"group,omitempty"`
	ACL         []string          `json:"acl,omitempty"`    // Hadoop's text: "user:alice:r-x", "default:group::rwx"
	XAttrs      map[string][]byte `json:"xattrs,omitempty"` // by full name: "user.origin", "trusted.x"
	Policy      string            `json:"policy,omitempty"` // storage policy by name
	Replication int               `json:"replication,omitempty"`
	BlockSize   int64             `json:"blockSize,omitempty"` // bytes; settled when the file is made
	ModTime     int64             `json:"mtime,omitempty"`     // ms since 1970
	AccessTime  int64             `json:"atime,omitempty"`     // ms since 1970; files only
}

func (a Attr) clone() Attr {
	a.ACL = slices.Clone(a.ACL)
	a.XAttrs = maps.Clone(a.XAttrs)
	return a
}

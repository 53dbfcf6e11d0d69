package tree

// Kind says what an Op does.
type Kind string

// The kinds of Op, each one call an application makes.
const (
	Mkdir     Kind = "mkdir"    // Path
	Create    Kind = "create"   // Path, Piece, Attr; Replace if a file is there
	Append    Kind = "append"   // Path, Piece; NewBlock
	Truncate  Kind = "truncate" // Path, Size
	Rename    Kind = "rename"   // Path, To; Replace if a file is there
	MoveOut   Kind = "move-out" // Path, To: a name outside the tree
	MoveIn    Kind = "move-in"  // Path: a name outside the tree, To
	Delete    Kind = "delete"   // Path, with all below it
	SetMode   Kind = "chmod"    // Path, Attr.Mode
	SetOwner  Kind = "chown"    // Path, Attr.Owner, Attr.Group
	SetACL    Kind = "setfacl"  // Path, Attr.ACL; none removes it
	SetXAttr  Kind = "setfattr" // Path, Attr.XAttrs
	DropXAttr Kind = "rmfattr"  // Path, names of Attr.XAttrs
	SetRep    Kind = "setrep"   // Path, Attr.Replication
	SetPolicy Kind = "policy"   // Path, Attr.Policy
	SetTimes  Kind = "touch"    // Path, Attr.ModTime, Attr.AccessTime
)

// Op is one change to a tree, the line of a mutator's log.
type Op struct {
	// Change is the number, from 1, of the change the op belongs to: a swap of
	// two files, for example, takes three renames.
	Change   int    `json:"change"`
	As       string `json:"as"` // what the change is called
	Kind     Kind   `json:"op"`
	Path     string `json:"path"`
	To       string `json:"to,omitempty"`
	Piece    *Piece `json:"piece,omitempty"`
	Size     int64  `json:"size,omitempty"`
	Replace  bool   `json:"replace,omitempty"`
	NewBlock bool   `json:"newBlock,omitempty"` // leave the last block as it is
	Attr     *Attr  `json:"attr,omitempty"`
}

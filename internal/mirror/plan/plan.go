package plan

// StagingPrefix begins the name of every staging directory. It lies in the root
// of the target's tree, so that a rename never leaves the snapshottable
// directory and the difference to an older snapshot still sees what is parked
// as renamed: an undo copies nothing. The price is that no entry of the root of
// a source may have such a name; Build refuses it.
const StagingPrefix = ".drover-staging-"

// Mark is the name, in the staging directory, of the directory that says that
// all is parked. Names of parked entries are digits and never equal to it.
const Mark = "parked"

// OpKind is what an operation does.
type OpKind string

// The operations, in the order in which a plan holds them.
const (
	// Park moves tree path From to To in the staging directory.
	Park OpKind = "park"
	// SetMark makes To, which is Mark, in the staging directory.
	SetMark OpKind = "mark"
	// Mkdir makes tree path To, a directory that only comes to hold what is
	// placed in it; its attributes and other content come by its Copy.
	Mkdir OpKind = "mkdir"
	// Place moves From in the staging directory to tree path To.
	Place OpKind = "place"
)

// Op is one change of names on the target. It can be done again at any time
// between the making and the removal of the staging directory, by the rule of
// the package.
type Op struct {
	Kind OpKind `json:"op"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// Copy is an entry of the newer tree whose content or attributes the target has
// not. Work on them in the order of the plan, which is deepest first, or set the
// attributes of directories in that order after all files are there: whatever is
// put into a directory changes its times.
type Copy struct {
	// Path is the entry in the newer tree.
	Path string `json:"p"`
	// Prior is its path in the older tree; "" means that it is new, except
	// for the root.
	Prior string `json:"prior,omitempty"`
	// Dir tells a directory from a file or link where DirKnown; else look.
	Dir      bool `json:"dir,omitempty"`
	DirKnown bool `json:"dirKnown,omitempty"`
	// Walk means that, if it is a directory, all below it is new too.
	Walk bool `json:"walk,omitempty"`
	// Skip are paths relative to Path, sorted, that are not new though they
	// are below it: they came by rename with all that is in them, and what
	// changed inside has a Copy of its own.
	Skip []string `json:"skip,omitempty"`
}

// New reports whether the entry was not in the older tree.
func (c Copy) New() bool { return c.Prior == "" && c.Path != "" }

// Counts are the changes of a difference by kind, each counted once.
type Counts struct {
	Modified int `json:"modified"`
	Created  int `json:"created"`
	Deleted  int `json:"deleted"`
	Renamed  int `json:"renamed"`
}

// Plan is what makes a tree in state From into state To.
type Plan struct {
	Ops    []Op   `json:"ops,omitempty"`
	Copies []Copy `json:"copies,omitempty"`
	Counts Counts `json:"counts"`
}

// Empty reports that nothing differs.
func (p Plan) Empty() bool { return len(p.Ops) == 0 && len(p.Copies) == 0 }

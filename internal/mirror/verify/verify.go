// Package verify compares two trees of files and says what is known of their
// equality: match, differ, or unproven.
//
// Both trees are walked in step, directory by directory and page by page, so
// that memory does not grow with them. Of every file the bytes are compared: by
// the checksums the stores keep where these can prove equality, else by reading
// both. A checksum never proves a difference, because HDFS cuts it at block
// boundaries that two equal files need not share: where sums differ, the bytes
// are read before the file is called different.
//
// A listing that fails ends the comparison with an error. A file that could be
// listed but not compared makes the verdict unproven, and so does one that
// changed meanwhile.
package verify

import (
	"context"

	"drover/internal/report"
)

// Kind names what differs between two entries of the same path.
type Kind string

// The kinds, as they stand in answers for programs.
const (
	// Missing is an entry that only the source has, with all below it.
	Missing Kind = "missing"
	// Extra is an entry that only the target has, with all below it.
	Extra Kind = "extra"
	// Type is a file on one side and a directory or a link on the other.
	Type Kind = "type"
	// Size is another length of a file.
	Size Kind = "size"
	// Content is another byte at a file's same place.
	Content Kind = "content"
	// Link is another target of a symbolic link.
	Link Kind = "link"
	// ModTime is another modification time of a file, in milliseconds.
	ModTime Kind = "mtime"
	// Mode is other permission bits, sticky bit included.
	Mode Kind = "mode"
	// Owner is another owner.
	Owner Kind = "owner"
	// Group is another group.
	Group Kind = "group"
	// ACL is other extended entries of the access or default ACL.
	ACL Kind = "acl"
	// XAttr is another name or value of an extended attribute.
	XAttr Kind = "xattr"
	// Replication is another number of replicas asked for.
	Replication Kind = "replication"
	// BlockSize is another preferred block size.
	BlockSize Kind = "blockSize"
	// FileID is another file under the same name of the same file system; only
	// FindDrift looks for it.
	FileID Kind = "fileId"
	// Policy is another storage policy in force, unless the parents' differ alike.
	Policy Kind = "storagePolicy"
)

// Difference is one thing in which one entry differs. Path is relative to both
// roots, "" the roots themselves; Source and Target are what each side has, in
// words of Hadoop's own tools.
type Difference struct {
	Path   string `json:"path"`
	Kind   Kind   `json:"kind"`
	Source string `json:"source,omitempty"`
	Target string `json:"target,omitempty"`
}

// Gap is an entry that could not be compared, and why.
type Gap struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Result is the outcome. Files, Dirs and Bytes count what both sides have;
// bytes are those of the files' lengths, whether they had to be read or not.
type Result struct {
	Verdict report.Verdict `json:"verdict"`
	Files   int64          `json:"files"`
	Dirs    int64          `json:"dirs"`
	Bytes   int64          `json:"bytes"`
	Proof   Proof          `json:"proof"`

	// Differing counts the paths that differ in at least one thing, a missing
	// or extra directory as one. Kinds counts the differences by kind.
	Differing   int64          `json:"differing"`
	Kinds       map[Kind]int64 `json:"kinds,omitempty"`
	Differences []Difference   `json:"differences,omitempty"` // the first by path, Options.Max at most
	// Unproven counts the entries that could not be compared.
	Unproven int64 `json:"unproven"`
	Gaps     []Gap `json:"gaps,omitempty"` // the first by path, Options.Max at most
}

// Proof counts how the equality of files was established, in files. Files whose
// bytes were not to be compared are in none of them.
type Proof struct {
	Empty     int64 `json:"empty"`     // both of length 0
	Checksum  int64 `json:"checksum"`  // equal MD5 of block CRCs
	Composite int64 `json:"composite"` // equal CRC of the whole file
	Read      int64 `json:"read"`      // at least one side was read
	BytesRead int64 `json:"bytesRead"` // by this process, both sides together
}

// Options say what is compared. The zero value compares the type, length and
// bytes of everything.
type Options struct {
	// Metadata compares owner, group, mode, times of files, ACLs, extended
	// attributes (user. and trusted.), replication, block size and storage
	// policy, as far as both stores have them.
	Metadata bool
	// Times compares the modification times of files; Metadata includes it.
	Times bool
	// DirTimes compares the modification times of directories as well. They
	// change with every entry made or removed, also in the course of a copy.
	DirTimes bool
	// Ignore leaves out differences of these kinds.
	Ignore []Kind
	// fileIDs compares the inodes' numbers: within one tree only.
	fileIDs bool
	// NoContent compares no bytes. The verdict is unproven then, unless a
	// difference is found.
	NoContent bool
	// Paths restricts the comparison to these entries and what is below them,
	// relative to the roots; nil means everything. A path that neither side has
	// is unproven.
	Paths []string
	// Shallow compares the entries of Paths without what is below them.
	Shallow bool
	// Parallel is how many directories and files are looked at at a time; 0
	// means 8.
	Parallel int
	// Max bounds how many differences, and how many gaps, are named; 0 means
	// 100. All are counted.
	Max int
	// Progress, if set, is called now and then and once at the end, from one
	// goroutine at a time.
	Progress func(Progress)
	// Found, if set, is told every difference as it is found, from one
	// goroutine at a time, in no particular order.
	Found func(Difference)
}

func (o Options) withDefaults() Options {
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	if o.Max <= 0 {
		o.Max = 100
	}
	return o
}

// Progress is how far a comparison has come.
type Progress struct {
	Files, Dirs, Bytes  int64 // compared
	Differing, Unproven int64
	Path                string // of the entry compared last
}

// side is one of the two trees. Paths are relative to its root.
type side interface {
	// stat describes one entry; an error that is fs.ErrNotExist means that the
	// store answered and it is not there.
	stat(ctx context.Context, rel string) (entry, error)
	// list begins to list a directory.
	list(rel string) cursor
	// attributes fills in what a listing leaves out: ACL and extended attributes.
	attributes(ctx context.Context, e *entry) error
	content
}

// cursor yields the entries of one directory in the order of its side; ok is
// false after the last.
type cursor interface {
	next(ctx context.Context) (e entry, ok bool, err error)
}

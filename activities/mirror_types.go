package activities

import (
	"time"

	"drover/internal/preflight"
)

// MirrorAt names the two trees of a mirror; workers resolve the sites.
type MirrorAt struct {
	Pair
	// SourcePath and TargetPath are absolute directories on the sites' HDFS.
	SourcePath string `json:"sourcePath"`
	TargetPath string `json:"targetPath"`
	// RunKey names what this run makes: snapshots, staging, manifests.
	RunKey string `json:"runKey"`
}

// MirrorPreflightInput is what preflight judges.
type MirrorPreflightInput struct {
	MirrorAt
	// From is the common snapshot to continue from, "" for a baseline.
	From string `json:"from,omitempty"`
	// Freeze is how writers are to be kept off the source, as in FreezeInput.
	Freeze string `json:"freeze,omitempty"`
	// Hooks are the names of those the run is to run.
	Hooks []string `json:"hooks,omitempty"`
}

// MirrorPreflightResult holds every finding and how the trees were found.
type MirrorPreflightResult struct {
	Findings []preflight.Finding `json:"findings"`
	// SourceSnapshottable and TargetSnapshottable say what needs no allowing,
	// and is not disallowed by an abort.
	SourceSnapshottable bool `json:"sourceSnapshottable"`
	TargetSnapshottable bool `json:"targetSnapshottable"`
	// Ledger says that the target keeps no snapshots.
	Ledger      bool  `json:"ledger,omitempty"`
	Files       int64 `json:"files"`
	Directories int64 `json:"directories"`
	Bytes       int64 `json:"bytes"`
}

// TreeAt is a directory at a site.
type TreeAt struct {
	Site string `json:"site"`
	Path string `json:"path"`
}

// TreeSnapshotInput names a snapshot of a tree.
type TreeSnapshotInput struct {
	TreeAt
	Name string `json:"name"`
}

// TreeSnapshotResult says when the snapshot was taken, by the NameNode's clock,
// and which it is: a name can be given again, these numbers cannot.
type TreeSnapshotResult struct {
	Taken time.Time `json:"taken"`
	// ID is the snapshot's number, 0 where the NameNode does not tell. RootID
	// is the file id of its directory.
	ID     uint32 `json:"id,omitempty"`
	RootID uint64 `json:"rootId,omitempty"`
}

// TreeSnapshotsInput names all snapshots of a tree that begin with Prefix.
type TreeSnapshotsInput struct {
	TreeAt
	Prefix string `json:"prefix"`
	// Disallow takes the permission for snapshots back when none is left.
	Disallow bool `json:"disallow,omitempty"`
}

// MirrorSnapshotInput is a step about one snapshot of the source.
type MirrorSnapshotInput struct {
	MirrorAt
	Snapshot string `json:"snapshot"`
}

// MirrorListing describes the manifests of a baseline.
type MirrorListing struct {
	Directories int64 `json:"directories"`
	Files       int64 `json:"files"`
	Bytes       int64 `json:"bytes"`
	// Shards is the number of file manifests, the unit of the copy.
	Shards int64  `json:"shards"`
	Digest string `json:"digest"`
}

// MirrorCopyInput is a range of shards or of changes to be copied.
type MirrorCopyInput struct {
	MirrorAt
	Snapshot string `json:"snapshot"`
	// From is the common snapshot of a round, "" in a baseline.
	From   string `json:"from,omitempty"`
	Digest string `json:"digest"`
	First  int64  `json:"first"`
	Last   int64  `json:"last"`
	// Parallel is how many files are copied at a time.
	Parallel int `json:"parallel"`
	// BytesPerSecond limits the copy; 0 is no limit.
	BytesPerSecond int64 `json:"bytesPerSecond,omitempty"`
	// Without lists what is not kept: xattr, acl, times, owner.
	Without []string `json:"without,omitempty"`
}

// MirrorCopied counts what a copy did.
type MirrorCopied struct {
	Files    int64 `json:"files"`    // looked at
	Copied   int64 `json:"copied"`   // written
	Adopted  int64 `json:"adopted"`  // found complete
	Appended int64 `json:"appended"` // completed by their tail
	Bytes    int64 `json:"bytes"`    // written
}

// Add sums up.
func (c *MirrorCopied) Add(o MirrorCopied) {
	c.Files += o.Files
	c.Copied += o.Copied
	c.Adopted += o.Adopted
	c.Appended += o.Appended
	c.Bytes += o.Bytes
}

// MirrorVerifyInput compares a snapshot of the source with the target's tree.
type MirrorVerifyInput struct {
	MirrorAt
	Snapshot string   `json:"snapshot"`
	Parallel int      `json:"parallel"`
	Without  []string `json:"without,omitempty"`
	// From and Digest narrow the comparison to what a round changed; all is
	// compared when From is "".
	From   string `json:"from,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Adopted says that the target holds what others wrote and a human took
	// over: bytes that differ are then theirs, and are not put right.
	Adopted bool `json:"adopted,omitempty"`
}

// MirrorVerifyResult is what a comparison found.
type MirrorVerifyResult struct {
	Verdict     string   `json:"verdict"`
	Directories int64    `json:"directories"`
	Files       int64    `json:"files"`
	Bytes       int64    `json:"bytes"`
	Differing   int64    `json:"differing"`
	Differences []string `json:"differences,omitempty"` // the first few, in words
}

// MirrorRoundInput is one round, from the last common snapshot to a new one.
type MirrorRoundInput struct {
	MirrorAt
	From string `json:"from"`
	To   string `json:"to"`
}

// MirrorRoundPlan describes the manifests of a round.
type MirrorRoundPlan struct {
	Created  int64 `json:"created"`
	Deleted  int64 `json:"deleted"`
	Renamed  int64 `json:"renamed"`
	Modified int64 `json:"modified"`
	// Operations are renames, deletes and new directories, in an order that
	// matters; Copies are files and directories whose content or attributes
	// are brought.
	Operations int64  `json:"operations"`
	Copies     int64  `json:"copies"`
	Bytes      int64  `json:"bytes"`
	Digest     string `json:"digest"`
}

// Changes is the number of entries of the snapshot diff.
func (p MirrorRoundPlan) Changes() int64 { return p.Created + p.Deleted + p.Renamed + p.Modified }

// MirrorOperationsInput is a range of a round's operations.
type MirrorOperationsInput struct {
	MirrorRoundInput
	Digest string `json:"digest"`
	First  int64  `json:"first"`
	Last   int64  `json:"last"`
}

// OpenFilesResult lists files that are being written at the source.
type OpenFilesResult struct {
	Count int64    `json:"count"`
	First []string `json:"first,omitempty"`
	// Changes is how many entries changed since the snapshot, Changed the first
	// of them.
	Changes int64    `json:"changes,omitempty"`
	Changed []string `json:"changed,omitempty"`
}

// QuietInput asks whether a tree is as its snapshot.
type QuietInput struct {
	TreeAt
	Snapshot string `json:"snapshot"`
}

// QuietResult counts what changed in a tree since its snapshot.
type QuietResult struct {
	Changed int64    `json:"changed"`
	First   []string `json:"first,omitempty"`
	// Open is the number of files open for writing: their bytes grow under a
	// snapshot unseen.
	Open int64 `json:"open"`
}

// RetentionInput says which snapshots of a mirror may go.
type RetentionInput struct {
	MirrorAt
	Prefix    string        `json:"prefix"`
	Keep      int           `json:"keep"`
	MaxAge    time.Duration `json:"maxAge,omitempty"`
	Protected []string      `json:"protected,omitempty"`
	// LastCommon is never deleted.
	LastCommon string `json:"lastCommon"`
}

// RetentionResult says what went, and what stays and why, in words.
type RetentionResult struct {
	Deleted []string `json:"deleted,omitempty"`
	Kept    []string `json:"kept,omitempty"`
}

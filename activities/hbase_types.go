package activities

import (
	"cmp"
	"time"

	"drover/internal/preflight"
)

// Pair names the two sites of a migration; workers resolve them from their
// configuration, so that no address and no secret enters a history.
type Pair struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

// TableAt is one table at one site.
type TableAt struct {
	Site  string `json:"site"`
	Table string `json:"table"`
}

// ProbeSiteInput asks a worker of a site whether it is there.
type ProbeSiteInput struct {
	Site string `json:"site"`
}

// ProbeSiteResult is what the worker of a site sees of its clusters.
type ProbeSiteResult struct {
	Version string `json:"version,omitempty"`
	Problem string `json:"problem,omitempty"` // why the cluster cannot be reached
}

// PreflightInput is what preflight judges.
type PreflightInput struct {
	Pair
	Tables []string `json:"tables"`
	PeerID string   `json:"peerId"`
	// RunKey marks what belongs to this run, so that it is not reported as a
	// leftover of another.
	RunKey string `json:"runKey"`
}

// PreflightResult holds every finding and the state to return to on abort.
type PreflightResult struct {
	Findings []preflight.Finding `json:"findings"`
	Baseline Baseline            `json:"baseline"`
}

// Baseline is how the clusters were found: what abort puts back.
type Baseline struct {
	SplitEnabled  bool            `json:"splitEnabled"`
	MergeEnabled  bool            `json:"mergeEnabled"`
	Tables        []TableBaseline `json:"tables"`
	SourceVersion string          `json:"sourceVersion"`
	TargetVersion string          `json:"targetVersion"`
}

// TableBaseline is one table as found.
type TableBaseline struct {
	Table           string         `json:"table"`
	Scopes          map[string]int `json:"scopes"` // by family
	ReadOnly        bool           `json:"readOnly"`
	Regions         int            `json:"regions"`
	NamespaceAbsent bool           `json:"namespaceAbsent"` // at the target
}

// PeerInput names a replication peer of the source.
type PeerInput struct {
	Pair
	PeerID string   `json:"peerId"`
	Tables []string `json:"tables"`
}

// ScopesInput sets the replication scope of a table's families.
type ScopesInput struct {
	TableAt
	// Scopes by family; families not named keep theirs. Nil sets all to 1.
	Scopes map[string]int `json:"scopes,omitempty"`
	// Key makes the nonce: the same for every attempt of one step.
	Key string `json:"key"`
}

// SnapshotInput names a snapshot of a table at a site.
type SnapshotInput struct {
	TableAt
	Snapshot string `json:"snapshot"`
	Key      string `json:"key"`
}

// ExportInput says which snapshot is copied and how fast.
type ExportInput struct {
	Pair
	Table          string `json:"table"`
	Snapshot       string `json:"snapshot"`
	Parallel       int    `json:"parallel"`
	BytesPerSecond int64  `json:"bytesPerSecond,omitempty"`
	// SourceFull lets the copy go on although the source's HDFS runs full.
	SourceFull bool `json:"sourceFull,omitempty"`
}

// ExportPlan counts what a snapshot holds; the list itself stays in the
// snapshot's manifest, in an order that does not change.
type ExportPlan struct {
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest"`
}

// CopyRangeInput copies the files [First, Last) of the plan.
type CopyRangeInput struct {
	ExportInput
	Digest string `json:"digest"`
	First  int    `json:"first"`
	Last   int    `json:"last"`
}

// CopyResult counts what one range did.
type CopyResult struct {
	Files   int   `json:"files"`
	Bytes   int64 `json:"bytes"`
	Copied  int   `json:"copied"`
	Adopted int   `json:"adopted"`
	// SourceLogs is how many bytes of write-ahead logs the source kept
	// meanwhile, at most; SourceLow says that its HDFS was running full.
	SourceLogs int64  `json:"sourceLogs,omitempty"`
	SourceLow  string `json:"sourceLow,omitempty"`
}

// RestoreInput clones a snapshot into a table at the target.
type RestoreInput struct {
	TableAt
	Snapshot string         `json:"snapshot"`
	Scopes   map[string]int `json:"scopes"` // as found on the source
	Key      string         `json:"key"`
}

// RestoreResult describes the restored table.
type RestoreResult struct {
	Regions int `json:"regions"`
}

// NamespaceInput names a namespace at a site.
type NamespaceInput struct {
	Site      string `json:"site"`
	Namespace string `json:"namespace"`
	Key       string `json:"key"`
}

// CatchUpResult says up to which moment the target has every write.
type CatchUpResult struct {
	UpTo       time.Time     `json:"upTo"`
	Took       time.Duration `json:"tookNanos"` // how long that took to be so
	QueuedWALs int           `json:"queuedWals"`
}

// VerifyInput compares one table at both sites.
type VerifyInput struct {
	Pair
	Table    string `json:"table"`
	RunKey   string `json:"runKey"`
	Parallel int    `json:"parallel"`
	PeerID   string `json:"peerId"`
	// Base counts the verifications of this table: each takes its own base
	// snapshots, and drops those of the one before.
	Base int `json:"base"`
}

// VerifyResult is what a comparison of every cell of every version found.
type VerifyResult struct {
	Table       string   `json:"table"`
	Verdict     string   `json:"verdict"` // match, differ, unproven
	Rows        int64    `json:"rows"`
	Cells       int64    `json:"cells"`
	Bytes       int64    `json:"bytes"`
	Digest      string   `json:"digest"`
	Differences []string `json:"differences,omitempty"` // the first few, in words
	Differing   int64    `json:"differing"`
	SourceBase  string   `json:"sourceBase"`
	TargetBase  string   `json:"targetBase"`
}

// SplitMergeInput switches region splits and merges of a cluster.
type SplitMergeInput struct {
	Site  string `json:"site"`
	Split bool   `json:"split"`
	Merge bool   `json:"merge"`
	// Tables whose running splits and merges are waited for when both are off.
	Tables []string `json:"tables,omitempty"`
}

// FenceInput sets or lifts READONLY on tables.
type FenceInput struct {
	Site     string   `json:"site"`
	Tables   []string `json:"tables"`
	ReadOnly bool     `json:"readOnly"`
	Key      string   `json:"key"`
}

// FenceResult says when the fence was asked for and when it held.
type FenceResult struct {
	Called time.Time `json:"called"`
	Held   time.Time `json:"held"`
}

// DrainResult is the proof that nothing of the peer waits at the source.
type DrainResult struct {
	Servers int `json:"servers"`
	WALs    int `json:"wals"`
	// Restarts counts how often the set of servers changed meanwhile.
	Restarts int `json:"restarts"`
	// BulkLoads is whether bulk loads are shipped, so that the proof covers them.
	BulkLoads bool      `json:"bulkLoads"`
	Proved    time.Time `json:"proved"`
}

// DeltaInput asks for the proof that a verified table is still equal.
type DeltaInput struct {
	Pair
	Table  string `json:"table"`
	RunKey string `json:"runKey"`
	// Bytes is what the verification counted on one side.
	Bytes      int64  `json:"bytes"`
	SourceBase string `json:"sourceBase"`
	TargetBase string `json:"targetBase"`
	Parallel   int    `json:"parallel"`
	// FullBelow is the size in bytes up to which all is compared, 0 for the
	// default.
	FullBelow int64 `json:"fullBelow,omitempty"`
}

// DeltaResult is the delta-snapshot proof.
type DeltaResult struct {
	Table   string `json:"table"`
	Verdict string `json:"verdict"`
	// Method is "full" when the whole table was compared again, "delta" when
	// only what changed since the base was.
	Method       string   `json:"method"`
	NewFiles     int      `json:"newFiles"`
	RowsCompared int64    `json:"rowsCompared"`
	RegionsFull  int      `json:"regionsFull"`
	Regions      int      `json:"regions"`
	Differences  []string `json:"differences,omitempty"`
	Differing    int64    `json:"differing"`
	Millis       int64    `json:"millis"`
	// Parts are where a proof by delta spent its time, in order.
	Parts []ProofPart `json:"parts,omitempty"`
}

// ProofPart is how long one part of a delta proof took.
type ProofPart struct {
	Name   string `json:"name"`
	Millis int64  `json:"millis"`
}

// OpenTargetInput checks that the target serves writes.
type OpenTargetInput struct {
	Site   string   `json:"site"`
	Tables []string `json:"tables"`
}

// OpenTargetResult is the moment from which the target was open.
type OpenTargetResult struct {
	Opened time.Time `json:"opened"`
}

// BaseInput names the base snapshots, or the delta snapshots and temporary
// tables, that a run made for one table.
type BaseInput struct {
	Pair
	Table  string `json:"table"`
	RunKey string `json:"runKey"`
}

// CleanupInput names what a finished run may leave behind.
type CleanupInput struct {
	Pair
	Tables   []string `json:"tables"`
	RunKey   string   `json:"runKey"`
	Baseline Baseline `json:"baseline"`
}

// Leftovers lists what a run still has on the clusters, in words.
type Leftovers struct {
	Items []string `json:"items"`
}

// Add sums up.
func (r *CopyResult) Add(o CopyResult) {
	r.Files += o.Files
	r.Bytes += o.Bytes
	r.Copied += o.Copied
	r.Adopted += o.Adopted
	r.SourceLogs = max(r.SourceLogs, o.SourceLogs)
	r.SourceLow = cmp.Or(r.SourceLow, o.SourceLow)
}

// Progress is what a heart beats: how far a piece of work has come. Its JSON
// is that of step.Progress.
type Progress struct {
	Name  string `json:"name"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	Unit  string `json:"unit,omitempty"`
}

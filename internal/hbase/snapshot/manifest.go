// Package snapshot reads HBase snapshots where they are kept, in files under
// the root directory, and says which physical files they need. It never talks
// to HBase. Formats are those of HBase 2.x (SnapshotManifestV2): .snapshotinfo
// is a bare SnapshotDescription, data.manifest a bare SnapshotDataManifest.
package snapshot

import (
	"bytes"
	"cmp"
	"path"
	"strings"

	"drover/internal/hbase/hbasepb"
)

// Names of a snapshot's files and of the directories around them.
const (
	Dir             = ".hbase-snapshot"
	DescriptionFile = ".snapshotinfo"
	ManifestFile    = "data.manifest"
	workingDir      = ".tmp"
)

// Path is the directory of a completed snapshot.
func Path(root, name string) string { return path.Join(root, Dir, name) }

// Manifest is one snapshot as read. It is not changed after Read and may be
// used by many goroutines.
type Manifest struct {
	Name        string
	Description *hbasepb.SnapshotDescription
	Schema      *hbasepb.TableSchema
	Regions     []Region // as they stand in data.manifest
}

// Region is one region of the snapshot. A split parent whose daughters still
// refer to its files is among them, see Retired.
type Region struct {
	Info    *hbasepb.RegionInfo
	Name    []byte // full name, "<table>,<start>,<id>.<encoded>."
	Encoded string
	Stores  []StoreFile // nil where they are told one by one, see Walk
}

// StoreFile is one entry of a region: what the region's server opens.
type StoreFile struct {
	Family    string
	Entry     string             // the name as it stands in the region
	Reference *hbasepb.Reference // the half it stands for, or nil for a whole file
	File      File               // the physical file behind it
}

// File is one physical file.
type File struct {
	Namespace, Table, Region, Family, Name string
	// Size is the length in bytes that the snapshot recorded, or -1 when it
	// recorded none.
	Size int64
}

// Retired reports whether the region serves no keys: its daughters do.
func (r Region) Retired() bool { return r.Info.GetSplit() || r.Info.GetOffline() }

// MOB reports whether this is the pseudo-region that holds a table's MOB files
// (MobUtils.getMobRegionInfo). It serves no keys.
func (r Region) MOB() bool {
	return r.Info.GetRegionId() == 0 && bytes.Equal(r.Info.GetStartKey(), []byte(".mob"))
}

// Path is the file's place below a data directory:
// "<namespace>/<table>/<region>/<family>/<name>".
func (f File) Path() string { return string(f.AppendPath(nil)) }

// AppendPath appends Path to b, for those who need it of very many files.
func (f File) AppendPath(b []byte) []byte {
	for _, dir := range [...]string{f.Namespace, f.Table, f.Region, f.Family} {
		b = append(append(b, dir...), '/')
	}
	return append(b, f.Name...)
}

// ArchivePath is where an export puts the file, MOB files too: HBase finds the
// files of a snapshot there when no table owns them.
func (f File) ArchivePath(root string) string { return path.Join(root, "archive/data", f.Path()) }

// Candidates are the places where the file may be in a cluster, in the order
// HBase looks (HFileLink): files move from the first to the second at any time,
// so one that is in none of them is to be looked for again.
func (f File) Candidates(root string) []string {
	p := f.Path()
	return []string{
		path.Join(root, "data", p),
		path.Join(root, "archive/data", p),
		path.Join(root, ".tmp/data", p),
		path.Join(root, "mobdir/data", p),
	}
}

// Compare orders files by their path.
func (f File) Compare(o File) int {
	return cmp.Or(
		strings.Compare(f.Namespace, o.Namespace),
		strings.Compare(f.Table, o.Table),
		strings.Compare(f.Region, o.Region),
		strings.Compare(f.Family, o.Family),
		strings.Compare(f.Name, o.Name),
	)
}

// Table returns the namespace and the name of the table the snapshot is of.
func (m *Manifest) Table() (namespace, name string) {
	t := m.Schema.GetTableName()
	namespace = string(t.GetNamespace())
	if namespace == "" {
		namespace = DefaultNamespace
	}
	return namespace, string(t.GetQualifier())
}

package plan

import "fmt"

// Kind says what happened to a path. The values are the labels of
// org.apache.hadoop.hdfs.protocol.SnapshotDiffReport.DiffType.
type Kind byte

// The four kinds of a change.
const (
	Modified Kind = 'M'
	Created  Kind = '+'
	Deleted  Kind = '-'
	Renamed  Kind = 'R'
)

// String returns the label as Hadoop prints it.
func (k Kind) String() string { return string(rune(k)) }

// MarshalText writes the label.
func (k Kind) MarshalText() ([]byte, error) { return []byte{byte(k)}, nil }

// UnmarshalText reads a label.
func (k *Kind) UnmarshalText(text []byte) error {
	if len(text) != 1 || !Kind(text[0]).known() {
		return fmt.Errorf("kind of change %q: want M, +, - or R", text)
	}
	*k = Kind(text[0])
	return nil
}

func (k Kind) known() bool {
	return k == Modified || k == Created || k == Deleted || k == Renamed
}

// Change is one entry of a difference. Paths are relative to the root of the
// tree, slash-separated; "" is the root. Which of the two trees a path names is
// explained at the package.
type Change struct {
	Kind   Kind   `json:"k"`
	Path   string `json:"p"`
	Target string `json:"t,omitempty"` // of a Renamed only
	// FileID is the inode's number where the paged listing told it, else 0.
	FileID uint64 `json:"id,omitempty"`
	// Dir tells a directory from a file or a symbolic link where DirKnown.
	Dir      bool `json:"dir,omitempty"`
	DirKnown bool `json:"dirKnown,omitempty"`
}

// Diff is what has to change to come from snapshot From to snapshot To; "" is
// the tree as it is now.
type Diff struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Changes []Change `json:"changes"`
	// Backward means that From is the later of the two: the way back. Hadoop
	// then reports kinds for the way back and paths of the earlier tree, To.
	// Whoever asks must know it: the text does not say it, except where From
	// is the current tree.
	Backward bool `json:"backward,omitempty"`
}

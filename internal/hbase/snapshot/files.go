package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"

	"drover/internal/storage"
)

// Files are the physical files a snapshot needs. It holds neither the regions
// nor their files, only what tells the files that links and references lead to,
// 16 bytes each.
type Files struct {
	store      storage.Reader
	root, name string
	// shared are, in order, the files that stand in the manifest by another
	// name: only those can stand there twice.
	shared []fileHash
}

// ListFiles reads the snapshot name under the HBase root directory.
func ListFiles(ctx context.Context, store storage.Reader, root, name string) (*Files, error) {
	l := &Files{store: store, root: root, name: name}
	_, err := Walk(ctx, store, root, name, Visitor{File: func(s StoreFile) {
		if s.Entry != s.File.Name {
			l.shared = append(l.shared, s.File.hash())
		}
	}})
	slices.SortFunc(l.shared, fileHash.compare)
	l.shared = slices.Compact(l.shared)
	return l, err
}

// Each reads the snapshot again and tells fn of every file exactly once, however
// many links and references lead to it: the same files, in the same order, each
// time. What else the snapshot says is returned.
func (l *Files) Each(ctx context.Context, fn func(File)) (*Manifest, error) {
	told := make([]bool, len(l.shared))
	return Walk(ctx, l.store, l.root, l.name, Visitor{File: func(s StoreFile) {
		if len(told) > 0 {
			if i, ok := slices.BinarySearchFunc(l.shared, s.File.hash(), fileHash.compare); ok {
				if told[i] {
					return
				}
				told[i] = true
			}
		}
		fn(s.File)
	}})
}

// fileHash stands for a file's path: half a SHA-256 of it.
type fileHash [sha256.Size / 2]byte

func (f File) hash() fileHash {
	sum := sha256.Sum256(f.AppendPath(make([]byte, 0, 256)))
	return fileHash(sum[:sha256.Size/2])
}

func (h fileHash) compare(o fileHash) int { return bytes.Compare(h[:], o[:]) }

package ledger

import (
	"strings"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
	"drover/internal/storage"
)

// Record is one file or directory as it was brought: the source's entry, with
// all the attributes that the target may not be able to hold, and what the
// target said of it afterwards.
type Record struct {
	tree.Entry
	// Sum is the file's checksum as HDFS defines it, cut at the entry's block
	// size; CRC is the CRC32C of all its bytes. Both are of the bytes that were
	// read back from the target.
	Sum string `json:"sum,omitempty"`
	CRC uint32 `json:"crc,omitempty"`
	// Tag and Stored are the target's own: its mark for the content (an ETag),
	// and its modification time in nanoseconds where it has no such mark.
	Tag    string `json:"tag,omitempty"`
	Stored int64  `json:"st,omitempty"`
}

// checksum of the record's file.
func (r Record) checksum() storage.Checksum {
	return storage.Checksum{BlockSize: r.BlockSize, Sum: r.Sum}
}

// ComparePaths orders paths as a listing of the source does: a directory before
// what it holds, nothing between the two, names by namenode.CompareNames. It is
// the order of a ledger.
func ComparePaths(a, b string) int {
	for a != "" && b != "" {
		nameA, restA, _ := strings.Cut(a, "/")
		nameB, restB, _ := strings.Cut(b, "/")
		if c := namenode.CompareNames(nameA, nameB); c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return len(a) - len(b)
}

// within reports whether path is dir or lies below it.
func within(path, dir string) bool {
	return dir == "" || path == dir || strings.HasPrefix(path, dir) && path[len(dir)] == '/'
}

// parent returns the directory of a path, "" for the root's entries.
func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	if name == "" {
		return dir
	}
	return dir + "/" + name
}

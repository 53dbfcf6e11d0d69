package tree

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Local describes a tree of this machine to take over.
type Local struct {
	Dir string
	// MaxFiles ends the import after as many files; 0 takes all.
	MaxFiles  int
	BlockSize int64 // of the files in HDFS, bytes; default MiB
}

// Nodes walks the tree in lexical order and gives its files and directories
// with their modes and times. What HDFS cannot hold or what is no file is left
// out: symbolic links, devices, names with a colon or not in UTF-8.
func (l Local) Nodes() Nodes {
	if l.BlockSize == 0 {
		l.BlockSize = MiB
	}
	return func(yield func(Node, error) bool) {
		files := 0
		err := filepath.WalkDir(l.Dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if l.MaxFiles > 0 && files == l.MaxFiles {
				return fs.SkipAll
			}
			n, ok, err := l.node(name, entry)
			switch {
			case err != nil:
				return err
			case !ok && entry.IsDir():
				return fs.SkipDir
			case !ok:
				return nil
			case !n.Dir:
				files++
			}
			if !yield(n, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Node{}, fmt.Errorf("import %s: %w", l.Dir, err))
		}
	}
}

// node gives the node of one entry, or false when HDFS cannot hold it.
func (l Local) node(name string, entry fs.DirEntry) (Node, bool, error) {
	relative, err := filepath.Rel(l.Dir, name)
	if err != nil {
		return Node{}, false, err
	}
	if relative = filepath.ToSlash(relative); relative == "." {
		relative = ""
	}
	regular := entry.Type().IsRegular()
	if !entry.IsDir() && !regular || strings.Contains(relative, ":") || !utf8.ValidString(relative) {
		return Node{}, false, nil
	}
	info, err := entry.Info()
	if err != nil {
		return Node{}, false, err
	}
	n := Node{Path: relative, Dir: entry.IsDir()}
	n.Attr = Attr{Mode: uint16(info.Mode().Perm()), ModTime: info.ModTime().UnixMilli()}
	if regular {
		n.Content = localFile{path: name, size: info.Size()}
		n.Attr.BlockSize, n.Attr.Replication = l.BlockSize, 1
	}
	return n, true, nil
}

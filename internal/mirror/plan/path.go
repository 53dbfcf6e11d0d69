package plan

import (
	"cmp"
	"fmt"
	"strings"
)

// checkPath refuses what cannot be a path inside a tree.
func checkPath(path string) error {
	if path == "" {
		return nil
	}
	for name := range strings.SplitSeq(path, "/") {
		switch name {
		case "", ".", "..":
			return fmt.Errorf("path %q is not clean", path)
		case ".snapshot", ".reserved":
			return fmt.Errorf("path %q holds the reserved name %q", path, name)
		}
	}
	return nil
}

// parent returns the directory of a path other than the root.
func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

// base returns the last name of a path.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// within returns the rest of path under dir, and whether path is dir or lies in
// it.
func within(path, dir string) (rest string, ok bool) {
	if dir == "" {
		return path, true
	}
	rest, ok = strings.CutPrefix(path, dir)
	if !ok || rest == "" {
		return rest, ok
	}
	return strings.CutPrefix(rest, "/")
}

// comparePaths orders a tree so that a directory stands before all it holds and
// nothing stands between them ("a", "a/b", "a-b").
func comparePaths(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		if a[i] == '/' {
			return -1
		}
		if b[i] == '/' {
			return 1
		}
		return cmp.Compare(a[i], b[i])
	}
	return cmp.Compare(len(a), len(b))
}

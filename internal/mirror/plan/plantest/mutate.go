package plantest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Mutation is one change of a tree, to be done on this file system and on a real
// one alike.
type Mutation struct {
	Op   string // mkdir create resize chmod rename delete
	Path string
	To   string // rename
	Size int64  // create, resize
	Mode uint16 // chmod
}

func (m Mutation) String() string {
	return fmt.Sprintf("%s %q %q %d %o", m.Op, m.Path, m.To, m.Size, m.Mode)
}

// Do carries a mutation out.
func (f *FS) Do(m Mutation) error {
	switch m.Op {
	case "mkdir":
		return f.Mkdir(m.Path)
	case "create":
		return f.Create(m.Path, m.Size)
	case "resize":
		return f.Resize(m.Path, m.Size)
	case "chmod":
		return f.Chmod(m.Path, m.Mode)
	case "rename":
		return f.Rename(m.Path, m.To)
	case "delete":
		return f.Delete(m.Path)
	}
	return fmt.Errorf("unknown mutation %q", m.Op)
}

// names are few, so that they are used again and again.
var names = []string{"a", "b", "c", "d", "e f", "50%", "x->y", "größe", "日本", "a-b"}

// Random picks a mutation that f allows, below one of the directories roots. It
// renames between roots too.
func Random(rng *rand.Rand, f *FS, roots ...string) Mutation {
	for {
		m := attempt(rng, f, roots)
		probe := &FS{root: f.root.Snapshot(), last: f.last, data: f.data}
		if probe.Do(m) == nil {
			return m
		}
	}
}

func attempt(rng *rand.Rand, f *FS, roots []string) Mutation {
	root := roots[rng.IntN(len(roots))]
	var dirs, files, all []string
	f.Find(root).Walk(func(path string, n *Node) bool {
		full := strings.TrimSuffix(root+"/"+path, "/")
		if n.Dir {
			dirs = append(dirs, full)
		} else {
			files = append(files, full)
		}
		if path != "" {
			all = append(all, full)
		}
		return true
	})
	free := func() string { return dirs[rng.IntN(len(dirs))] + "/" + names[rng.IntN(len(names))] }
	switch p := rng.IntN(100); {
	case p < 20 || len(all) == 0:
		return Mutation{Op: "mkdir", Path: free()}
	case p < 35 || len(files) == 0:
		return Mutation{Op: "create", Path: free(), Size: int64(rng.IntN(3)) * 10}
	case p < 45:
		return resize(rng, f, files)
	case p < 50:
		return Mutation{Op: "chmod", Path: all[rng.IntN(len(all))], Mode: 0o700 + uint16(rng.IntN(64))}
	case p < 65:
		return Mutation{Op: "delete", Path: all[rng.IntN(len(all))]}
	default:
		to := free()
		if len(roots) > 1 && rng.IntN(4) == 0 {
			to = roots[rng.IntN(len(roots))] + "/" + names[rng.IntN(len(names))]
		}
		return Mutation{Op: "rename", Path: all[rng.IntN(len(all))], To: to}
	}
}

// resize appends mostly: a real truncate inside a block is slow.
func resize(rng *rand.Rand, f *FS, files []string) Mutation {
	path := files[rng.IntN(len(files))]
	size := f.Find(path).Size
	if rng.IntN(4) == 0 {
		return Mutation{Op: "resize", Path: path, Size: size / 2}
	}
	return Mutation{Op: "resize", Path: path, Size: size + 1 + int64(rng.IntN(5))}
}

package tree

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"path"
)

// Nodes are nodes one by one, parents before children; an error ends them.
type Nodes = iter.Seq2[Node, error]

// All gives the nodes of a slice.
func All(nodes []Node) Nodes {
	return func(yield func(Node, error) bool) {
		for _, n := range nodes {
			if !yield(n, nil) {
				return
			}
		}
	}
}

// Uniform describes a tree of equal files for benchmarks, of any number in flat
// memory.
type Uniform struct {
	Seed      uint64
	Dirs      int   // below the root; each holds as many files as the others
	Files     int   // in all
	Size      int64 // bytes of each; 0 costs the NameNode two calls and no block
	Filled    int   // how many, the first, have that size; the rest is empty; 0 means all
	BlockSize int64 // bytes
}

// Nodes draws the tree, root first, a directory's files right after it. The
// files of the first directories are the same whatever Dirs and Files are, if
// their quotient is the same.
func (u Uniform) Nodes() Nodes {
	return func(yield func(Node, error) bool) {
		if !yield(Node{Dir: true}, nil) {
			return
		}
		rng := rand.New(rand.NewPCG(u.Seed, 2))
		done := 0
		for d := range u.Dirs {
			dir := fmt.Sprintf("dir%05d", d)
			if !yield(Node{Path: dir, Dir: true}, nil) {
				return
			}
			for last := u.Files * (d + 1) / u.Dirs; done < last; done++ {
				n := Node{
					Path: path.Join(dir, fmt.Sprintf("file%08d", done)),
					Attr: Attr{BlockSize: u.BlockSize, Replication: 1},
				}
				if u.Size > 0 && (u.Filled == 0 || done < u.Filled) {
					n.Content = Piece{Seed: rng.Uint64(), Bytes: u.Size}
				}
				if !yield(n, nil) {
					return
				}
			}
		}
	}
}
